import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { limits } from '#base'
import { encode } from './codec.ts'
import { readerLimits } from './decode-context.ts'
import type { ConnectPacket, ProtocolVersion } from './packet.ts'
import { FrameReader, type Next } from './reader.ts'
import { matches, parseTopicFilter } from './topic.ts'

/* Faults that other brokers and clients once had in their parsers, each as a test of ours that would have caught it. */

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')
function heapBytes(): number {
  if (typeof collect === 'function') collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const hello = (version: ProtocolVersion): ConnectPacket => ({
  type: 'connect',
  version,
  clientId: 'c',
  cleanStart: true,
  keepAliveSeconds: 60,
})

function opened(version: ProtocolVersion): FrameReader {
  const reader = new FrameReader({ role: 'server' })
  reader.push(encode(hello(version), version))
  assert.equal(reader.next()?.type, 'connect')
  reader.allow(limits.mqttPacketBytes)
  return reader
}

function answer(reader: FrameReader, ...bytes: readonly (string | Buffer)[]): Next {
  reader.push(Buffer.concat(bytes.map((part) => (typeof part === 'string' ? Buffer.from(part.replaceAll(' ', ''), 'hex') : part))))
  return reader.next()
}

const refused = (next: Next, clause: string) => assert.ok(next?.type === 'malformed' && next.clause === clause, JSON.stringify(next))

/** A PUBLISH, SUBSCRIBE or CONNECT body under a fixed header of the right length. */
function framed(first: number, body: Buffer): Buffer {
  const length: number[] = []
  for (let left = body.length; ; left >>= 7) {
    length.push(left > 0x7f ? (left & 0x7f) | 0x80 : left)
    if (left <= 0x7f) return Buffer.concat([Buffer.of(first, ...length), body])
  }
}

test('CVE-2017-7651: a huge remaining length before authentication is refused from its length, and nothing is held', () => {
  const reader = new FrameReader({ role: 'server' })
  refused(answer(reader, '10 ff ff ff 7f'), 'MQTT-3.2.2-15')
  assert.equal(reader.heldBytes, 0)
})

for (const id of ['CVE-2021-22116', 'CVE-2021-33175', 'CVE-2021-33176']) {
  test(`${id}: 10,000 half-open liars cost what they sent, not what they promise`, () => {
    const before = process.memoryUsage().arrayBuffers
    const liars = Array.from({ length: 10_000 }, () => {
      const reader = new FrameReader({ role: 'server' })
      // CONNECT of almost 8 KiB, of which twenty bytes come.
      assert.equal(answer(reader, '10 f0 3f', '0004 4d515454 05 02 003c 00 1f00', '61616161'), undefined)
      return reader
    })
    const held = process.memoryUsage().arrayBuffers - before
    assert.ok(held < liars.length * 128, `${held} bytes held`)
    assert.ok(liars.every((reader) => reader.heldBytes < 32))
  })
}

test('before authentication no byte sequence makes a reader hold more than a CONNECT may have', () => {
  const reader = new FrameReader({ role: 'server' })
  assert.equal(answer(reader, '10 fd 3f'), undefined)
  for (let sent = 3; sent < limits.mqttConnectBytes - 1; sent++) {
    assert.equal(answer(reader, Buffer.of(0)), undefined)
    assert.ok(reader.heldBytes <= limits.mqttConnectBytes)
  }
  assert.equal(answer(reader, Buffer.of(0))?.type, 'malformed')
  assert.equal(reader.heldBytes, 0)
})

test('CVE-2023-0809: a first packet that is not CONNECT is refused by its first byte, for every such byte', () => {
  for (let first = 0; first < 256; first++) {
    if (first === 0x10) continue
    const reader = new FrameReader({ role: 'server' })
    assert.equal(answer(reader, Buffer.of(first))?.type, 'malformed')
    assert.equal(reader.heldBytes, 0)
  }
})

const malformedConnects = [
  '10 10 0004 4d515454 05 02 003c 03 21 0000 0001 63',
  '10 13 0004 4d515454 05 06 003c 00 0001 63 02 01 02 0001 74',
  '10 0d 0004 4d515454 05 c2 003c 00 0001 63',
  '10 0c 0004 4d515454 04 ce 003c 0001 63',
]

test('CVE-2017-7654 and mosquitto 2.0.11: malformed CONNECTs leave nothing behind', () => {
  const round = (count: number) => {
    for (let n = 0; n < count; n++) {
      const reader = new FrameReader({ role: 'server' })
      assert.equal(answer(reader, malformedConnects[n % malformedConnects.length] ?? '')?.type, 'malformed')
    }
  }
  round(5_000)
  const before = heapBytes()
  round(50_000)
  const grown = heapBytes() - before
  assert.ok(grown < 1024 * 1024, `${grown} bytes more after 50,000`)
})

test('CVE-2023-3592: a will with any bytes as its properties is taken or refused, never more', () => {
  const start = Buffer.from('00044d515454052e003c00000163', 'hex')
  const ids = fc.constantFrom(0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x11, 0x18, 0x23, 0x26, 0x7f, 0xff)
  const property = fc.tuple(ids, fc.uint8Array({ maxLength: 8 })).map(([id, rest]) => Buffer.from([id, ...rest]))
  fc.assert(
    fc.property(fc.array(property, { maxLength: 5 }), fc.nat(64), (list, stated) => {
      const body = Buffer.concat([start, Buffer.of(stated), ...list, Buffer.from('000174000170', 'hex')])
      const next = answer(new FrameReader({ role: 'server' }), framed(0x10, body))
      assert.ok(next?.type === 'connect' || next?.type === 'malformed')
      if (next.type === 'connect') assert.deepEqual(answer(new FrameReader({ role: 'server' }), encode(next, 5)), next)
    }),
    { numRuns: 2_000 },
  )
})

test('mosquitto 2.0.12: a packet of thousands of user properties is refused at the limit, not after reading them all', () => {
  const one = Buffer.from('26000161000162', 'hex')
  const count = 30_000
  const list = Buffer.concat(Array.from({ length: count }, () => one))
  const length = Buffer.of((list.length & 0x7f) | 0x80, ((list.length >> 7) & 0x7f) | 0x80, list.length >> 14)
  const packet = framed(0x30, Buffer.concat([Buffer.from('000174', 'hex'), length, list]))
  const next = answer(opened(5), packet)
  assert.ok(next?.type === 'malformed' && next.reasonCode === 0x97)
})

test('CVE-2021-34432: a zero-length topic is refused in 3.1.1, and in MQTT 5 without a topic alias', () => {
  refused(answer(opened(4), '30 02 0000'), 'MQTT-4.7.3-1')
  refused(answer(opened(5), '30 03 0000 00'), 'MQTT-3.3.2.1')
  assert.equal(answer(opened(5), '30 06 0000 03 23 0001')?.type, 'publish')
})

test('NanoMQ #2270, #2268: PUBLISH with QoS 1 or 2 and no packet identifier is refused', () => {
  for (const first of ['32', '34']) refused(answer(opened(4), `${first} 03 0001 61`), 'MQTT-3.3.2-1')
  for (const first of ['32', '34']) refused(answer(opened(5), `${first} 04 0001 61 00`), 'MQTT-3.3.2-1')
})

test('NanoMQ #1042, #1169: SUBSCRIBE that ends before the options byte is refused', () => {
  refused(answer(opened(4), '82 05 0001 0001 61'), 'MQTT-4.13.1-1')
  refused(answer(opened(5), '82 06 0001 00 0001 61'), 'MQTT-4.13.1-1')
  refused(answer(opened(5), '82 0a 0001 00 0001 61 00 0001 62'), 'MQTT-4.13.1-1')
})

test('NanoMQ #1181, #1720: lengths and properties that point past the packet do not read the next one', () => {
  const next = '30 05 0001 62 00 2a'
  refused(answer(opened(5), '30 04 0001 61 05', next), 'MQTT-4.13.1-1')
  refused(answer(opened(5), '30 07 0001 61 03 26 00ff', next), 'MQTT-4.13.1-1')
  refused(answer(opened(5), '30 04 0001 61 80', next), 'MQTT-4.13.1-1')
  refused(answer(opened(5), '30 05 0006 61 00 2a', next), 'MQTT-3.3.2-1')
  // A property length that is missing must not be borrowed from the next packet, even when that begins with 0.
  refused(answer(opened(5), '30 03 0001 61', '00'), 'MQTT-4.13.1-1')
})

test('CVE-2026-25627: a remaining length larger than the WebSocket frame waits for the next frame, however frames are cut and merged', () => {
  const sent = [encode(hello(5), 5), Buffer.from('32080001610001002a2b', 'hex'), Buffer.from('c000', 'hex'), Buffer.from('e000', 'hex')]
  const bytes = Buffer.concat(sent)
  for (let a = 1; a < bytes.length; a++) {
    for (let b = a; b < bytes.length; b++) {
      const reader = new FrameReader({ role: 'server' })
      const types: (string | undefined)[] = []
      for (const frame of [bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)]) {
        reader.push(Buffer.from(frame))
        for (let next = reader.next(); next !== undefined; next = reader.next()) types.push(next.type)
      }
      assert.deepEqual(types, ['connect', 'publish', 'pingreq', 'disconnect'])
    }
  }
})

test('CVE-2021-28166: a packet that only a server sends is refused from a client, by its first byte', () => {
  for (const version of [4, 5] as const) for (const first of ['20', '90', 'b0', 'd0']) refused(answer(opened(version), first), 'MQTT-2.1.2')
})

test('NanoMQ #2145, MQTT-C #203, #204: what a malicious server sends ends in a packet or a refusal, a topic length past the end too', () => {
  const asClient = (version: ProtocolVersion) => {
    const reader = new FrameReader({ role: 'client', version })
    reader.push(encode({ type: 'connack', sessionPresent: false, reasonCode: 0 }, version))
    reader.next()
    return reader
  }
  refused(answer(asClient(4), '30 02 ffff'), 'MQTT-3.3.2-1')
  refused(answer(asClient(4), '32 05 0003 616263'), 'MQTT-3.3.2-1')
  for (const first of ['10', '82', 'a2', 'c0']) refused(answer(asClient(5), first), 'MQTT-2.1.2')
  fc.assert(
    fc.property(fc.constantFrom<ProtocolVersion>(4, 5), fc.nat(255), fc.uint8Array({ maxLength: 40 }), (version, first, body) => {
      const next = answer(asClient(version), framed(first, Buffer.from(body)))
      assert.ok(next !== undefined)
    }),
    { numRuns: 3_000 },
  )
})

test('mosquitto 1.6.6: a topic of 65,535 slashes is refused, or matched without recursion where a limit lets it in', () => {
  const slashes = '/'.repeat(65_535)
  const packet = framed(0x30, Buffer.concat([Buffer.from('ffff', 'hex'), Buffer.from(slashes)]))
  refused(answer(opened(4), packet), 'MQTT-4.7.3')
  assert.equal(parseTopicFilter(slashes).ok, false)
  assert.ok(matches(`${'+/'.repeat(32_000)}#`, slashes))
  assert.ok(!matches('+/'.repeat(32_767), slashes))
})

test('CVE-2018-12543: topics that begin with $ are topics like others, and no wildcard at the start reaches them', () => {
  for (const topic of ['$', '$SYS', '$share', '$share/', '$share/g', '$CONTROL/x', '$/', '$$', '$iothub/twin/res']) {
    const next = answer(opened(4), framed(0x30, Buffer.concat([Buffer.of(0, topic.length), Buffer.from(topic)])))
    assert.ok(next?.type === 'publish' && next.topic === topic)
    for (const filter of ['#', '+', '+/#', '+/+', '+/']) assert.equal(matches(filter, topic), false)
    assert.equal(matches(topic, topic), true)
  }
})

test('CVE-2026-42209: a limit of zero, below zero or without end refuses or takes, and never fails', () => {
  const names = ['mqttConnectBytes', 'topicLevels', 'userProperties', 'userPropertyBytes', 'filtersPerPacket'] as const
  for (const name of names) {
    for (const value of [0, -1, 1, Number.MAX_SAFE_INTEGER, Infinity]) {
      const reader = new FrameReader({ role: 'server' }, { ...readerLimits, [name]: value })
      assert.ok(['connect', 'malformed'].includes(answer(reader, encode(hello(5), 5))?.type ?? ''))
      for (const bytes of ['30 0b 0001 61 07 26 0001 61 0001 62', '82 07 0001 00 0001 61 00']) {
        const next = answer(reader, bytes)
        assert.ok(next?.type === 'publish' || next?.type === 'subscribe' || next?.type === 'malformed', JSON.stringify(next))
      }
    }
  }
})
