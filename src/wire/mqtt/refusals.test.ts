import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from './codec.ts'
import type { ProtocolVersion } from './packet.ts'
import { FrameReader } from './reader.ts'

/*
 * One row, one rule: what it is, the bytes of the packet in hexadecimal (text in quotes stands for its ASCII), the clause and the reason code
 * of the refusal. `len` writes the fixed header's length, so that a row can break one thing at a time.
 */
type Row = readonly [what: string, packet: string, clause: string, reasonCode: number]

function bytesOf(notation: string): Buffer {
  const [first, len, ...rest] = notation.match(/'[^']*'|\S+/g) ?? []
  const part = (word: string) => (word.startsWith("'") ? Buffer.from(word.slice(1, -1)) : Buffer.from(word, 'hex'))
  if (len !== 'len') return Buffer.concat((notation.match(/'[^']*'|\S+/g) ?? []).map(part))
  const body = Buffer.concat(rest.map(part))
  const length = body.length < 128 ? [body.length] : [(body.length & 0x7f) | 0x80, body.length >> 7]
  return Buffer.concat([part(first ?? ''), Buffer.from(length), body])
}

function server(version?: ProtocolVersion): FrameReader {
  const reader = new FrameReader({ role: 'server' })
  if (version === undefined) return reader
  reader.push(encode({ type: 'connect', version, clientId: 'c', cleanStart: true, keepAliveSeconds: 60 }, version))
  assert.equal(reader.next()?.type, 'connect')
  return reader
}

function client(version: ProtocolVersion, open = true): FrameReader {
  const reader = new FrameReader({ role: 'client', version })
  if (!open) return reader
  reader.push(encode({ type: 'connack', sessionPresent: false, reasonCode: 0 }, version))
  assert.equal(reader.next()?.type, 'connack')
  return reader
}

function rows(where: string, reader: () => FrameReader, table: readonly Row[]): void {
  for (const [what, packet, clause, reasonCode] of table) {
    test(`${where} refuses ${what} [${clause}]`, () => {
      const one = reader()
      one.push(bytesOf(packet))
      const next = one.next()
      assert.ok(next?.type === 'malformed', `${JSON.stringify(next)} was not refused`)
      assert.deepEqual([next.clause, next.reasonCode], [clause, reasonCode], next.message)
      assert.equal(one.heldBytes, 0)
      one.push(Buffer.of(0xc0, 0))
      assert.equal(one.next(), next, 'a reader that has refused stays refused')
    })
  }
}

rows('a server waiting for CONNECT', server, [
  ['a first packet that is not CONNECT, by its first byte alone', 'c0', 'MQTT-3.1.0-1', 0x82],
  ['type 0', '00', 'MQTT-3.1.0-1', 0x82],
  ['reserved flags of CONNECT, by the first byte alone', '11', 'MQTT-2.1.3-1', 0x81],
  ['a CONNECT over the limit, by its length alone', '10 80 40', 'MQTT-3.2.2-15', 0x95],
  ['a padded length', '10 80 00', 'MQTT-1.5.5-1', 0x81],
  ['a length of five bytes', '10 80 80 80 80', 'MQTT-1.5.5', 0x81],
  ['another protocol name', "10 len 0004 'MQTX' 05 02 003c 00 0001 'c'", 'MQTT-3.1.2-1', 0x84],
  ['MQTT 3.1', "10 len 0006 'MQIsdp' 03 02 003c 0001 'c'", 'MQTT-3.1.2-2', 0x84],
  ['protocol level 3', "10 len 0004 'MQTT' 03 02 003c 0001 'c'", 'MQTT-3.1.2-2', 0x84],
  ['protocol level 6', "10 len 0004 'MQTT' 06 02 003c 00 0001 'c'", 'MQTT-3.1.2-2', 0x84],
  ['the reserved flag', "10 len 0004 'MQTT' 05 03 003c 00 0001 'c'", 'MQTT-3.1.2-3', 0x81],
  ['will QoS without a will', "10 len 0004 'MQTT' 05 0a 003c 00 0001 'c'", 'MQTT-3.1.2-13', 0x81],
  ['will retain without a will', "10 len 0004 'MQTT' 05 22 003c 00 0001 'c'", 'MQTT-3.1.2-15', 0x81],
  ['will QoS 3', "10 len 0004 'MQTT' 05 1e 003c 00 0001 'c' 00 0001 't' 0000", 'MQTT-3.1.2-14', 0x81],
  ['a will topic with a wildcard', "10 len 0004 'MQTT' 05 06 003c 00 0001 'c' 00 0001 '#' 0000", 'MQTT-3.3.2-2', 0x90],
  ['an empty will topic', "10 len 0004 'MQTT' 05 06 003c 00 0001 'c' 00 0000 0000", 'MQTT-4.7.3-1', 0x90],
  ['a will that is not there', "10 len 0004 'MQTT' 05 06 003c 00 0001 'c'", 'MQTT-4.13.1-1', 0x81],
  ['a password without a user name in 3.1.1', "10 len 0004 'MQTT' 04 42 003c 0001 'c' 0001 'p'", '3.1.1/MQTT-3.1.2-22', 0x81],
  ['an empty client identifier that wants a session in 3.1.1', "10 len 0004 'MQTT' 04 00 003c 0000", '3.1.1/MQTT-3.1.3-8', 0x85],
  ['a control character in the client identifier', "10 len 0004 'MQTT' 05 02 003c 00 0001 0a", 'MQTT-1.5.4', 0x81],
  ['U+0000 in the client identifier', "10 len 0004 'MQTT' 05 02 003c 00 0001 00", 'MQTT-1.5.4-1', 0x81],
  ['bytes after the last field', "10 len 0004 'MQTT' 05 02 003c 00 0001 'c' 00", 'MQTT-3.1.3-1', 0x81],
  ['a user name that is not there', "10 len 0004 'MQTT' 05 82 003c 00 0001 'c'", 'MQTT-4.13.1-1', 0x81],
  ['properties longer than the packet', "10 len 0004 'MQTT' 05 02 003c 7f", 'MQTT-4.13.1-1', 0x81],
  ['Receive Maximum 0', "10 len 0004 'MQTT' 05 02 003c 03 21 0000 0001 'c'", 'MQTT-3.1.2.11.3', 0x82],
  ['Maximum Packet Size 0', "10 len 0004 'MQTT' 05 02 003c 05 27 00000000 0001 'c'", 'MQTT-3.1.2.11.4', 0x82],
  ['Request Response Information 2', "10 len 0004 'MQTT' 05 02 003c 02 19 02 0001 'c'", 'MQTT-3.1.2.11.6', 0x82],
  ['Request Problem Information 2', "10 len 0004 'MQTT' 05 02 003c 02 17 02 0001 'c'", 'MQTT-3.1.2.11.7', 0x82],
  ['a property twice', "10 len 0004 'MQTT' 05 02 003c 0a 11 00000001 11 00000001 0001 'c'", 'MQTT-2.2.2.2', 0x82],
  ['a property over 31 twice', "10 len 0004 'MQTT' 05 02 003c 06 22 0001 22 0001 0001 'c'", 'MQTT-2.2.2.2', 0x82],
  ['an unknown property', "10 len 0004 'MQTT' 05 02 003c 02 7f 00 0001 'c'", 'MQTT-2.2.2.2', 0x81],
  ['a property of another packet', "10 len 0004 'MQTT' 05 02 003c 03 23 0001 0001 'c'", 'MQTT-2.2.2.2', 0x81],
  ['a property cut short by the property length', "10 len 0004 'MQTT' 05 02 003c 02 21 0001 0001 'c'", 'MQTT-4.13.1-1', 0x81],
  ['authentication data without a method', "10 len 0004 'MQTT' 05 02 003c 04 16 0001 00 0001 'c'", 'MQTT-3.1.2.11.10', 0x82],
  ['a will property among those of CONNECT', "10 len 0004 'MQTT' 05 02 003c 05 18 00000001 0001 'c'", 'MQTT-2.2.2.2', 0x81],
  ['Topic Alias in a will', "10 len 0004 'MQTT' 05 06 003c 00 0001 'c' 03 23 0001 0001 't' 0000", 'MQTT-2.2.2.2', 0x81],
])

const inBoth: readonly Row[] = [
  ['a second CONNECT, by its first byte alone', '10', 'MQTT-3.1.0-2', 0x82],
  ['type 0', '00', 'MQTT-2.1.2', 0x81],
  ['CONNACK', '20', 'MQTT-2.1.2', 0x82],
  ['SUBACK', '90', 'MQTT-2.1.2', 0x82],
  ['UNSUBACK', 'b0', 'MQTT-2.1.2', 0x82],
  ['PINGRESP', 'd0', 'MQTT-2.1.2', 0x82],
  ['PUBLISH with QoS 3, by its first byte alone', '36', 'MQTT-3.3.1-4', 0x81],
  ['PUBLISH with QoS 0 and DUP', '38', 'MQTT-3.3.1-2', 0x81],
  ['flags of PUBACK', '41', 'MQTT-2.1.3-1', 0x81],
  ['flags of PUBREL', '60', 'MQTT-2.1.3-1', 0x81],
  ['flags of SUBSCRIBE', '80', 'MQTT-2.1.3-1', 0x81],
  ['flags of UNSUBSCRIBE', 'a3', 'MQTT-2.1.3-1', 0x81],
  ['flags of PINGREQ', 'c1', 'MQTT-2.1.3-1', 0x81],
  ['flags of DISCONNECT', 'e2', 'MQTT-2.1.3-1', 0x81],
  ['PINGREQ with a body', 'c0 01', 'MQTT-2.1.4', 0x81],
  ['PUBLISH without a body', '30 00', 'MQTT-3.3.2-1', 0x81],
  ['PUBLISH whose topic is longer than the packet', "30 len 0009 'abc'", 'MQTT-3.3.2-1', 0x81],
  ['PUBLISH with QoS 1 and no packet identifier', "32 len 0001 'a'", 'MQTT-3.3.2-1', 0x81],
  ['PUBLISH with QoS 1 and half a packet identifier', "32 len 0001 'a' 00", 'MQTT-3.3.2-1', 0x81],
  ['PUBLISH with packet identifier 0', "32 len 0001 'a' 0000 00", 'MQTT-2.2.1-3', 0x81],
  ['PUBLISH to a filter with #', "30 len 0003 'a/#' 00", 'MQTT-3.3.2-2', 0x90],
  ['PUBLISH to a filter with +', "30 len 0003 'a/+' 00", 'MQTT-3.3.2-2', 0x90],
  ['a topic with U+0000', "30 len 0003 'a' 00 'b' 00", 'MQTT-1.5.4-1', 0x81],
  ['a topic with a surrogate', '30 len 0003 eda080 00', 'MQTT-1.5.4-1', 0x81],
  ['a topic with an overlong form', '30 len 0002 c0af 00', 'MQTT-1.5.4-1', 0x81],
  ['a topic that ends within a character', '30 len 0002 e282 00', 'MQTT-1.5.4-1', 0x81],
  ['a topic beyond U+10FFFF', '30 len 0004 f4908080 00', 'MQTT-1.5.4-1', 0x81],
  ['a topic with a line feed', "30 len 0002 'a' 0a 00", 'MQTT-1.5.4', 0x90],
  ['a topic with a C1 control character', '30 len 0002 c285 00', 'MQTT-1.5.4', 0x90],
  ['SUBSCRIBE with packet identifier 0', "82 len 0000 0001 'a' 00", 'MQTT-2.2.1-3', 0x81],
]

rows('a server speaking MQTT 3.1.1', () => server(4), [
  ...inBoth,
  ['AUTH', 'f0', 'MQTT-2.1.2', 0x81],
  ['an empty topic', '30 len 0000', 'MQTT-4.7.3-1', 0x81],
  ['PUBACK with a reason code', '40 03', 'MQTT-2.1.4', 0x81],
  ['PUBACK without a packet identifier', '40 00', 'MQTT-2.1.4', 0x81],
  ['PUBACK for packet identifier 0', '40 len 0000', 'MQTT-2.2.1-3', 0x81],
  ['DISCONNECT with a body', 'e0 01', 'MQTT-2.1.4', 0x81],
  ['SUBSCRIBE without a filter', '82 len 0001', 'MQTT-3.8.3-2', 0x82],
  ['SUBSCRIBE without the options byte', "82 len 0001 0001 'a'", 'MQTT-4.13.1-1', 0x81],
  ['a subscription with QoS 3', "82 len 0001 0001 'a' 03", 'MQTT-3.8.3-5', 0x81],
  ['the options of MQTT 5', "82 len 0001 0001 'a' 04", '3.1.1/MQTT-3-8.3-4', 0x81],
  ['an empty filter', '82 len 0001 0000 00', 'MQTT-4.7.3-1', 0x8f],
  ['UNSUBSCRIBE without a filter', 'a2 len 0001', 'MQTT-3.10.3-2', 0x82],
])

rows('a server speaking MQTT 5', () => server(5), [
  ...inBoth,
  ['an empty topic without an alias', '30 len 0000 00', 'MQTT-3.3.2.1', 0x82],
  ['an empty topic with properties and no alias', '30 len 0000 02 01 00', 'MQTT-3.3.2.1', 0x82],
  ['PUBLISH without a property length', "30 len 0001 'a'", 'MQTT-4.13.1-1', 0x81],
  ['a padded property length', "30 len 0001 'a' 8000", 'MQTT-1.5.5-1', 0x81],
  ['Topic Alias 0', "30 len 0001 'a' 03 23 0000", 'MQTT-3.3.2-8', 0x94],
  ['Payload Format Indicator 2', "30 len 0001 'a' 02 01 02", 'MQTT-3.3.2.3.2', 0x82],
  ['a subscription identifier in PUBLISH', "30 len 0001 'a' 02 0b 01", 'MQTT-3.3.4-6', 0x82],
  ['a response topic with a wildcard', "30 len 0001 'a' 04 08 0001 '#'", 'MQTT-3.3.2-14', 0x90],
  ['Topic Alias twice', "30 len 0001 'a' 06 23 0001 23 0001", 'MQTT-2.2.2.2', 0x82],
  ['a content type that is not UTF-8', "30 len 0001 'a' 04 03 0001 ff", 'MQTT-1.5.4-1', 0x81],
  ['a user property without a value', "30 len 0001 'a' 04 26 0001 'k'", 'MQTT-4.13.1-1', 0x81],
  ['PUBACK without a packet identifier', '40 00', 'MQTT-4.13.1-1', 0x81],
  ['PUBACK with a reason code of another packet', '40 len 0001 92', 'MQTT-3.4.2-1', 0x82],
  ['PUBREC with a reason code of another packet', '50 len 0001 01', 'MQTT-3.5.2-1', 0x82],
  ['PUBREL with a reason code of another packet', '62 len 0001 80', 'MQTT-3.6.2-1', 0x82],
  ['PUBCOMP with a reason code of another packet', '70 len 0001 10', 'MQTT-3.7.2-1', 0x82],
  ['PUBACK with bytes after its properties', '40 len 0001 00 00 00', 'MQTT-3.4.2-1', 0x81],
  ['SUBSCRIBE without a filter', '82 len 0001 00', 'MQTT-3.8.3-2', 0x82],
  ['SUBSCRIBE without the options byte', "82 len 0001 00 0001 'a'", 'MQTT-4.13.1-1', 0x81],
  ['a subscription with QoS 3', "82 len 0001 00 0001 'a' 03", 'MQTT-3.8.3-5', 0x81],
  ['reserved option bits', "82 len 0001 00 0001 'a' 40", 'MQTT-3.8.3-5', 0x81],
  ['Retain Handling 3', "82 len 0001 00 0001 'a' 30", 'MQTT-3.8.3.1', 0x82],
  ['No Local on a shared subscription', "82 len 0001 00 000a '$share/g/t' 04", 'MQTT-3.8.3-4', 0x82],
  ['Subscription Identifier 0', "82 len 0001 02 0b00 0001 'a' 00", 'MQTT-3.8.2.1.2', 0x82],
  ['two subscription identifiers', "82 len 0001 04 0b01 0b02 0001 'a' 00", 'MQTT-2.2.2.2', 0x82],
  ['a # that is not last', "82 len 0001 00 0003 '#/a' 00", 'MQTT-4.7.1-1', 0x8f],
  ['a # within a level', "82 len 0001 00 0002 'a#' 00", 'MQTT-4.7.1-1', 0x8f],
  ['a + within a level', "82 len 0001 00 0002 '+a' 00", 'MQTT-4.7.1-2', 0x8f],
  ['a shared subscription without a filter', "82 len 0001 00 0009 '$share/g/' 00", 'MQTT-4.8.2-2', 0x8f],
  ['a shared subscription without a share name', "82 len 0001 00 0009 '$share//t' 00", 'MQTT-4.8.2-1', 0x8f],
  ['a share name with a wildcard', "82 len 0001 00 000a '$share/+/t' 00", 'MQTT-4.8.2-2', 0x8f],
  ['UNSUBSCRIBE without a filter', 'a2 len 0001 00', 'MQTT-3.10.3-2', 0x82],
  ['UNSUBSCRIBE from what is no filter', "a2 len 0001 00 0002 'a#'", 'MQTT-4.7.1-1', 0x8f],
  ['a reason code of a server in DISCONNECT', 'e0 01 8e', 'MQTT-3.14.2-1', 0x82],
  ['a server reference in DISCONNECT', "e0 len 00 04 1c 0001 's'", 'MQTT-2.2.2.2', 0x81],
  ['an AUTH that says success', 'f0 00', 'MQTT-3.15.2-1', 0x82],
  ['AUTH without a method', 'f0 len 18 00', 'MQTT-3.15.2.2.2', 0x82],
  ['AUTH without a property length', 'f0 len 18', 'MQTT-4.13.1-1', 0x81],
  ['flags of AUTH', 'f1', 'MQTT-2.1.3-1', 0x81],
])

rows('a client of MQTT 3.1.1 waiting for CONNACK', () => client(4, false), [
  ['anything else, by its first byte', '30', 'MQTT-3.2.0-1', 0x82],
  ['AUTH', 'f0', 'MQTT-3.2.0-1', 0x82],
  ['return code 6', '20 02 00 06', 'MQTT-3.2.2-8', 0x82],
  ['a session in a refusal', '20 02 01 05', 'MQTT-3.2.2-6', 0x82],
  ['reserved flags', '20 02 02 00', 'MQTT-3.2.2-1', 0x81],
  ['properties', '20 03', 'MQTT-2.1.4', 0x81],
])

rows('a client of MQTT 5 waiting for CONNACK', () => client(5, false), [
  ['PINGREQ', 'c0', 'MQTT-3.2.0-1', 0x82],
  ['a reason code that CONNACK has not', '20 03 00 01 00', 'MQTT-3.2.2-8', 0x82],
  ['no property length', '20 02 00 00', 'MQTT-4.13.1-1', 0x81],
  ['Maximum QoS 2', '20 05 00 00 02 24 02', 'MQTT-3.2.2.3.4', 0x82],
  ['Retain Available 2', '20 05 00 00 02 25 02', 'MQTT-3.2.2.3.5', 0x82],
  ['Wildcard Subscription Available 2', '20 05 00 00 02 28 02', 'MQTT-3.2.2.3.11', 0x82],
  ['Subscription Identifiers Available 2', '20 05 00 00 02 29 02', 'MQTT-3.2.2.3.12', 0x82],
  ['Shared Subscription Available 2', '20 05 00 00 02 2a 02', 'MQTT-3.2.2.3.13', 0x82],
])

rows('a client', () => client(5), [
  ['a second CONNACK', '20', 'MQTT-3.2.0-2', 0x82],
  ['CONNECT', '10', 'MQTT-2.1.2', 0x82],
  ['SUBSCRIBE', '82', 'MQTT-2.1.2', 0x82],
  ['UNSUBSCRIBE', 'a2', 'MQTT-2.1.2', 0x82],
  ['PINGREQ', 'c0', 'MQTT-2.1.2', 0x82],
  ['SUBACK without a reason code', '90 len 0001 00', 'MQTT-3.9.3-2', 0x82],
  ['SUBACK with a reason code of another packet', '90 len 0001 00 11', 'MQTT-3.9.3-2', 0x82],
  ['UNSUBACK with a reason code of another packet', 'b0 len 0001 00 02', 'MQTT-3.11.3-2', 0x82],
  ['a session expiry interval in DISCONNECT', 'e0 len 00 05 11 00000001', 'MQTT-3.14.2-2', 0x82],
  ['a client reason code in DISCONNECT', 'e0 01 04', 'MQTT-3.14.2-1', 0x82],
  ['Subscription Identifier 0 in PUBLISH', "30 len 0001 'a' 02 0b 00", 'MQTT-3.8.2.1.2', 0x82],
])

rows('a client of MQTT 3.1.1', () => client(4), [
  ['DISCONNECT', 'e0', 'MQTT-2.1.2', 0x82],
  ['SUBACK with a code of MQTT 5', '90 len 0001 87', 'MQTT-3.9.3-2', 0x82],
])
