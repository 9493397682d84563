/**
 * A load of MQTT 3.1.1 clients over mutual TLS 1.3, each with its own certificate, in one process. It does as little as it can for each
 * message: whole windows of QoS 1 publishes are encoded beforehand, and PUBACKs are counted by their bytes. Prints one line of JSON.
 *
 *   node bench/load.ts --port 8883 --certs DIR --clients 200 --window 16 --seconds 5 --payload 128 --mode publish|handshake|resume|idle
 *
 * DIR holds root.pem and NAME.cert.pem, NAME.key.pem; every client publishes to devices/NAME/messages/events/.
 */
import { encode } from '#wire/mqtt'
import { nameOf, open, openAll, options, round, summary, wait } from './clients.ts'

const clients = Number(options.clients)
const window = Number(options.window)

async function publish(): Promise<object> {
  const sockets = await openAll(clients)
  let acknowledged = 0
  let counting = false
  const latencies: number[] = []
  for (const [index, socket] of sockets.entries()) {
    const topic = `devices/${nameOf(index)}/messages/events/`
    const packets = Array.from({ length: window }, (_, at) =>
      encode(
        {
          type: 'publish',
          topic,
          payload: Buffer.alloc(Number(options.payload), 0x61),
          qos: 1,
          retain: false,
          dup: false,
          packetId: at + 1,
        },
        4,
      ),
    )
    const whole = Buffer.concat(packets)
    let waiting = 0
    let sentAt = 0
    const send = () => {
      waiting = window * 4
      sentAt = performance.now()
      socket.write(whole)
    }
    socket.on('data', (bytes: Buffer) => {
      waiting -= bytes.length
      if (counting) acknowledged += bytes.length / 4
      if (waiting > 0) return
      if (counting && latencies.length < 2_000_000) latencies.push(performance.now() - sentAt)
      send()
    })
    socket.on('error', (error) => {
      throw error
    })
    send()
  }
  await wait(Number(options.warmup) * 1000)
  counting = true
  const started = performance.now()
  const cpu = process.cpuUsage()
  await wait(Number(options.seconds) * 1000)
  counting = false
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  return {
    acksPerSecond: Math.round(acknowledged / seconds),
    windowMs: summary(latencies),
    loadCpu: round((used.user + used.system) / 1e6 / seconds),
  }
}

/** Full or resumed handshakes with CONNECT and CONNACK, eight at a time. */
async function handshakes(resumed: boolean): Promise<object> {
  const sessions: (Buffer | undefined)[] = []
  if (resumed) {
    for (let index = 0; index < Math.min(clients, 64); index++) {
      const socket = await open(index)
      sessions.push(
        await new Promise<Buffer>((resolve) => {
          const known = socket.getSession()
          socket.on('session', resolve)
          if (known !== undefined && socket.getProtocol() === 'TLSv1.2') resolve(known)
          // TLS 1.3 sends its ticket after the handshake; it has mostly come with CONNACK already.
          setTimeout(() => resolve(socket.getSession() ?? Buffer.alloc(0)), 50)
        }),
      )
      socket.destroy()
    }
  }
  let done = 0
  let reused = 0
  let next = 0
  const end = performance.now() + Number(options.seconds) * 1000
  const started = performance.now()
  const worker = async () => {
    while (performance.now() < end) {
      const index = next++
      const slot = resumed ? index % sessions.length : index % clients
      const socket = await open(slot, resumed ? sessions[slot] : undefined)
      if (socket.isSessionReused()) reused++
      if (resumed) socket.on('session', (ticket) => (sessions[slot] = ticket))
      done++
      socket.end(encode({ type: 'disconnect', reasonCode: 0 }, 4))
      socket.on('error', () => {})
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return { done, perSecond: Math.round(done / ((performance.now() - started) / 1000)), reused: round(reused / done) }
}

/** Opens connections and holds them until the parent closes our standard input. */
async function idle(): Promise<object> {
  const sockets = await openAll(clients)
  process.stdout.write(`${JSON.stringify({ open: sockets.length })}\n`)
  await new Promise((resolve) => process.stdin.resume().on('end', resolve))
  return { open: sockets.filter((socket) => !socket.destroyed).length }
}

const work = { publish, handshake: () => handshakes(false), resume: () => handshakes(true), idle }[options.mode]
if (work === undefined) throw new Error(`no mode ${options.mode}`)
process.stdout.write(`${JSON.stringify(await work())}\n`)
process.exit(0)
