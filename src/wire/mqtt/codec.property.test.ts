import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Sender, firstPacket, laterPacket } from '../../../test/arbitrary-packet.ts'
import { encode } from './codec.ts'
import type { Malformed } from './malformed.ts'
import type { MqttPacket, ProtocolVersion } from './packet.ts'
import { decodePropertyBytes, encodePropertyBytes } from './properties.ts'
import { publishHead, writePublishHead } from './publish.ts'
import { FrameReader } from './reader.ts'

const versions: readonly ProtocolVersion[] = [4, 5]
const senders: readonly Sender[] = ['client', 'server']
const readerOf = (sender: Sender, version: ProtocolVersion) =>
  new FrameReader(sender === 'client' ? { role: 'server' } : { role: 'client', version })

/** Everything that a reader makes of these chunks. Ends with the refusal if there is one. */
function readAll(reader: FrameReader, chunks: readonly Buffer[]): (MqttPacket | Malformed)[] {
  const found: (MqttPacket | Malformed)[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      found.push(next)
      if (next.type === 'malformed') return found
    }
  }
  return found
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    chunks.push(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  return chunks
}

for (const version of versions) {
  for (const sender of senders) {
    const conversation = fc
      .tuple(firstPacket(version, sender), fc.array(laterPacket(version, sender), { maxLength: 6 }))
      .map(([first, later]) => [first, ...later])
    const named = `protocol level ${version}, from a ${sender}`

    test(`every packet survives encoding and decoding, ${named}`, () =>
      fc.assert(
        fc.property(conversation, (sent) => {
          const bytes = Buffer.concat(sent.map((packet) => encode(packet, version)))
          assert.deepEqual(readAll(readerOf(sender, version), [bytes]), sent)
        }),
        { numRuns: 300 },
      ))

    test(`packets do not depend on how TCP cut the bytes, ${named}`, () =>
      fc.assert(
        fc.property(conversation, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }), (sent, sizes) => {
          const bytes = Buffer.concat(sent.map((packet) => encode(packet, version)))
          assert.deepEqual(readAll(readerOf(sender, version), cut(bytes, sizes)), sent)
        }),
        { numRuns: 200 },
      ))

    test(`a cut at any one byte of a conversation makes no difference, ${named}`, () =>
      fc.assert(
        fc.property(conversation, (sent) => {
          const bytes = Buffer.concat(sent.map((packet) => encode(packet, version)))
          for (let at = 1; at < bytes.length; at++) {
            assert.deepEqual(readAll(readerOf(sender, version), [bytes.subarray(0, at), bytes.subarray(at)]), sent)
          }
        }),
        { numRuns: 25 },
      ))

    test(`a packet that ends early, with its length corrected, is refused or is another valid packet, at every byte, ${named}`, () =>
      fc.assert(
        fc.property(firstPacket(version, sender), laterPacket(version, sender), (first, later) => {
          const opening = encode(first, version)
          for (const shorter of truncations(encode(later, version))) {
            const [, second] = readAll(readerOf(sender, version), [opening, shorter])
            assert.ok(second !== undefined, 'a whole packet gives an answer')
            if (second.type !== 'malformed')
              assert.deepEqual(readAll(readerOf(sender, version), [opening, encode(second, version)])[1], second)
          }
          for (const shorter of truncations(opening)) {
            const [only] = readAll(readerOf(sender, version), [shorter])
            assert.ok(only !== undefined)
            if (sender === 'client') assert.equal(only.type, 'malformed', 'no field of CONNECT may be missing')
          }
        }),
        { numRuns: 100 },
      ))

    test(`packets of the other role are refused, ${named}`, () =>
      fc.assert(
        fc.property(firstPacket(version, sender), laterPacket(version, sender === 'client' ? 'server' : 'client'), (first, wrong) => {
          const reader = readerOf(sender, version)
          const [, second] = readAll(reader, [encode(first, version), encode(wrong, version)])
          const mutual = ['publish', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'disconnect', 'auth'].includes(wrong.type)
          if (!mutual) assert.ok(second?.type === 'malformed' && second.clause === 'MQTT-2.1.2' && second.reasonCode === 0x82)
        }),
        { numRuns: 200 },
      ))
  }

  test(`a delivery's head and payload are what the whole packet is, protocol level ${version}`, () =>
    fc.assert(
      fc.property(laterPacket(version, 'server'), (packet) => {
        if (packet.type !== 'publish') return
        const { topic, payload, qos, retain, properties } = packet
        const head = publishHead({ topic, payloadBytes: payload.length, qos, retain, properties }, version)
        const out = Buffer.alloc(head.bytes.length + 3)
        const end = writePublishHead(head, out, 3, packet.packetId ?? 0, packet.dup)
        assert.equal(end, out.length)
        assert.deepEqual(Buffer.concat([out.subarray(3), payload]), encode(packet, version))
      }),
      { numRuns: 500 },
    ))
}

test("a message's properties survive being kept as bytes, and other bytes are none", () => {
  fc.assert(
    fc.property(laterPacket(5, 'server'), (packet) => {
      if (packet.type !== 'publish') return
      assert.deepEqual(decodePropertyBytes(encodePropertyBytes(packet.properties ?? {})), packet.properties)
    }),
    { numRuns: 500 },
  )
  assert.equal(decodePropertyBytes(Buffer.of(0x21, 0, 1)), undefined)
  assert.equal(decodePropertyBytes(Buffer.of(0x01)), undefined)
})

/** The packet cut after every byte of its body, each time with a fixed header that says so. */
function truncations(packet: Buffer): Buffer[] {
  let start = 1
  while (((packet[start] ?? 0) & 0x80) !== 0) start++
  start++
  const body = packet.subarray(start)
  return Array.from({ length: body.length }, (_, length) => {
    const header = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7]
    return Buffer.concat([Buffer.of(packet[0] ?? 0, ...header), body.subarray(0, length)])
  })
}
