import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '#base'
import { encode } from './codec.ts'
import { readerLimits } from './decode-context.ts'
import type { ConnectPacket, ProtocolVersion, PublishPacket } from './packet.ts'
import { FrameReader } from './reader.ts'

const connect = (version: ProtocolVersion, clientId = 'c'): ConnectPacket => ({
  type: 'connect',
  version,
  clientId,
  cleanStart: true,
  keepAliveSeconds: 60,
})
const publish = (topic: string, payload: Buffer): PublishPacket => ({ type: 'publish', topic, payload, qos: 0, retain: false, dup: false })

function opened(version: ProtocolVersion = 4): FrameReader {
  const reader = new FrameReader({ role: 'server' })
  reader.push(encode(connect(version), version))
  assert.equal(reader.next()?.type, 'connect')
  return reader
}

test('a packet that lies whole in its chunk is not copied: the payload is a slice of it', () => {
  const chunk = encode(publish('t', Buffer.from('payload')), 4)
  const reader = opened()
  reader.push(chunk)
  const packet = reader.next()
  assert.ok(packet?.type === 'publish')
  assert.equal(packet.payload.buffer, chunk.buffer)
  chunk[chunk.length - 1] = 0x21
  assert.equal(packet.payload.toString(), 'payloa!')
})

test('a topic that comes again is the same string, whichever others come between', () => {
  const reader = opened()
  const topics = Array.from({ length: 40 }, (_, n) => `plant/line-${n % 5}/temperature`)
  const seen = topics.map((topic) => {
    reader.push(encode(publish(topic, Buffer.from('1')), 4))
    const packet = reader.next()
    return packet?.type === 'publish' ? packet.topic : undefined
  })
  assert.deepEqual(seen, topics)
})

test('topics that share a length and an end are told apart', () => {
  const reader = opened()
  for (const topic of ['a/x', 'b/x', 'a/x', 'b/x', 'a/x', 'b/x', 'c/x', 'é/x', 'é/x', 'é/x', 'ê/x']) {
    reader.push(encode(publish(topic, Buffer.alloc(0)), 4))
    const packet = reader.next()
    assert.equal(packet?.type === 'publish' && packet.topic, topic)
  }
})

test('pulling may stop after CONNECT and go on later, with a larger limit for what was not pulled', () => {
  const big = encode(publish('t', Buffer.alloc(100_000, 1)), 4)
  const reader = new FrameReader({ role: 'server' })
  reader.push(Buffer.concat([encode(connect(4), 4), big]))
  assert.equal(reader.next()?.type, 'connect')
  assert.equal(reader.heldBytes, big.length)
  reader.allow(limits.mqttPacketBytes)
  const packet = reader.next()
  assert.ok(packet?.type === 'publish' && packet.payload.length === 100_000)
  assert.equal(reader.next(), undefined)
  assert.equal(reader.heldBytes, 0)
})

test('until it is allowed more, a connection keeps the limit of CONNECT [MQTT-3.2.2-15]', () => {
  const reader = opened()
  reader.push(encode(publish('t', Buffer.alloc(limits.mqttConnectBytes)), 4).subarray(0, 4))
  const next = reader.next()
  assert.ok(next?.type === 'malformed' && next.code === 'wire/mqtt-packet-too-large' && next.reasonCode === 0x95)
})

test('a packet of exactly the limit is taken, one byte more is not', () => {
  for (const over of [0, 1]) {
    const reader = opened()
    reader.allow(1000)
    reader.push(encode(publish('t', Buffer.alloc(1000 - 3 - 3 + over)), 4))
    assert.equal(reader.next()?.type, over === 0 ? 'publish' : 'malformed')
  }
})

test('chunks pushed before the last was pulled are taken in order', () => {
  const reader = opened()
  for (const text of ['1', '2', '3']) reader.push(encode(publish('t', Buffer.from(text)), 4))
  const payloads = [reader.next(), reader.next(), reader.next()].map((packet) => packet?.type === 'publish' && packet.payload.toString())
  assert.deepEqual(payloads, ['1', '2', '3'])
  assert.equal(reader.next(), undefined)
})

test('an empty chunk is nothing', () => {
  const reader = opened()
  reader.push(Buffer.alloc(0))
  assert.equal(reader.next(), undefined)
  assert.equal(reader.heldBytes, 0)
})

test('the version is known from CONNECT on, also from one that is refused', () => {
  const asked = (level: number, rest = '02 003c') => {
    const reader = new FrameReader({ role: 'server' })
    const body = Buffer.concat([Buffer.from('00044d515454', 'hex'), Buffer.of(level), Buffer.from(rest.replaceAll(' ', ''), 'hex')])
    reader.push(Buffer.concat([Buffer.of(0x10, body.length), body]))
    assert.equal(reader.next()?.type, 'malformed')
    return reader.version
  }
  assert.equal(asked(3), 4)
  assert.equal(asked(4), 4)
  assert.equal(asked(5), 5)
  assert.equal(asked(6), 5)
  const silent = new FrameReader({ role: 'server' })
  silent.push(Buffer.of(0x10, 0x00))
  assert.equal(silent.next()?.type, 'malformed')
  assert.equal(silent.version, undefined)
})

test('a client reader takes AUTH before CONNACK and anything of a server after it', () => {
  const reader = new FrameReader({ role: 'client', version: 5 })
  const auth = { type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'm' } } as const
  reader.push(encode(auth, 5))
  reader.push(encode({ type: 'connack', sessionPresent: true, reasonCode: 0 }, 5))
  reader.push(encode({ type: 'pingresp' }, 5))
  assert.deepEqual([reader.next()?.type, reader.next()?.type, reader.next()?.type], ['auth', 'connack', 'pingresp'])
})

test('limits count: user properties, their bytes, filters, topic levels and topic bytes', () => {
  const reader = () => {
    const one = new FrameReader(
      { role: 'server' },
      { ...readerLimits, userProperties: 2, userPropertyBytes: 20, topicLevels: 3, topicBytes: 20, filtersPerPacket: 2 },
    )
    one.push(encode(connect(5), 5))
    one.next()
    return one
  }
  const first = (packet: Parameters<typeof encode>[0]) => {
    const one = reader()
    one.push(encode(packet, 5))
    const next = one.next()
    return next?.type === 'malformed' ? next.reasonCode : next?.type
  }
  const withUser = (...userProperties: [string, string][]) => first({ ...publish('t', Buffer.alloc(0)), properties: { userProperties } })
  assert.equal(withUser(['a', 'b'], ['a', 'b']), 'publish')
  assert.equal(withUser(['a', 'b'], ['a', 'b'], ['a', 'b']), 0x97)
  assert.equal(withUser(['0123456789', '0123456789']), 0x97)
  assert.equal(first(publish('a/b/c', Buffer.alloc(0))), 'publish')
  assert.equal(first(publish('a/b/c/', Buffer.alloc(0))), 0x90)
  const one = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const filters = (...texts: string[]) =>
    first({ type: 'subscribe', packetId: 1, subscriptions: texts.map((filter) => ({ filter, ...one })) })
  assert.equal(filters('a/b/c', '$share/g/a/b/c'), 'subscribe')
  assert.equal(filters('a/b/c/d'), 0x8f)
  assert.equal(first(publish('ä'.repeat(10), Buffer.alloc(0))), 'publish')
  assert.equal(first(publish('ä'.repeat(10) + 'b', Buffer.alloc(0))), 0x90)
  assert.equal(filters('12345678901234567890'), 'subscribe')
  assert.equal(filters('123456789012345678901'), 0x8f)
  assert.equal(filters('a', 'b', 'c'), 0x97)
  assert.equal(first({ type: 'unsubscribe', packetId: 1, filters: ['a', 'b', 'c'] }), 0x97)
})

test('any number of subscription identifiers may come with a message from a server [MQTT-3.3.4-4]', () => {
  const reader = new FrameReader({ role: 'client', version: 5 })
  reader.push(encode({ type: 'connack', sessionPresent: false, reasonCode: 0 }, 5))
  reader.next()
  reader.push(encode({ ...publish('t', Buffer.alloc(0)), properties: { subscriptionIdentifiers: [1, 268_435_455] } }, 5))
  const packet = reader.next()
  assert.deepEqual(packet?.type === 'publish' && packet.properties, { subscriptionIdentifiers: [1, 268_435_455] })
})

test('U+FEFF is kept at the start of a string [MQTT-1.5.4-3]', () => {
  const reader = new FrameReader({ role: 'server' })
  reader.push(encode(connect(5, '\ufeffc'), 5))
  const packet = reader.next()
  assert.equal(packet?.type === 'connect' && packet.clientId, '\ufeffc')
})
