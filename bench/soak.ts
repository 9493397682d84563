/**
 * A long mix of everything on one hub: clients connect, subscribe, publish at every QoS, keep sessions, leave politely or not, and come back.
 * Samples what the hub holds, resident and after forced collections, and prints both slopes over the second half of the time.
 *
 *   node --conditions=source bench/soak.ts --minutes 30 [--clients 300] [--out FILE]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { parseArgs } from 'node:util'
import { type MqttPacket, type ProtocolVersion, FrameReader, encode } from '#wire/mqtt'
import { watchLiveMemory } from './live-memory.ts'
import { type Place, cpuSeconds, residentBytes, startHub } from './peers.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    clients: { type: 'string', default: '300' },
    rate: { type: 'string', default: '2000' },
    out: { type: 'string' },
  },
})
const minutes = Number(values.minutes)
const clients = Number(values.clients)
const messagesPerSecond = Number(values.rate)
const sampleMs = 5_000
const samplesPerCollection = 6
const directory = mkdtempSync(join(tmpdir(), 'thingwall-soak-'))
const place: Place = { directory, certs: join(directory, 'certs'), clients }
const hub = await startHub(place)
// The clients read their options from the command line, as in the other loads.
process.argv.splice(2, process.argv.length, '--port', `${hub.port}`, '--certs', place.certs, '--clients', `${clients}`)
const { connectTls, nameOf, wait } = await import('./clients.ts')

const counts = { connects: 0, published: 0, acknowledged: 0, delivered: 0, polite: 0, cut: 0, refused: 0 }
const end = performance.now() + minutes * 60_000
const pick = (below: number): number => Math.floor(Math.random() * below)

/** One visit of one client: a few seconds long, its session kept or not, its end polite or not. */
async function visit(index: number): Promise<void> {
  const version: ProtocolVersion = pick(2) === 0 ? 4 : 5
  const name = nameOf(index)
  const keepsSession = pick(3) === 0
  const socket = await connectTls(index)
  const reader = new FrameReader({ role: 'client', version })
  const isOpen = new Promise<boolean>((resolve) => {
    socket.on('data', (bytes: Buffer) => {
      reader.push(bytes)
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
        if (packet.type === 'malformed') throw new Error(`the hub sent ${packet.message}`)
        if (packet.type === 'connack') {
          resolve(packet.reasonCode === 0)
          reader.allow(1024 * 1024)
        } else answer(socket, packet, version)
      }
    })
    socket.on('close', () => resolve(false))
  })
  const expiry = version === 5 && keepsSession ? { properties: { sessionExpiryInterval: 120 } } : {}
  const will =
    pick(4) === 0 ? { will: { topic: `devices/${name}/will`, payload: Buffer.from('gone'), qos: 1 as const, retain: pick(2) === 0 } } : {}
  socket.write(
    encode(
      { type: 'connect', version, clientId: `${name}-soak`, cleanStart: !keepsSession, keepAliveSeconds: 60, ...expiry, ...will },
      version,
    ),
  )
  if (!(await isOpen)) return void counts.refused++
  counts.connects++
  const filters = [`devices/${name}/cmd/#`, `devices/${name}/+/state`, `devices/${name}/will`]
  const subscriptions = filters.map((filter) => ({
    filter,
    qos: 2 as const,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0 as const,
  }))
  socket.write(encode({ type: 'subscribe', packetId: 65_000, subscriptions }, version))
  const leaves = Math.min(end, performance.now() + 500 + pick(8_000))
  let packetId = 0
  while (performance.now() < leaves && !socket.destroyed) {
    const qos = [0, 1, 1, 1, 2][pick(5)] === 2 ? 2 : pick(4) === 0 ? 0 : 1
    // Few topics, so that all that can be retained is retained after minutes: what rises later is a leak.
    const topic = [`devices/${name}/messages/events/`, `devices/${name}/cmd/${pick(10)}`, `devices/${name}/${pick(5)}/state`][pick(3)] ?? ''
    const id = qos === 0 ? {} : { packetId: (packetId = (packetId % 60_000) + 1) }
    socket.write(
      encode({ type: 'publish', topic, payload: Buffer.alloc(pick(400), 0x61), qos, retain: pick(20) === 0, dup: false, ...id }, version),
    )
    counts.published++
    await wait((clients * 1000) / messagesPerSecond)
  }
  if (pick(2) === 0) {
    counts.polite++
    socket.end(encode({ type: 'disconnect', reasonCode: 0 }, version))
  } else {
    counts.cut++
    socket.destroy()
  }
}

function answer(socket: TLSSocket, packet: MqttPacket, version: ProtocolVersion): void {
  if (packet.type === 'publish') {
    counts.delivered++
    if (packet.packetId === undefined) return
    socket.write(encode({ type: packet.qos === 1 ? 'puback' : 'pubrec', packetId: packet.packetId, reasonCode: 0 }, version))
  } else if (packet.type === 'pubrel') socket.write(encode({ type: 'pubcomp', packetId: packet.packetId, reasonCode: 0 }, version))
  else if (packet.type === 'pubrec') {
    if (packet.reasonCode < 0x80) socket.write(encode({ type: 'pubrel', packetId: packet.packetId, reasonCode: 0 }, version))
  } else if (packet.type === 'puback' || packet.type === 'pubcomp') counts.acknowledged++
}

async function client(index: number): Promise<void> {
  await wait(pick(5_000))
  while (performance.now() < end) {
    try {
      await visit(index)
    } catch {
      counts.refused++
    }
    await wait(pick(2_000))
  }
}

type Sample = { readonly seconds: number; readonly bytes: number }

/** Least squares: bytes an hour, with the standard error of the slope. */
function slope(samples: readonly Sample[]): { readonly bytesPerHour: number; readonly standardError: number } {
  const n = samples.length
  const meanX = samples.reduce((sum, { seconds }) => sum + seconds, 0) / n
  const meanY = samples.reduce((sum, { bytes }) => sum + bytes, 0) / n
  const xx = samples.reduce((sum, { seconds }) => sum + (seconds - meanX) ** 2, 0)
  const xy = samples.reduce((sum, { seconds, bytes }) => sum + (seconds - meanX) * (bytes - meanY), 0)
  const perSecond = xy / xx
  const residual = samples.reduce((sum, { seconds, bytes }) => sum + (bytes - meanY - perSecond * (seconds - meanX)) ** 2, 0)
  return { bytesPerHour: Math.round(perSecond * 3600), standardError: Math.round(Math.sqrt(residual / (n - 2) / xx) * 3600) }
}

const samples: Sample[] = []
const live: (Sample & { readonly heapBytes: number })[] = []
const started = performance.now()
const measure = await watchLiveMemory(hub.pid)
const all = Promise.all(Array.from({ length: clients }, (_, index) => client(index)))
const sampler = setInterval(() => {
  const seconds = (performance.now() - started) / 1000
  samples.push({ seconds, bytes: residentBytes(hub.pid) })
  if (samples.length % samplesPerCollection !== 0) return
  measure()
    .then(({ heapBytes, externalBytes }) => {
      live.push({ seconds, bytes: heapBytes + externalBytes, heapBytes })
      const [resident, held] = [samples.at(-1)?.bytes ?? 0, heapBytes + externalBytes]
      process.stderr.write(
        `${Math.round(seconds)} s: ${Math.round(resident / 1e6)} MB resident, ${(held / 1e6).toFixed(1)} MB held, ${counts.connects} connects, ${counts.published} publishes\n`,
      )
    })
    .catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
}, sampleMs)
await all
clearInterval(sampler)
const result = {
  measuredAt: new Date().toISOString(),
  minutes,
  clients,
  counts,
  serverCpuSeconds: cpuSeconds(hub.pid),
  firstBytes: samples[0]?.bytes,
  lastBytes: samples.at(-1)?.bytes,
  residentSecondHalf: slope(samples.slice(Math.floor(samples.length / 2))),
  heldSecondHalf: slope(live.slice(Math.floor(live.length / 2))),
  samples,
  live,
}
await hub.stop()
rmSync(directory, { recursive: true, force: true })
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`)
process.stdout.write(`${JSON.stringify({ ...result, samples: samples.length, live: live.length })}\n`)
process.exit(0)
