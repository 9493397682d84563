import { qosOf } from './connect.ts'
import { Cursor } from './cursor.ts'
import type { DecodeContext } from './decode-context.ts'
import { type Malformed, badTopicFilter, malformed, protocolError, tooMany } from './malformed.ts'
import type { ProtocolVersion, SubackPacket, SubscribePacket, Subscription, UnsubackPacket, UnsubscribePacket } from './packet.ts'
import { decodeProperties, encodeProperties } from './properties.ts'
import { permittedReasons } from './reason-codes.ts'
import { topicFilterFault, topicLengthFault } from './topic.ts'
import { Writer } from './writer.ts'

const firstBytes = { subscribe: 0x82, suback: 0x90, unsubscribe: 0xa2, unsuback: 0xb0 } as const

/** Decodes the body of a SUBSCRIBE. */
export function decodeSubscribe(bytes: Buffer, start: number, end: number, context: DecodeContext): SubscribePacket | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const packetId = cursor.packetId()
  const properties = context.version === 5 ? decodeProperties(cursor, 'subscribe', context) : undefined
  if (cursor.left === 0) cursor.fail(protocolError('MQTT-3.8.3-2', 'SUBSCRIBE without a topic filter.'))
  const subscriptions: Subscription[] = []
  while (cursor.left > 0) {
    if (subscriptions.length === context.limits.filtersPerPacket)
      cursor.fail(tooMany('MQTT-3.8.3', 'Too many topic filters in one SUBSCRIBE.'))
    else subscriptions.push(decodeSubscription(cursor, context))
  }
  return cursor.finish('MQTT-3.8.3') ?? { type: 'subscribe', packetId, subscriptions, properties }
}

function decodeSubscription(cursor: Cursor, context: DecodeContext): Subscription {
  const filter = decodeFilter(cursor, context)
  const options = cursor.u8()
  const qos = qosOf(options & 0x03)
  if (qos === undefined) cursor.fail(malformed('MQTT-3.8.3-5', 'The QoS of a subscription must be 0, 1 or 2.'))
  if (context.version === 4 && options > 2) cursor.fail(malformed('3.1.1/MQTT-3-8.3-4', 'The reserved bits of a subscription must be 0.'))
  if ((options & 0xc0) !== 0) cursor.fail(malformed('MQTT-3.8.3-5', 'The reserved bits of a subscription must be 0.'))
  const noLocal = (options & 0x04) !== 0
  if (noLocal && filter.startsWith('$share/')) cursor.fail(protocolError('MQTT-3.8.3-4', 'No Local on a shared subscription.'))
  const handling = qosOf((options >> 4) & 0x03)
  if (handling === undefined) cursor.fail(protocolError('MQTT-3.8.3.1', 'Retain Handling must be 0, 1 or 2.'))
  return { filter, qos: qos ?? 0, noLocal, retainAsPublished: (options & 0x08) !== 0, retainHandling: handling ?? 0 }
}

function decodeFilter(cursor: Cursor, context: DecodeContext): string {
  const filter = cursor.utf8()
  const { topicLevels, topicBytes } = context.limits
  const fault = cursor.failure === undefined ? (topicLengthFault(filter, topicBytes) ?? topicFilterFault(filter, topicLevels)) : undefined
  if (fault !== undefined) cursor.fail(badTopicFilter(fault.clause, fault.message))
  return filter
}

/** Encodes a SUBSCRIBE. */
export function encodeSubscribe(packet: SubscribePacket, version: ProtocolVersion): Buffer {
  const writer = new Writer().packetId(packet.packetId)
  if (version === 5) encodeProperties(writer, packet.properties)
  for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    const more = version === 5 ? (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | (retainHandling << 4) : 0
    writer.utf8(filter).u8(qos | more)
  }
  return writer.packet(firstBytes.subscribe)
}

/** Decodes the body of an UNSUBSCRIBE. */
export function decodeUnsubscribe(bytes: Buffer, start: number, end: number, context: DecodeContext): UnsubscribePacket | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const packetId = cursor.packetId()
  const properties = context.version === 5 ? decodeProperties(cursor, 'unsubscribe', context) : undefined
  if (cursor.left === 0) cursor.fail(protocolError('MQTT-3.10.3-2', 'UNSUBSCRIBE without a topic filter.'))
  const filters: string[] = []
  while (cursor.left > 0) {
    if (filters.length === context.limits.filtersPerPacket)
      cursor.fail(tooMany('MQTT-3.10.3', 'Too many topic filters in one UNSUBSCRIBE.'))
    else filters.push(decodeFilter(cursor, context))
  }
  return cursor.finish('MQTT-3.10.3') ?? { type: 'unsubscribe', packetId, filters, properties }
}

/** Encodes an UNSUBSCRIBE. */
export function encodeUnsubscribe(packet: UnsubscribePacket, version: ProtocolVersion): Buffer {
  const writer = new Writer().packetId(packet.packetId)
  if (version === 5) encodeProperties(writer, packet.properties)
  for (const filter of packet.filters) writer.utf8(filter)
  return writer.packet(firstBytes.unsubscribe)
}

/** Decodes the body of a SUBACK. */
export function decodeSuback(bytes: Buffer, start: number, end: number, context: DecodeContext): SubackPacket | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const packetId = cursor.packetId()
  const properties = context.version === 5 ? decodeProperties(cursor, 'suback', context) : undefined
  const reasonCodes = decodeReasons(cursor, context.version === 5 ? permittedReasons.suback : returnCodes, 'MQTT-3.9.3-2')
  return cursor.finish('MQTT-3.9.3-2') ?? { type: 'suback', packetId, reasonCodes, properties }
}

const returnCodes: ReadonlySet<number> = new Set([0x00, 0x01, 0x02, 0x80])

/** Encodes a SUBACK; in 3.1.1 there is one code for every failure. */
export function encodeSuback(packet: SubackPacket, version: ProtocolVersion): Buffer {
  const writer = new Writer().packetId(packet.packetId)
  if (version === 5) encodeProperties(writer, packet.properties)
  for (const code of packet.reasonCodes) writer.u8(version === 4 && code >= 0x80 ? 0x80 : code)
  return writer.packet(firstBytes.suback)
}

/** Decodes the body of an UNSUBACK, which in 3.1.1 is a packet identifier and no more. */
export function decodeUnsuback(bytes: Buffer, start: number, end: number, context: DecodeContext): UnsubackPacket | Malformed {
  const cursor = new Cursor(bytes, start, end)
  const packetId = cursor.packetId()
  const properties = context.version === 5 ? decodeProperties(cursor, 'unsuback', context) : undefined
  const reasonCodes = context.version === 5 ? decodeReasons(cursor, permittedReasons.unsuback, 'MQTT-3.11.3-2') : []
  return cursor.finish('MQTT-3.11.3-2') ?? { type: 'unsuback', packetId, reasonCodes, properties }
}

/** Encodes an UNSUBACK. */
export function encodeUnsuback(packet: UnsubackPacket, version: ProtocolVersion): Buffer {
  const writer = new Writer().packetId(packet.packetId)
  if (version === 5) {
    encodeProperties(writer, packet.properties)
    for (const code of packet.reasonCodes) writer.u8(code)
  }
  return writer.packet(firstBytes.unsuback)
}

/** One code per filter of the request, so there is at least one. */
function decodeReasons(cursor: Cursor, permitted: ReadonlySet<number>, clause: string): number[] {
  if (cursor.left === 0) cursor.fail(protocolError(clause, 'An acknowledgement of filters has no reason code.'))
  const codes: number[] = []
  while (cursor.left > 0) {
    const code = cursor.u8()
    codes.push(code)
    if (!permitted.has(code)) cursor.fail(protocolError(clause, 'An acknowledgement of filters has a reason code that it cannot have.'))
  }
  return codes
}
