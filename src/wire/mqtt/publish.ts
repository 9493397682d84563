import { qosOf } from './connect.ts'
import { Cursor } from './cursor.ts'
import type { DecodeContext } from './decode-context.ts'
import { type Malformed, malformed, protocolError } from './malformed.ts'
import type { Properties, ProtocolVersion, PublishPacket, QoS } from './packet.ts'
import { decodeProperties, encodeProperties } from './properties.ts'
import { Writer } from './writer.ts'

/*
 * The product's heartbeat. Nothing is read twice, the topic of a message is mostly the same string as the last one's, the payload is
 * a slice, and a cursor is made only for MQTT 5 properties. Keep the object literal's keys in one order: V8 then has one shape for all.
 */

/** Decodes the body of a PUBLISH. `flags` are the low four bits of the first byte. */
export function decodePublish(bytes: Buffer, flags: number, start: number, end: number, context: DecodeContext): PublishPacket | Malformed {
  const qos = qosOf((flags >> 1) & 3)
  if (qos === undefined) return malformed('MQTT-3.3.1-4', 'QoS must be 0, 1 or 2.')
  if (end - start < 2) return truncated()
  let at = start + 2 + (((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0))
  if (at > end) return truncated()
  const topic = at === start + 2 ? '' : context.topics.read(bytes, start + 2, at)
  if (typeof topic !== 'string') return topic
  let packetId: number | undefined
  if (qos > 0) {
    if (end - at < 2) return truncated()
    packetId = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    if (packetId === 0) return malformed('MQTT-2.2.1-3', 'A packet identifier must not be 0.')
    at += 2
  }
  let properties: Properties | undefined
  if (context.version === 5) {
    if (bytes[at] === 0 && at < end) at += 1
    else {
      const cursor = new Cursor(bytes, at, end)
      properties = decodeProperties(cursor, context.sender === 'client' ? 'client-publish' : 'server-publish', context)
      if (cursor.failure !== undefined) return cursor.failure
      at = end - cursor.left
    }
  }
  if (topic === '' && properties?.topicAlias === undefined) {
    return context.version === 5
      ? protocolError('MQTT-3.3.2.1', 'A topic name is empty and there is no topic alias.')
      : malformed('MQTT-4.7.3-1', 'A topic name must have at least one character.')
  }
  return {
    type: 'publish',
    topic,
    payload: bytes.subarray(at, end),
    qos,
    retain: (flags & 0x01) !== 0,
    dup: (flags & 0x08) !== 0,
    packetId,
    properties,
  }
}

function truncated(): Malformed {
  return malformed('MQTT-3.3.2-1', 'PUBLISH ends before its topic name or packet identifier does.')
}

/**
 * Everything of a PUBLISH before its payload. Encoded once for all who get the same message with the same options; each copy then
 * differs in its packet identifier and its DUP flag alone, and all share the payload.
 */
export type PublishHead = {
  readonly bytes: Buffer
  /** Where the packet identifier stands in `bytes`, or 0 for QoS 0, which has none. */
  readonly packetIdAt: number
}

/** What {@link publishHead} must know: a PUBLISH without its packet identifier, and with the size instead of the payload. */
export type Delivery = {
  readonly topic: string
  readonly payloadBytes: number
  readonly qos: QoS
  readonly retain: boolean
  readonly properties?: Properties | undefined
}

/** Encodes a delivery's head, with packet identifier 0 and without DUP. Throws, as our bug, when the packet would pass 256 MiB. */
export function publishHead(delivery: Delivery, version: ProtocolVersion): PublishHead {
  const { topic, qos, retain, payloadBytes } = delivery
  const writer = new Writer().utf8(topic)
  const idAt = writer.body().length
  if (qos > 0) writer.u16(0)
  if (version === 5) encodeProperties(writer, delivery.properties)
  const body = writer.body().length
  const bytes = writer.packet(0x30 | (qos << 1) | (retain ? 1 : 0), payloadBytes)
  return { bytes, packetIdAt: qos > 0 ? bytes.length - body + idAt : 0 }
}

/**
 * Copies a head to `into` at `at`, with this delivery's packet identifier (ignored for QoS 0) and DUP flag [MQTT-3.3.1-3].
 * Returns the position after it, where the payload belongs. The caller has made room for `head.bytes.length` bytes.
 */
export function writePublishHead(head: PublishHead, into: Buffer, at: number, packetId: number, dup = false): number {
  into.set(head.bytes, at)
  if (head.packetIdAt > 0) {
    into[at + head.packetIdAt] = packetId >> 8
    into[at + head.packetIdAt + 1] = packetId & 0xff
    if (dup) into[at] = (into[at] ?? 0) | 0x08
  }
  return at + head.bytes.length
}

/** Encodes a whole PUBLISH, payload copied. */
export function encodePublish(packet: PublishPacket, version: ProtocolVersion): Buffer {
  const writer = new Writer(packet.topic.length + packet.payload.length + 64).utf8(packet.topic)
  if (packet.qos > 0) writer.packetId(packet.packetId)
  if (version === 5) encodeProperties(writer, packet.properties)
  writer.raw(packet.payload)
  return writer.packet(0x30 | (packet.dup ? 0x08 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0))
}
