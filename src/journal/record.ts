import { type Instant, type Result, instant, ok, ownBytes, refuse } from '#base'
import { type Fact, type FactKind, type JsonFact, type Stamp, type TelemetryFact, factShapes } from './facts.ts'
import { isTelemetry, receivedNumber, recordPrefixBytes, recordVersion, telemetryNumber } from './peek.ts'

/*
 * The record grammar, version 1. Numbers are little-endian, text is UTF-8.
 *
 *   every record   version u8 | kind u8 | flags u8 | time f64, milliseconds since the epoch
 *   telemetry      ... stampLength u16 | stamp | topicLength u16 | topic | propertiesLength u32 | properties | body to the end
 *   received       ... packetId u16 | the rest of a telemetry record: QoS 2 to a stored session
 *   session        see session-record.ts: for the start of the hub, not for readers of facts
 *   stamp          device, auth, generation, connection, transport: each length u16 | text
 *   other kinds    ... length u32 | JSON
 *
 * The stamp is encoded once for each connection, so a message costs a few copies. Kind numbers and flag bits are never reused.
 */

const version = recordVersion
const prefixBytes = recordPrefixBytes

const kindNumbers: Readonly<Record<FactKind, number>> = {
  telemetry: telemetryNumber,
  connected: 2,
  disconnected: 3,
  denied: 4,
  refused: 5,
  'device-created': 6,
  'device-changed': 7,
  'device-deleted': 8,
  'certificate-issued': 9,
  revoked: 10,
  'session-closed': 11,
  'journal-damage': 12,
  finding: 13,
  'hub-started': 14,
  reconnected: 30,
  'clone-suspected': 31,
  'theft-suspected': 32,
  overloaded: 33,
  recovered: 34,
  subscribed: 15,
  unsubscribed: 16,
  'policy-changed': 40,
  'messages-dropped': 18,
  'twin-reported': 50,
  'twin-changed': 51,
  'model-announced': 52,
  'configuration-changed': 73,
  'configurations-evaluated': 74,
  'configuration-content-applied': 75,
  'module-created': 55,
  'module-changed': 56,
  'module-deleted': 57,
  'c2d-enqueued': 60,
  'c2d-completed': 61,
  'c2d-dead-lettered': 62,
  'c2d-purged': 63,
  'method-called': 64,
  'file-upload-started': 65,
  'file-uploaded': 66,
  'service-messages-dropped': 67,
  'job-started': 68,
  'job-device-ended': 69,
  'job-ended': 70,
  'routes-changed': 80,
  'endpoint-changed': 81,
  'egress-failed': 82,
  'egress-recovered': 83,
  'egress-lost': 84,
  'egress-dead-lettered': 85,
  'connection-settled': 86,
  'import-started': 87,
  'import-ended': 88,
  'service-added': 90,
  'service-removed': 91,
  'secret-changed': 130,
  'secret-rotated': 131,
  'secret-due': 132,
  'secret-access-changed': 133,
  'certificates-revoked': 100,
  'revocation-list-ageing': 102,
  'revocation-lists-stuck': 103,
  'responder-renewed': 104,
  'enrollment-code-added': 110,
  'enrollment-code-removed': 111,
  'est-enrolled': 112,
  'acme-account-changed': 113,
  'acme-name-proven': 114,
  'acme-issued': 115,
  'campaign-started': 140,
  'campaign-held': 141,
  'campaign-resumed': 142,
  'campaign-cut-over': 143,
  'campaign-ended': 144,
  'trust-proven': 145,
  'key-store-away': 116,
  'key-store-back': 117,
  'device-registered': 120,
  'registration-failed': 121,
  'registration-refused': 122,
  'enrollment-changed': 123,
  'registration-deleted': 124,
  'device-attested': 126,
  'attestation-refused': 127,
  'tpm-clone-suspected': 128,
  'attestation-changed': 129,
  'lot-changed': 146,
  'lot-reported': 147,
  'lot-device-refused': 148,
}
const jsonKinds: ReadonlyMap<number, JsonFact['kind']> = new Map(
  (Object.keys(factShapes) as JsonFact['kind'][]).map((kind) => [kindNumbers[kind], kind] as const),
)

/** The stamp of a connection, to be kept by it and given to {@link writeTelemetry}. Throws for text of 65,536 bytes or more: callers have bounded it. */
export function encodeStamp(stamp: Stamp): Buffer {
  const parts: Buffer[] = []
  for (const value of [stamp.device, stamp.auth, stamp.generation, stamp.connection, stamp.transport]) {
    const encoded = Buffer.from(value, 'utf8')
    if (encoded.length > 0xffff) throw new Error('bug: a part of the stamp is too long')
    const length = Buffer.alloc(2)
    length.writeUInt16LE(encoded.length)
    parts.push(length, encoded)
  }
  const whole = Buffer.concat(parts)
  if (whole.length > 0xffff) throw new Error('bug: the stamp is too long')
  return ownBytes(whole)
}

/** The flags byte of a telemetry record: QoS in bits 0-1, retain 4, dup 8, MQTT protocol level (4 or 5) in the high half. */
export function telemetryFlags(qos: 0 | 1 | 2, retain: boolean, dup: boolean, mqttVersion: number): number {
  return qos | (retain ? 4 : 0) | (dup ? 8 : 0) | (mqttVersion << 4)
}

/** Bytes that {@link writeTelemetry} will write. */
export function telemetrySize(stamp: Uint8Array, topic: Uint8Array, properties: Uint8Array, body: Uint8Array, packetId = 0): number {
  return prefixBytes + (packetId === 0 ? 2 : 4) + stamp.length + 2 + topic.length + 4 + properties.length + body.length
}

/**
 * Writes one telemetry record into `into` at `at`; returns the position after it. Allocates nothing: this runs once a message. `topic` is UTF-8
 * as received; `flags` from {@link telemetryFlags}; `time` in milliseconds. The caller has made room of {@link telemetrySize} bytes.
 * `packetId` (1 to 65,535) makes the record one of a QoS 2 message that a stored session has received; 0 is every other message.
 */
export function writeTelemetry(
  into: Buffer,
  at: number,
  flags: number,
  time: Instant,
  stamp: Uint8Array,
  topic: Uint8Array,
  properties: Uint8Array,
  body: Uint8Array,
  packetId = 0,
): number {
  into[at] = version
  into[at + 1] = 1 // kindNumbers.telemetry
  into[at + 2] = flags
  into.writeDoubleLE(time, at + 3)
  let end = at + prefixBytes
  if (packetId !== 0) {
    into[at + 1] = receivedNumber
    end = into.writeUInt16LE(packetId, end)
  }
  into[end] = stamp.length & 0xff
  into[end + 1] = stamp.length >>> 8
  into.set(stamp, end + 2)
  end += 2 + stamp.length
  into[end] = topic.length & 0xff
  into[end + 1] = topic.length >>> 8
  into.set(topic, end + 2)
  end += 2 + topic.length
  into.writeUInt32LE(properties.length, end)
  end += 4
  if (properties.length > 0) {
    into.set(properties, end)
    end += properties.length
  }
  into.set(body, end)
  return end + body.length
}

/** A whole telemetry record in a buffer of its own, for places where speed does not matter. */
export function encodeTelemetry(fact: TelemetryFact): Buffer {
  const stamp = encodeStamp(fact)
  const topic = Buffer.from(fact.topic, 'utf8')
  const record = Buffer.alloc(telemetrySize(stamp, topic, fact.properties, fact.body, fact.packetId))
  const flags = telemetryFlags(fact.qos, fact.retain, fact.dup, fact.mqttVersion)
  writeTelemetry(record, 0, flags, fact.time, stamp, topic, fact.properties, fact.body, fact.packetId)
  return record
}

/** Any fact but telemetry as a record. */
export function encodeFact(fact: JsonFact): Buffer {
  const { kind, time, ...rest } = fact
  const json = Buffer.from(JSON.stringify(rest), 'utf8')
  const record = Buffer.alloc(prefixBytes + 4 + json.length)
  record[0] = version
  record[1] = kindNumbers[kind]
  record.writeDoubleLE(time, 3)
  record.writeUInt32LE(json.length, prefixBytes)
  json.copy(record, prefixBytes + 4)
  return record
}

/**
 * Reads a record back. Refuses `journal/record-unknown` (written by a later release) and `journal/record-malformed` (damaged, or our
 * bug); never throws, whatever the bytes. Buffers in the fact are slices of `bytes`.
 */
export function decodeRecord(bytes: Buffer): Result<Fact> {
  if (bytes.length < prefixBytes) return malformed('shorter than its prefix')
  if (bytes[0] !== version) return refuse('journal/record-unknown', 'The record was written by another release.', `version ${bytes[0]}`)
  const kind = bytes[1] ?? 0
  const ms = bytes.readDoubleLE(3)
  if (!Number.isFinite(ms)) return malformed('its time is no number')
  if (kind === kindNumbers.telemetry) return decodeTelemetry(bytes, instant(ms), 0)
  if (kind === receivedNumber) return decodeTelemetry(bytes, instant(ms), 2)
  const name = jsonKinds.get(kind)
  if (name === undefined) return refuse('journal/record-unknown', 'The record was written by another release.', `kind ${kind}`)
  return decodeJson(bytes, name, instant(ms))
}

/** The kind of a record by a look at its second byte, without decoding; `undefined` when this release does not know it. */
export function recordKind(bytes: Uint8Array): FactKind | undefined {
  const kind = bytes[1] ?? 0
  return isTelemetry(bytes) ? 'telemetry' : bytes[0] === version ? jsonKinds.get(kind) : undefined
}

function decodeJson(bytes: Buffer, kind: JsonFact['kind'], time: Instant): Result<Fact> {
  const start = prefixBytes + 4
  if (bytes.length < start || bytes.readUInt32LE(prefixBytes) !== bytes.length - start) return malformed('its JSON is cut')
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8', start))
  } catch {
    return malformed('its JSON does not parse')
  }
  const body = factShapes[kind](json)
  if (body === undefined) return malformed(`it is no "${kind}"`)
  return ok({ kind, time, ...body } as JsonFact) // the shape of this very kind has just been proven
}

/** `extra`: bytes of the packet identifier before the stamp. */
function decodeTelemetry(bytes: Buffer, time: Instant, extra: 0 | 2): Result<Fact> {
  const flags = bytes[2] ?? 0
  const qos = flags & 3
  if (qos === 3) return malformed('its QoS is 3')
  const start = prefixBytes + extra
  const stamp = slice16(bytes, start)
  const topic = stamp && slice16(bytes, start + 2 + stamp.length)
  if (stamp === undefined || topic === undefined) return malformed('its stamp or topic is cut')
  let at = start + 4 + stamp.length + topic.length
  const properties = at + 4 <= bytes.length ? slice(bytes, at + 4, bytes.readUInt32LE(at)) : undefined
  if (properties === undefined) return malformed('its properties are cut')
  at += 4 + properties.length
  const sender = decodeStamp(stamp)
  if (sender === undefined) return malformed('its stamp does not parse')
  return ok({
    kind: 'telemetry',
    time,
    ...sender,
    topic: topic.toString('utf8'),
    qos: qos === 0 ? 0 : qos === 1 ? 1 : 2,
    retain: (flags & 4) !== 0,
    dup: (flags & 8) !== 0,
    mqttVersion: flags >> 4,
    properties,
    body: bytes.subarray(at),
    ...(extra === 0 ? {} : { packetId: bytes.readUInt16LE(prefixBytes) }),
  })
}

function decodeStamp(stamp: Buffer): Stamp | undefined {
  const parts: string[] = []
  let at = 0
  while (at < stamp.length) {
    const part = slice16(stamp, at)
    if (part === undefined) return undefined
    parts.push(part.toString('utf8'))
    at += 2 + part.length
  }
  const [device, auth, generation, connection, transport] = parts
  if (device === undefined || auth === undefined || generation === undefined || connection === undefined || transport === undefined)
    return undefined
  return { device, auth, generation, connection, transport }
}

function slice16(bytes: Buffer, at: number): Buffer | undefined {
  return at + 2 <= bytes.length ? slice(bytes, at + 2, bytes.readUInt16LE(at)) : undefined
}

function slice(bytes: Buffer, at: number, length: number): Buffer | undefined {
  return at + length <= bytes.length ? bytes.subarray(at, at + length) : undefined
}

function malformed(detail: string): Result<never> {
  return refuse('journal/record-malformed', 'The record is damaged.', detail)
}
