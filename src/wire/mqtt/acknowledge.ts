import { Cursor } from './cursor.ts'
import type { DecodeContext } from './decode-context.ts'
import { type Malformed, protocolError } from './malformed.ts'
import type { AcknowledgePacket, ProtocolVersion } from './packet.ts'
import { decodeProperties, encodeProperties } from './properties.ts'
import { permittedReasons } from './reason-codes.ts'
import { Writer } from './writer.ts'

/** The packets that acknowledge a PUBLISH. */
export type AcknowledgeType = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'

const firstBytes: Readonly<Record<AcknowledgeType, number>> = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 }
const reasonClauses: Readonly<Record<AcknowledgeType, string>> = {
  puback: 'MQTT-3.4.2-1',
  pubrec: 'MQTT-3.5.2-1',
  pubrel: 'MQTT-3.6.2-1',
  pubcomp: 'MQTT-3.7.2-1',
}

/** Decodes the body of PUBACK, PUBREC, PUBREL or PUBCOMP. In MQTT 5 the reason code and the properties may be left out. */
export function decodeAcknowledge<Type extends AcknowledgeType>(
  type: Type,
  bytes: Buffer,
  start: number,
  end: number,
  context: DecodeContext,
): AcknowledgePacket<Type> | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const packetId = cursor.packetId()
  const five = context.version === 5
  const reasonCode = five && cursor.left > 0 ? cursor.u8() : 0
  if (reasonCode !== 0 && !permittedReasons[type].has(reasonCode)) {
    cursor.fail(protocolError(reasonClauses[type], 'An acknowledgement has a reason code that it cannot have.'))
  }
  const properties = five && cursor.left > 0 ? decodeProperties(cursor, type, context) : undefined
  return cursor.finish(reasonClauses[type]) ?? { type, packetId, reasonCode, properties }
}

/** Encodes PUBACK, PUBREC, PUBREL or PUBCOMP, as short as the standard allows. */
export function encodeAcknowledge(packet: AcknowledgePacket<AcknowledgeType>, version: ProtocolVersion): Buffer {
  const writer = new Writer(8).packetId(packet.packetId)
  if (version === 5 && (packet.reasonCode !== 0 || packet.properties !== undefined)) {
    writer.u8(packet.reasonCode)
    if (packet.properties !== undefined) encodeProperties(writer, packet.properties)
  }
  return writer.packet(firstBytes[packet.type])
}

/** Bytes that {@link writeAcknowledge} writes. */
export const acknowledgeBytes = 4

/**
 * Writes an acknowledgement that means success, the same four bytes in both versions, and returns the position after it. Allocates
 * nothing. The caller has made room for {@link acknowledgeBytes}; the identifier is that of a packet that was decoded, so it is not
 * checked again.
 */
export function writeAcknowledge(into: Buffer, at: number, type: AcknowledgeType, packetId: number): number {
  into[at] = firstBytes[type]
  into[at + 1] = 2
  into[at + 2] = packetId >> 8
  into[at + 3] = packetId & 0xff
  return at + acknowledgeBytes
}
