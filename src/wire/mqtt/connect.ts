import { Cursor } from './cursor.ts'
import type { DecodeContext } from './decode-context.ts'
import { type Malformed, badClientId, badTopicName, malformed, protocolError, unsupportedVersion } from './malformed.ts'
import type { ConnackPacket, ConnectPacket, Properties, ProtocolVersion, QoS, Will } from './packet.ts'
import { decodeProperties, encodeProperties } from './properties.ts'
import { permittedReasons, reasonOfReturnCode, returnCodeOf } from './reason-codes.ts'
import { topicLengthFault, topicNameFault } from './topic.ts'
import { Writer } from './writer.ts'

/** A quality of service from two bits, or `undefined` for 3, which is reserved. */
export function qosOf(bits: number): QoS | undefined {
  return bits === 0 ? 0 : bits === 1 ? 1 : bits === 2 ? 2 : undefined
}

const protocolNames: readonly string[] = ['MQTT', 'MQIsdp']

/**
 * The protocol level that a CONNECT asks for, without looking at the rest: 4 or 5, or the nearer of them when we do not speak it, so
 * that a refusal can be written in the form that the peer is likely to understand. `undefined` when the bytes end before it or the
 * protocol has another name: then nobody knows what the peer understands.
 */
export function connectVersion(bytes: Buffer, start: number, end: number): ProtocolVersion | undefined {
  const at = start + 2 + (((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0))
  if (at >= end || !protocolNames.includes(bytes.toString('latin1', start + 2, at))) return undefined
  return (bytes[at] ?? 0) < 5 ? 4 : 5
}

/** Decodes the body of a CONNECT of either version. */
export function decodeConnect(bytes: Buffer, start: number, end: number, context: DecodeContext): ConnectPacket | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const name = cursor.utf8()
  const level = cursor.u8()
  if (cursor.failure !== undefined) return cursor.failure
  if (name === 'MQIsdp') return unsupportedVersion('MQTT-3.1.2-2', 'This server speaks MQTT 3.1.1 and 5.0.')
  if (name !== 'MQTT') return unsupportedVersion('MQTT-3.1.2-1', 'The protocol name must be MQTT.')
  if (level !== 4 && level !== 5) return unsupportedVersion('MQTT-3.1.2-2', 'This server speaks MQTT 3.1.1 and 5.0.')
  const flags = cursor.u8()
  const refused = badFlags(flags, level)
  if (refused !== undefined) cursor.fail(refused)
  const cleanStart = (flags & 0x02) !== 0
  const keepAliveSeconds = cursor.u16()
  const properties = level === 5 ? decodeProperties(cursor, 'connect', context) : undefined
  const clientId = decodeClientId(cursor, level, cleanStart)
  const will = (flags & 0x04) === 0 ? undefined : decodeWill(cursor, flags, level, context)
  const username = (flags & 0x80) === 0 ? undefined : cursor.name()
  const password = (flags & 0x40) === 0 ? undefined : cursor.binary()
  return (
    cursor.finish('MQTT-3.1.3-1') ?? {
      type: 'connect',
      version: level,
      clientId,
      cleanStart,
      keepAliveSeconds,
      username,
      password,
      will,
      properties,
    }
  )
}

function badFlags(flags: number, level: ProtocolVersion): Malformed | undefined {
  if ((flags & 0x01) !== 0) return malformed('MQTT-3.1.2-3', 'The reserved flag of CONNECT must be 0.')
  const hasWill = (flags & 0x04) !== 0
  if (!hasWill && (flags & 0x18) !== 0) return malformed('MQTT-3.1.2-13', 'Will QoS without a will.')
  if (!hasWill && (flags & 0x20) !== 0) return malformed('MQTT-3.1.2-15', 'Will retain without a will.')
  if ((flags & 0x18) === 0x18) return malformed('MQTT-3.1.2-14', 'Will QoS must be 0, 1 or 2.')
  if (level === 4 && (flags & 0xc0) === 0x40) return malformed('3.1.1/MQTT-3.1.2-22', 'A password without a user name.')
  return undefined
}

function decodeClientId(cursor: Cursor, level: ProtocolVersion, cleanStart: boolean): string {
  const clientId = cursor.name()
  if (clientId === '' && level === 4 && !cleanStart && cursor.failure === undefined) {
    cursor.fail(badClientId('3.1.1/MQTT-3.1.3-8', 'A client without a client identifier must ask for a clean session.'))
  }
  return clientId
}

function decodeWill(cursor: Cursor, flags: number, level: ProtocolVersion, context: DecodeContext): Will {
  const properties = level === 5 ? decodeProperties(cursor, 'will', context) : undefined
  const topic = cursor.utf8()
  const { topicLevels, topicBytes } = context.limits
  const fault = cursor.failure === undefined ? (topicLengthFault(topic, topicBytes) ?? topicNameFault(topic, topicLevels)) : undefined
  if (fault !== undefined) cursor.fail(badTopicName(fault.clause, `Will topic: ${fault.message}`))
  const payload = cursor.binary()
  return { topic, payload, qos: qosOf((flags >> 3) & 3) ?? 0, retain: (flags & 0x20) !== 0, properties }
}

/** Encodes a CONNECT in its own version. */
export function encodeConnect(packet: ConnectPacket): Buffer {
  const { will, username, password } = packet
  const five = packet.version === 5
  const flags =
    (username === undefined ? 0 : 0x80) |
    (password === undefined ? 0 : 0x40) |
    (will === undefined ? 0 : 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0)) |
    (packet.cleanStart ? 0x02 : 0)
  const writer = new Writer().utf8('MQTT').u8(packet.version).u8(flags).u16(packet.keepAliveSeconds)
  if (five) encodeProperties(writer, packet.properties)
  writer.utf8(packet.clientId)
  if (will !== undefined) {
    if (five) encodeProperties(writer, will.properties)
    writer.utf8(will.topic).binary(will.payload)
  }
  if (username !== undefined) writer.utf8(username)
  if (password !== undefined) writer.binary(password)
  return writer.packet(0x10)
}

/** Decodes the body of a CONNACK of the context's version. */
export function decodeConnack(bytes: Buffer, start: number, end: number, context: DecodeContext): ConnackPacket | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const flags = cursor.u8()
  if (flags > 1) cursor.fail(malformed('MQTT-3.2.2-1', 'The reserved flags of CONNACK must be 0.'))
  const code = cursor.u8()
  const reasonCode = context.version === 5 ? code : reasonOfReturnCode(code)
  if (reasonCode === undefined || !permittedReasons.connack.has(reasonCode)) {
    return cursor.failure ?? protocolError('MQTT-3.2.2-8', 'CONNACK with a reason code that it cannot have.')
  }
  if (flags === 1 && reasonCode !== 0) cursor.fail(protocolError('MQTT-3.2.2-6', 'A session is present in a CONNACK that refuses.'))
  const properties: Properties | undefined = context.version === 5 ? decodeProperties(cursor, 'connack', context) : undefined
  return cursor.finish('MQTT-3.2.3') ?? { type: 'connack', sessionPresent: flags === 1, reasonCode, properties }
}

/** Encodes a CONNACK; for 3.1.1 the reason code becomes the return code that says most of it. */
export function encodeConnack(packet: ConnackPacket, version: ProtocolVersion): Buffer {
  const writer = new Writer().u8(packet.sessionPresent ? 1 : 0)
  writer.u8(version === 5 ? packet.reasonCode : returnCodeOf(packet.reasonCode))
  if (version === 5) encodeProperties(writer, packet.properties)
  return writer.packet(0x20)
}
