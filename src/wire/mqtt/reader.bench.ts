import { parser } from 'mqtt-packet'
import { acknowledgeBytes, writeAcknowledge } from './acknowledge.ts'
import { encode } from './codec.ts'
import type { Properties, ProtocolVersion, QoS } from './packet.ts'
import { publishHead, writePublishHead } from './publish.ts'
import { FrameReader } from './reader.ts'

// Packets a second on one core, ours and mqtt-packet's, from the same chunk in one run: 128-byte payload, 30-byte topic, 64 KiB.
// Run it with `node src/wire/mqtt/reader.bench.ts`. The ratio is what counts; the machine decides the rest.

const topic = 'plant/7/line/3/pump-12/temps-1'
const payload = Buffer.alloc(128, 0x2a)
const chunkBytes = 64 * 1024
const runMs = 700

function chunkOf(
  version: ProtocolVersion,
  qos: QoS,
  topics: readonly string[],
  properties?: Properties,
): { readonly chunk: Buffer; readonly packets: number } {
  const packets: Buffer[] = []
  let bytes = 0
  for (let n = 0; ; n++) {
    const packetId = qos === 0 ? undefined : (n % 65_535) + 1
    const packet = encode(
      { type: 'publish', topic: topics[n % topics.length] ?? topic, payload, qos, retain: false, dup: false, packetId, properties },
      version,
    )
    if (bytes + packet.length > chunkBytes) return { chunk: Buffer.concat(packets), packets: n }
    packets.push(packet)
    bytes += packet.length
  }
}

/** Runs `work`, which handles `count` things a call, for a while after a warm-up; things a second, best of three. */
function rate(count: number, work: () => number): number {
  let best = 0
  for (let round = 0; round < 4; round++) {
    let done = 0
    const started = performance.now()
    let elapsed = 0
    while (elapsed < runMs) {
      for (let i = 0; i < 20; i++) if (work() !== count) throw new Error('the parser lost packets')
      done += 20 * count
      elapsed = performance.now() - started
    }
    if (round > 0) best = Math.max(best, done / (elapsed / 1000))
  }
  return best
}

function opened(version: ProtocolVersion): FrameReader {
  const reader = new FrameReader({ role: 'server' })
  reader.push(encode({ type: 'connect', version, clientId: 'bench', cleanStart: true, keepAliveSeconds: 60 }, version))
  reader.next()
  return reader
}

function ours(version: ProtocolVersion, chunk: Buffer): () => number {
  const reader = opened(version)
  return () => {
    reader.push(chunk)
    let packets = 0
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      if (packet.type === 'malformed') throw new Error(packet.message)
      packets += 1
    }
    return packets
  }
}

function theirs(version: ProtocolVersion, chunk: Buffer): () => number {
  let packets = 0
  const other = parser({ protocolVersion: version })
  other.on('packet', () => (packets += 1))
  return () => {
    packets = 0
    other.parse(chunk)
    return packets
  }
}

const say = (name: string, perSecond: number, extra = '') =>
  console.log(`${name.padEnd(44)}${(perSecond / 1e6).toFixed(2).padStart(8)} M/s${extra}`)
const many = Array.from({ length: 64 }, (_, n) => `plant/7/line/3/pump-12/t-${String(n).padStart(5, '0')}`)

for (const version of [4, 5] as const) {
  for (const qos of [0, 1] as const) {
    const { chunk, packets } = chunkOf(version, qos, [topic])
    const we = rate(packets, ours(version, chunk))
    const they = rate(packets, theirs(version, chunk))
    say(`decode PUBLISH, level ${version}, QoS ${qos}, one topic`, we)
    say('  the same by mqtt-packet', they, `   ${(we / they).toFixed(1)}x`)
  }
}
const mixed = chunkOf(4, 1, many)
say('decode PUBLISH, level 4, QoS 1, 64 topics', rate(mixed.packets, ours(4, mixed.chunk)))
const rich: Properties = {
  contentType: 'application/json',
  userProperties: [
    ['site', 'north'],
    ['line', '3'],
  ],
}
const described = chunkOf(5, 1, [topic], rich)
const we = rate(described.packets, ours(5, described.chunk))
const they = rate(described.packets, theirs(5, described.chunk))
say('decode PUBLISH, level 5, QoS 1, 3 properties', we)
say('  the same by mqtt-packet', they, `   ${(we / they).toFixed(1)}x`)

const out = Buffer.alloc(chunkBytes)
say(
  'write PUBACK',
  rate(1000, () => {
    let at = 0
    for (let id = 1; id <= 1000; id++) at = writeAcknowledge(out, at, 'puback', id)
    return at / acknowledgeBytes
  }),
)
const head = publishHead({ topic, qos: 1, retain: false, payloadBytes: payload.length }, 5)
say(
  'write PUBLISH head for one more subscriber',
  rate(1000, () => {
    let at = 0
    for (let id = 1; id <= 1000; id++) at = writePublishHead(head, out, at, id)
    return at / head.bytes.length
  }),
)
