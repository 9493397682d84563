/**
 * Loads with subscribers, and storms: MQTT 3.1.1 over mutual TLS 1.3, all clients in one process. Prints one line of JSON.
 *
 *   node bench/scenes.ts --port 8883 --certs DIR --mode fan-out --subscribers 1000     one publisher, every message to every subscriber
 *   ... --mode pairs --pairs 50 [--rate 5000]                                          each publisher has one subscriber; without a rate as fast as PUBACKs come
 *   ... --mode storm --clients 10000 --at-once 500                                     everybody connects, is cut off and comes back
 *   ... --mode wildcards --clients 1000 --filters 100000                               subscriptions with wildcards, and what matching costs then
 *
 * Topics lie under bench/, where every client must be allowed to publish and to subscribe.
 */
import type { TLSSocket } from 'node:tls'
import { FrameReader, encode } from '#wire/mqtt'
import { nameOf, open, openAll, options, round, summary, wait } from './clients.ts'

const seconds = Number(options.seconds)
const warmupMs = Number(options.warmup) * 1000
const payloadBytes = Number(options.payload)

type Received = { readonly bytes: number; readonly sentAt: number }

/** Feeds what a socket receives to `onPublish`, and answers QoS 1 in one write a chunk. `onAck` counts PUBACKs. */
function listen(socket: TLSSocket, onPublish: (received: Received) => void, onAck: () => void = () => {}): void {
  const reader = new FrameReader({ role: 'client', version: 4 })
  reader.allow(1024 * 1024)
  // CONNACK has been read by whoever opened the connection.
  reader.push(Buffer.from([0x20, 2, 0, 0]))
  reader.next()
  socket.on('data', (bytes: Buffer) => {
    reader.push(bytes)
    const answers: Buffer[] = []
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      if (packet.type === 'malformed') throw new Error(`the server sent ${packet.message}`)
      if (packet.type === 'puback') onAck()
      if (packet.type !== 'publish') continue
      if (packet.packetId !== undefined && packet.qos === 1)
        answers.push(encode({ type: 'puback', packetId: packet.packetId, reasonCode: 0 }, 4))
      onPublish({ bytes: packet.payload.length, sentAt: packet.payload.length >= 8 ? packet.payload.readDoubleLE(0) : 0 })
    }
    if (answers.length > 0) socket.write(Buffer.concat(answers))
  })
  socket.on('error', (error) => {
    throw error
  })
}

/** Subscribes and resolves when SUBACK says that every filter was granted. The socket must not be listened to yet. */
async function subscribe(socket: TLSSocket, filters: readonly string[], qos: 0 | 1): Promise<void> {
  const subscriptions = filters.map((filter) => ({ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 as const }))
  const answered = new Promise<Buffer>((resolve) => socket.once('data', resolve))
  socket.write(encode({ type: 'subscribe', packetId: 1, subscriptions }, 4))
  const answer = await answered
  const codes = answer.subarray(answer.length - filters.length)
  if (answer[0] !== 0x90 || codes.some((code) => code > 2)) throw new Error(`not granted: ${answer.toString('hex').slice(0, 80)}`)
}

function stamped(topic: string, packetId: number): Buffer {
  const payload = Buffer.alloc(payloadBytes, 0x61)
  payload.writeDoubleLE(performance.now(), 0)
  return encode({ type: 'publish', topic, payload, qos: 1, retain: false, dup: false, packetId }, 4)
}

/** Keeps `window` publishes unacknowledged until `isOver`. */
function publishAsAcknowledged(socket: TLSSocket, topicOf: () => string, window: number, isOver: () => boolean, onAck: () => void): void {
  let packetId = 0
  const send = () => socket.write(stamped(topicOf(), (packetId = (packetId % 65_000) + 1)))
  listen(
    socket,
    () => {},
    () => {
      onAck()
      if (!isOver()) send()
    },
  )
  for (let at = 0; at < window; at++) send()
}

type Count = { deliveries: number; acknowledged: number; latencies: number[]; counting: boolean; over: boolean }

/** Runs the warm-up and the measured time, then waits until nothing is under way any more. */
async function measure(count: Count): Promise<{ readonly elapsed: number; readonly loadCpu: number }> {
  await wait(warmupMs)
  count.counting = true
  const started = performance.now()
  const cpu = process.cpuUsage()
  await wait(seconds * 1000)
  count.counting = false
  const elapsed = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  count.over = true
  return { elapsed, loadCpu: round((used.user + used.system) / 1e6 / elapsed) }
}

function newCount(): Count {
  return { deliveries: 0, acknowledged: 0, latencies: [], counting: false, over: false }
}

function take(count: Count): (received: Received) => void {
  return ({ sentAt }) => {
    if (!count.counting) return
    count.deliveries++
    if (count.latencies.length < 1_000_000) count.latencies.push(performance.now() - sentAt)
  }
}

async function fanOut(): Promise<object> {
  const subscribers = Number(options.subscribers)
  const [publisher, ...others] = await openAll(subscribers + 1)
  if (publisher === undefined) throw new Error('no publisher')
  const count = newCount()
  const counted = take(count)
  // At most so many broadcasts under way: an endless queue would measure the queue.
  const window = Math.max(2, Number(options.window))
  let published = 0
  let delivered = 0
  const send = () => {
    while (!count.over && published * subscribers - delivered < window * subscribers)
      publisher.write(stamped('bench/all', (published++ % 65_000) + 1))
  }
  for (const socket of others) {
    await subscribe(socket, ['bench/all'], 1)
    listen(socket, (received) => {
      counted(received)
      delivered++
      send()
    })
  }
  listen(publisher, () => {})
  send()
  const { elapsed, loadCpu } = await measure(count)
  return { deliveriesPerSecond: Math.round(count.deliveries / elapsed), latencyMs: summary(count.latencies), loadCpu }
}

async function pairs(): Promise<object> {
  const number = Number(options.pairs)
  const sockets = await openAll(number * 2)
  const count = newCount()
  const publishers = sockets.slice(0, number)
  for (const [index, socket] of sockets.slice(number).entries()) {
    await subscribe(socket, [`bench/pair/${index}`], 1)
    listen(socket, take(count))
  }
  const acknowledged = () => {
    if (count.counting) count.acknowledged++
  }
  const rate = Number(options.rate)
  if (rate === 0)
    for (const [index, socket] of publishers.entries())
      publishAsAcknowledged(
        socket,
        () => `bench/pair/${index}`,
        Number(options.window),
        () => count.over,
        acknowledged,
      )
  else paced(publishers, rate, count, acknowledged)
  const { elapsed, loadCpu } = await measure(count)
  return { deliveriesPerSecond: Math.round(count.deliveries / elapsed), latencyMs: summary(count.latencies), loadCpu }
}

/** An open loop: so many messages a second over all publishers, whether or not they are acknowledged, evenly spread. */
function paced(publishers: readonly TLSSocket[], rate: number, count: Count, onAck: () => void): void {
  for (const socket of publishers) listen(socket, () => {}, onAck)
  let sent = 0
  const started = performance.now()
  const tick = () => {
    if (count.over) return
    const owed = Math.floor(((performance.now() - started) / 1000) * rate)
    for (; sent < owed; sent++) {
      const index = sent % publishers.length
      publishers[index]?.write(stamped(`bench/pair/${index}`, (Math.floor(sent / publishers.length) % 65_000) + 1))
    }
    setImmediate(tick)
  }
  tick()
}

/** Connects `total` clients from number `first` on, `atOnce` at a time; resolves to the sockets, the seconds and how long each took. */
async function rush(
  total: number,
  atOnce: number,
  first = 0,
): Promise<{ readonly sockets: TLSSocket[]; readonly seconds: number; readonly latencies: number[]; readonly retries: number }> {
  const sockets: TLSSocket[] = []
  const latencies: number[] = []
  let next = 0
  let retries = 0
  const started = performance.now()
  const one = async () => {
    while (next < total) {
      const index = next++
      const from = performance.now()
      for (;;) {
        try {
          sockets.push(await open(first + index))
          break
        } catch {
          // A server may turn a client away in a storm; a client comes again.
          retries++
          await wait(200)
        }
      }
      latencies.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return { sockets, seconds: (performance.now() - started) / 1000, latencies, retries }
}

async function storm(): Promise<object> {
  const total = Number(options.clients)
  const atOnce = Number(options['at-once'])
  const first = await rush(total, atOnce)
  const witness = await open(total, undefined, 'witness')
  const witnessed: number[] = []
  let over = false
  listen(
    witness,
    () => {},
    () => {
      witnessed.push(performance.now() - sentAt)
      if (!over) setTimeout(ask, 5)
    },
  )
  let sentAt = 0
  const ask = () => {
    sentAt = performance.now()
    witness.write(stamped(`devices/${nameOf(total)}/messages/events/`, 1))
  }
  for (const socket of first.sockets) {
    socket.removeAllListeners('error').on('error', () => {})
    socket.destroy()
  }
  ask()
  const again = await rush(total, atOnce)
  over = true
  await wait(500)
  const open2 = again.sockets.filter((socket) => !socket.destroyed).length
  return {
    connectsPerSecond: Math.round(total / first.seconds),
    reconnectSeconds: round(again.seconds),
    reconnectMs: summary(again.latencies),
    retries: first.retries + again.retries,
    witnessMs: summary(witnessed),
    open: open2,
  }
}

async function wildcards(): Promise<object> {
  const subscribers = Number(options.clients)
  const perClient = Math.ceil(Number(options.filters) / subscribers)
  const publishers = 50
  const sockets = await openAll(publishers)
  const run = async (count: Count) => {
    let at = 0
    const topicOf = () => `bench/${(at = (at + 7919) % subscribers)}/x/${at % perClient}`
    for (const socket of sockets) {
      socket.removeAllListeners('data')
      publishAsAcknowledged(
        socket,
        topicOf,
        16,
        () => count.over,
        () => void (count.counting && count.acknowledged++),
      )
    }
    const { elapsed, loadCpu } = await measure(count)
    await wait(1_000)
    return { perSecond: Math.round(count.acknowledged / elapsed), loadCpu }
  }
  const without = await run(newCount())
  const started = performance.now()
  const listeners = await rush(subscribers, 32, publishers)
  const connected = performance.now()
  const count = newCount()
  for (const [index, socket] of listeners.sockets.entries()) {
    const filters = Array.from({ length: perClient }, (_, at) => `bench/${index}/+/${at}`)
    for (let from = 0; from < filters.length; from += 20) await subscribe(socket, filters.slice(from, from + 20), 0)
    listen(socket, take(count))
  }
  const subscribed = performance.now()
  const withAll = await run(count)
  return {
    publishesPerSecondBefore: without.perSecond,
    publishesPerSecond: withAll.perSecond,
    deliveriesPerSecond: Math.round(count.deliveries / seconds),
    subscriptionsPerSecond: Math.round((subscribers * perClient) / ((subscribed - connected) / 1000)),
    connectSeconds: round((connected - started) / 1000),
    loadCpu: withAll.loadCpu,
  }
}

const work = { 'fan-out': fanOut, pairs, storm, wildcards }[options.mode]
if (work === undefined) throw new Error(`no mode ${options.mode}`)
process.stdout.write(`${JSON.stringify(await work())}\n`)
process.exit(0)
