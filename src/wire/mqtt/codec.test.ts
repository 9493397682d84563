import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acknowledgeBytes, writeAcknowledge } from './acknowledge.ts'
import { encode } from './codec.ts'
import type { MqttPacket, ProtocolVersion } from './packet.ts'
import { publishHead, writePublishHead } from './publish.ts'
import { reasonCodes, reasonName, reasonOfReturnCode, returnCodeOf } from './reason-codes.ts'
import { writeVarint } from './writer.ts'

const hex = (packet: MqttPacket, version: ProtocolVersion) => encode(packet, version).toString('hex')

const written: readonly (readonly [what: string, packet: MqttPacket, version: ProtocolVersion, bytes: string])[] = [
  ['PUBACK of 3.1.1, whatever the reason', { type: 'puback', packetId: 7, reasonCode: 0x87 }, 4, '40020007'],
  ['PUBACK that means success, without reason code [MQTT 5, 3.4.2.1]', { type: 'puback', packetId: 7, reasonCode: 0 }, 5, '40020007'],
  ['PUBACK with a reason code and no property length', { type: 'puback', packetId: 7, reasonCode: 0x87 }, 5, '4003000787'],
  ['PUBREL with its flags [MQTT-3.6.1-1]', { type: 'pubrel', packetId: 1, reasonCode: 0 }, 5, '62020001'],
  ['DISCONNECT of 3.1.1', { type: 'disconnect', reasonCode: 0x8e }, 4, 'e000'],
  ['DISCONNECT that means success', { type: 'disconnect', reasonCode: 0 }, 5, 'e000'],
  ['DISCONNECT with a reason code', { type: 'disconnect', reasonCode: 0x8e }, 5, 'e0018e'],
  ['AUTH that means success', { type: 'auth', reasonCode: 0 }, 5, 'f000'],
  [
    'CONNACK of 3.1.1 that refuses with its nearest return code',
    { type: 'connack', sessionPresent: false, reasonCode: 0x8a },
    4,
    '20020005',
  ],
  [
    'CONNACK of MQTT 5 with an empty property list [MQTT-2.2.2-1]',
    { type: 'connack', sessionPresent: true, reasonCode: 0 },
    5,
    '2003010000',
  ],
  ['SUBACK of 3.1.1 with one code for every failure', { type: 'suback', packetId: 1, reasonCodes: [1, 0x87, 0x97] }, 4, '90050001018080'],
  ['UNSUBACK of 3.1.1 without codes', { type: 'unsuback', packetId: 1, reasonCodes: [0, 0x11] }, 4, 'b0020001'],
  ['PINGREQ', { type: 'pingreq' }, 5, 'c000'],
  ['PINGRESP', { type: 'pingresp' }, 4, 'd000'],
]
for (const [what, packet, version, bytes] of written) test(`writes ${what}`, () => assert.equal(hex(packet, version), bytes))

test('a large packet has the length of its length: 1 to 4 bytes', () => {
  const size = (payload: number) =>
    encode({ type: 'publish', topic: 'topic', payload: Buffer.alloc(payload), qos: 0, retain: false, dup: false }, 4).length
  assert.equal(size(120), 2 + 127)
  assert.equal(size(121), 3 + 128)
  assert.equal(size(16_376), 3 + 16_383)
  assert.equal(size(16_377), 4 + 16_384)
  assert.equal(size(2_097_144), 4 + 2_097_151)
  assert.equal(size(2_097_145), 5 + 2_097_152)
})

test('the largest Variable Byte Integer is written as the standard shows it [MQTT 5, 1.5.5]', () => {
  const out = Buffer.alloc(4)
  assert.equal(writeVarint(out, 0, 268_435_455), 4)
  assert.equal(out.toString('hex'), 'ffffff7f')
})

test('what cannot be written is our bug and throws', () => {
  const publish = (topic: string, qos: 0 | 1 = 0): MqttPacket => ({
    type: 'publish',
    topic,
    payload: Buffer.alloc(0),
    qos,
    retain: false,
    dup: false,
  })
  assert.throws(() => encode(publish('a\0'), 4), /bug/)
  assert.throws(() => encode(publish('a'.repeat(65_536)), 4), RangeError)
  assert.throws(() => encode(publish('a', 1), 4), /bug/)
  assert.throws(() => encode({ type: 'auth', reasonCode: 0 }, 4), /bug/)
  assert.throws(() => publishHead({ topic: 'a', payloadBytes: 268_435_455, qos: 0, retain: false }, 4), /bug/)
})

test('PUBACK is written in place, after what is there already', () => {
  const out = Buffer.alloc(10, 0xee)
  assert.equal(writeAcknowledge(out, writeAcknowledge(out, 1, 'puback', 1), 'puback', 0xffff), 1 + 2 * acknowledgeBytes)
  assert.equal(out.toString('hex'), 'ee400200014002ffffee')
})

test('one head serves many subscribers: only packet identifier and DUP differ, and the head itself never changes [MQTT-3.3.1-3]', () => {
  const head = publishHead({ topic: 't', payloadBytes: 1, qos: 1, retain: true, properties: { contentType: 'x' } }, 5)
  const before = head.bytes.toString('hex')
  const out = Buffer.alloc(2 * head.bytes.length)
  const at = writePublishHead(head, out, 0, 0x1234)
  assert.equal(writePublishHead(head, out, at, 0xabcd, true), out.length)
  assert.equal(out.subarray(0, at).toString('hex'), '330b00017412340403000178')
  assert.equal(out.subarray(at).toString('hex'), '3b0b000174abcd0403000178')
  assert.equal(head.bytes.toString('hex'), before)
})

test('a head of QoS 0 has no packet identifier and no DUP [MQTT-2.2.1-2, MQTT-3.3.1-2]', () => {
  const head = publishHead({ topic: 't', payloadBytes: 0, qos: 0, retain: false }, 4)
  const out = Buffer.alloc(head.bytes.length)
  writePublishHead(head, out, 0, 99, true)
  assert.equal(out.toString('hex'), '3003000174')
})

test('reason codes have the names and numbers of table 2-6', () => {
  assert.equal(reasonCodes['not-authorized'], 0x87)
  assert.equal(reasonName(0x87), 'not-authorized')
  assert.equal(reasonName(0), 'success')
  assert.equal(reasonName(0x7f), 'reason-0x7f')
  const codes = new Set<number>(Object.values(reasonCodes))
  for (let code = 0x80; code <= 0xa2; code++) assert.ok(codes.has(code), `0x${code.toString(16)}`)
})

test('the five refusals of 3.1.1 come back as they went, and every other refusal stays one [3.1.1, table 3.1]', () => {
  for (const returnCode of [0, 1, 2, 3, 4, 5]) assert.equal(returnCodeOf(reasonOfReturnCode(returnCode) ?? -1), returnCode)
  assert.equal(reasonOfReturnCode(6), undefined)
  for (let code = 0x80; code <= 0xff; code++) assert.ok(returnCodeOf(code) > 0)
})
