/**
 * The devices of bench/fleet.ts: each with its own certificate, over mutual TLS 1.3, as an IoT device of Azure's protocol that listens for
 * desired properties and methods. Told what to do by its parent, over IPC.
 *
 *   node bench/fleet-load.ts --port 8883 --certs DIR --clients 10000
 */
import type { TLSSocket } from 'node:tls'
import { FrameReader, encode } from '#wire/mqtt'
import { nameOf, open, options, summary, wait } from './clients.ts'
import type { Order, Told } from './fleet-orders.ts'

const clients = Number(options.clients)
const filters = ['$iothub/twin/res/#', '$iothub/twin/PATCH/properties/desired/#', '$iothub/methods/POST/#']
const subscriptions = filters.map((filter) => ({
  filter,
  qos: 0 as const,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0 as const,
}))

/** What all devices saw since it was last asked. */
const seen = { answered: 0, refused: 0, firstRefusal: '', methods: 0 }
/** When the desired property `wave` of this value came, by device, in milliseconds of the epoch. */
let wave: { readonly value: number; readonly at: Map<string, number> } = { value: -1, at: new Map() }
const latencies: number[] = []
let counting = false
/** When each connection ended, once that is expected; in milliseconds of the epoch. */
const ends: number[] = []
let isEndExpected = false

/** One device: answers every method at once, notes desired properties, and reports as it is told. */
class Device {
  readonly name: string
  readonly #socket: TLSSocket
  readonly #reader = new FrameReader({ role: 'client', version: 4 })
  readonly #sentAt = new Map<string, number>()
  #rid = 0
  /** Called when a report was answered. */
  onAnswer: () => void = () => {}

  constructor(name: string, socket: TLSSocket) {
    this.name = name
    this.#socket = socket
    this.#reader.allow(1024 * 1024)
    // CONNACK has been read by whoever opened the connection.
    this.#reader.push(Buffer.from([0x20, 2, 0, 0]))
    this.#reader.next()
    socket.on('data', (bytes: Buffer) => this.#receive(bytes))
    socket.on('error', (error) => {
      if (!isEndExpected) throw error
    })
    socket.on('close', () => ends.push(Date.now()))
  }

  subscribe(): Promise<void> {
    return new Promise((resolve) => {
      this.onAnswer = resolve
      this.#socket.write(encode({ type: 'subscribe', packetId: 1, subscriptions }, 4))
    })
  }

  report(patch: object): void {
    const rid = `${++this.#rid}`
    this.#sentAt.set(rid, performance.now())
    this.#publish(`$iothub/twin/PATCH/properties/reported/?$rid=${rid}`, Buffer.from(JSON.stringify(patch)))
  }

  #publish(topic: string, payload: Buffer): void {
    this.#socket.write(encode({ type: 'publish', topic, payload, qos: 0, retain: false, dup: false }, 4))
  }

  #receive(bytes: Buffer): void {
    this.#reader.push(bytes)
    for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
      if (packet.type === 'malformed') throw new Error(`the server sent ${packet.message}`)
      if (packet.type === 'suback') this.onAnswer()
      if (packet.type === 'publish') this.#take(packet.topic, packet.payload)
    }
  }

  #take(topic: string, payload: Buffer): void {
    const answer = /^\$iothub\/twin\/res\/(\d+)\/\?\$rid=([^&]*)/.exec(topic)
    if (answer !== null) return this.#answered(answer[1] ?? '', answer[2] ?? '', payload)
    const method = /^\$iothub\/methods\/POST\/[^/]+\/\?\$rid=(.*)$/.exec(topic)
    if (method !== null) {
      seen.methods++
      return this.#publish(`$iothub/methods/res/200/?$rid=${method[1] ?? ''}`, Buffer.from('{"ok":true}'))
    }
    const desired: { wave?: number } = JSON.parse(payload.toString())
    if (desired.wave === wave.value) wave.at.set(this.name, Date.now())
  }

  #answered(status: string, rid: string, payload: Buffer): void {
    const sentAt = this.#sentAt.get(rid)
    this.#sentAt.delete(rid)
    if (status !== '204') {
      seen.refused++
      seen.firstRefusal ||= `${status} ${payload.toString().slice(0, 200)}`
    } else if (counting) {
      seen.answered++
      if (sentAt !== undefined && latencies.length < 1_000_000) latencies.push(performance.now() - sentAt)
    }
    this.onAnswer()
  }
}

/** Connects everybody, a few at a time, and waits for their subscriptions. */
async function connectAll(): Promise<readonly Device[]> {
  const all: Device[] = []
  const atOnce = Number(options['at-once'])
  while (all.length < clients)
    all.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(atOnce, clients - all.length) }, async (_, index) => {
          const name = nameOf(all.length + index)
          const device = new Device(name, await open(all.length + index, undefined, name))
          await device.subscribe()
          return device
        }),
      )),
    )
  return all
}

/** Every device reports once, `atOnce` devices at a time: the twins that the queries find. */
async function reportOnce(devices: readonly Device[], atOnce: number): Promise<Told> {
  let next = 0
  const started = performance.now()
  const worker = async () => {
    for (let index = next++; index < devices.length; index = next++) {
      const device = devices[index]
      if (device === undefined) return
      await new Promise<void>((resolve) => {
        device.onAnswer = resolve
        device.report({ site: `s${index % 20}`, temperature: index % 100, firmware: { version: `1.${index % 10}.0`, state: 'idle' } })
      })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { kind: 'reported', answered: devices.length, seconds: (performance.now() - started) / 1000, ...problems() }
}

/** Each of some devices keeps `window` reports unanswered for a while. */
async function burst(devices: readonly Device[], { window, seconds, warmup }: Extract<Order, { kind: 'burst' }>): Promise<Told> {
  let isOver = false
  const flying = { now: 0 }
  let sent = 0
  const send = (device: Device) => {
    flying.now++
    device.report({ temperature: sent++ % 100, firmware: { state: sent % 2 === 0 ? 'idle' : 'busy' } })
  }
  for (const device of devices) {
    device.onAnswer = () => {
      flying.now--
      if (!isOver) send(device)
    }
    for (let at = 0; at < window; at++) send(device)
  }
  await wait(warmup * 1000)
  seen.answered = 0
  latencies.length = 0
  counting = true
  const started = performance.now()
  await wait(seconds * 1000)
  counting = false
  const elapsed = (performance.now() - started) / 1000
  isOver = true
  const answered = seen.answered
  while (flying.now > 0) await wait(5)
  return { kind: 'burst', answered, seconds: elapsed, sent, latencyMs: summary(latencies), ...problems() }
}

function problems(): { readonly refused: number; readonly firstRefusal: string } {
  const { refused, firstRefusal } = seen
  seen.refused = 0
  seen.firstRefusal = ''
  return { refused, firstRefusal }
}

async function awaitWave(devices: number, started: number): Promise<Told> {
  const patience = Date.now() + 120_000
  while (wave.at.size < devices && Date.now() < patience) await wait(2)
  const after = [...wave.at.values()].map((at) => at - started)
  return { kind: 'wave', received: after.length, latencyMs: summary(after), lastMs: Math.max(...after) }
}

async function awaitEnds(count: number, since: number): Promise<Told> {
  const patience = Date.now() + 60_000
  while (ends.length < count && Date.now() < patience) await wait(1)
  return { kind: 'ended', count: ends.length, lastMs: (ends.at(-1) ?? Number.NaN) - since }
}

const devices = await connectAll()
const tell = (told: Told) => void process.send?.(told)

async function obey(order: Order): Promise<void> {
  if (order.kind === 'report-once') tell(await reportOnce(devices, order.atOnce))
  else if (order.kind === 'burst') tell(await burst(devices.slice(0, order.devices), order))
  else if (order.kind === 'expect') {
    wave = { value: order.wave, at: new Map() }
    tell({ kind: 'expecting' })
  } else if (order.kind === 'expect-end') {
    isEndExpected = true
    tell({ kind: 'expecting-end' })
  } else if (order.kind === 'ended') tell(await awaitEnds(order.count, order.since))
  else if (order.kind === 'await') tell(await awaitWave(devices.length, order.since))
  else {
    tell({ kind: 'methods', called: seen.methods })
    seen.methods = 0
  }
}

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', () => process.exit(0))
tell({ kind: 'ready', connected: devices.length })
