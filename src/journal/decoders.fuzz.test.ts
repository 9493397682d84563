import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { replay } from '../../test/fuzz.ts'
import { crc32c, viewOf } from './crc32c.ts'
import { salt, target } from './decoders.fuzz.ts'
import { encodeFact, encodeTelemetry } from './record.ts'
import { salvage, writeChecks } from './salvage.ts'
import { encodeSegmentHeader } from './segment.ts'
import { encodeSessionRecord } from './session-record.ts'

const time = instant(0)
const stamp = { device: 'd', auth: '{}', generation: '1', connection: 'c', transport: 'mqtts' }
const session = { owner: 'pump-1', clientId: 'c' }
const message = {
  topic: 'a/b',
  qos: 1,
  retain: false,
  dup: false,
  mqttVersion: 5,
  properties: Buffer.from([1, 1]),
  body: Buffer.from('x'),
} as const

function body(...words: readonly string[]): Buffer {
  const parts = words.flatMap((word) => {
    const frame = Buffer.alloc(8)
    frame.writeUInt32LE(word.length)
    return [frame, Buffer.from(word)]
  })
  const plain = Buffer.concat(parts)
  writeChecks(plain, words.length, salt)
  return plain
}

test('mutations of everything the decoders read give values or refusals', () => {
  const corpus = [
    encodeTelemetry({ kind: 'telemetry', time, ...stamp, ...message }),
    encodeFact({ kind: 'refused', time, code: 'a/b', message: 'No.', address: 'x', listener: 'mqtts' }),
    encodeSegmentHeader({ number: 1, first: 2 ** 40, created: 0, wrapped: Buffer.alloc(60, 1) }).subarray(0, 4_200),
    encodeTelemetry({ kind: 'telemetry', time, ...stamp, ...message, qos: 2, packetId: 7 }),
    encodeSessionRecord({ kind: 'session-progress', session, offsets: [1, 2, 3, 900, 2 ** 40] }, time),
    encodeSessionRecord(
      { kind: 'session-queued', session, deliveries: [{ offset: 2 ** 40, qos: 2, retain: true, identifiers: [1, 2 ** 28] }] },
      time,
    ),
    encodeSessionRecord({ kind: 'qos2-sent', session, packetId: 9, offset: 2 ** 40 }, time),
    encodeSessionRecord({ kind: 'session-left', session, expirySeconds: 5, endedAt: 1, willAt: null }, time),
    body('one', 'two', 'three', 'four-four-four'),
    body('x'.repeat(300), '\0'.repeat(300), 'z'),
  ]
  replay(target, corpus, 4_000, 0x10c)
})

test('CRC-32C agrees with the check value and examples of RFC 3720 B.4', () => {
  const crc = (bytes: Buffer) => crc32c(viewOf(bytes), 0, bytes.length) >>> 0
  assert.equal(crc(Buffer.from('123456789')), 0xe3069283)
  assert.equal(crc(Buffer.alloc(32)), 0x8a9136aa)
  assert.equal(crc(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  assert.equal(crc(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e)
})

test('records are only found where their check fits their place and the secret', () => {
  const plain = body('one', 'two', 'three')
  const shown = (salted: number) => salvage(plain, 0, 3, salted, true).map((record) => ('bytes' in record ? record.bytes.toString() : '!'))
  assert.deepEqual(shown(salt), ['one', 'two', 'three'])
  assert.deepEqual(shown(salt + 1), ['!', '!', '!'])
})

test('a hostile body cannot make the search for the next record long', () => {
  const plain = Buffer.alloc(1024 * 1024)
  for (let at = 0; at + 4 <= plain.length; at += 4) plain.writeUInt32LE(plain.length / 2, at) // every position is a plausible length
  const began = process.cpuUsage()
  assert.equal(salvage(plain, 0, 5, salt, false).length, 5)
  assert.ok(process.cpuUsage(began).user < 5_000_000)
})
