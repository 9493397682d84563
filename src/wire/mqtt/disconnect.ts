import { Cursor } from './cursor.ts'
import type { DecodeContext } from './decode-context.ts'
import { type Malformed, protocolError } from './malformed.ts'
import type { AuthPacket, DisconnectPacket, ProtocolVersion } from './packet.ts'
import { decodeProperties, encodeProperties } from './properties.ts'
import { permittedReasons } from './reason-codes.ts'
import { Writer } from './writer.ts'

/** Decodes the body of a DISCONNECT. In MQTT 5 the reason code and the properties may be left out. */
export function decodeDisconnect(bytes: Buffer, start: number, end: number, context: DecodeContext): DisconnectPacket | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const five = context.version === 5
  const place = context.sender === 'client' ? 'client-disconnect' : 'server-disconnect'
  const reasonCode = five && cursor.left > 0 ? cursor.u8() : 0
  if (!permittedReasons[place].has(reasonCode)) {
    cursor.fail(protocolError('MQTT-3.14.2-1', 'DISCONNECT with a reason code that its sender cannot use.'))
  }
  const properties = five && cursor.left > 0 ? decodeProperties(cursor, place, context) : undefined
  return cursor.finish('MQTT-3.14.3') ?? { type: 'disconnect', reasonCode, properties }
}

/** Encodes a DISCONNECT, as short as the standard allows. In 3.1.1 it is for a client to send. */
export function encodeDisconnect(packet: DisconnectPacket, version: ProtocolVersion): Buffer {
  const writer = new Writer(16)
  if (version === 5 && (packet.reasonCode !== 0 || packet.properties !== undefined)) {
    writer.u8(packet.reasonCode)
    if (packet.properties !== undefined) encodeProperties(writer, packet.properties)
  }
  return writer.packet(0xe0)
}

/** Decodes the body of an AUTH. All of it may be left out only when it means success. */
export function decodeAuth(bytes: Buffer, start: number, end: number, context: DecodeContext): AuthPacket | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const empty = cursor.left === 0
  const reasonCode = empty ? 0 : cursor.u8()
  if (!permittedReasons[context.sender === 'client' ? 'client-auth' : 'server-auth'].has(reasonCode)) {
    cursor.fail(protocolError('MQTT-3.15.2-1', 'AUTH with a reason code that its sender cannot use.'))
  }
  const properties = empty ? undefined : decodeProperties(cursor, 'auth', context)
  if (!empty && properties?.authenticationMethod === undefined) {
    cursor.fail(protocolError('MQTT-3.15.2.2.2', 'AUTH without an authentication method.'))
  }
  return cursor.finish('MQTT-3.15.3') ?? { type: 'auth', reasonCode, properties }
}

/** Encodes an AUTH. */
export function encodeAuth(packet: AuthPacket): Buffer {
  const writer = new Writer()
  if (packet.reasonCode !== 0 || packet.properties !== undefined) {
    writer.u8(packet.reasonCode)
    encodeProperties(writer, packet.properties)
  }
  return writer.packet(0xf0)
}
