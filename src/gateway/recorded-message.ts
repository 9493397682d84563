import { type DeviceId, type Instant, type Subject, ownBytes, plus } from '#base'
import type { Message } from '#broker'
import { type Journal, type Offset, type TelemetryFact, decodeRecord } from '#journal'
import { type Properties, decodePropertyBytes } from '#wire/mqtt'

/** Until when a message may be delivered: as long as it says, and never longer than `longestSeconds`; undefined: for ever. */
export function expiryOf(properties: Properties | undefined, longestSeconds: number | undefined, time: Instant): Instant | undefined {
  const asked = properties?.messageExpiryInterval
  if (asked === undefined && longestSeconds === undefined) return undefined
  return plus(time, Math.min(asked ?? Number.MAX_SAFE_INTEGER, longestSeconds ?? Number.MAX_SAFE_INTEGER) * 1000)
}

/** Whom a record names when nothing but its stamp is known any more: the identity alone. */
export function stampedSubject(fact: TelemetryFact): Subject {
  // It was authenticated when the record was written, by us.
  const identity = fact.device as DeviceId
  return { identity, username: fact.device, clientId: '', attributes: {} }
}

/** The message that a telemetry record holds, with a payload of its own. */
export function messageFrom(fact: TelemetryFact, offset: Offset, publisher: Subject, expiresAt: Instant | undefined): Message {
  const { topic, qos, retain, connection, body, properties } = fact
  return {
    topic,
    payload: ownBytes(body),
    qos,
    retain,
    properties: decodePropertyBytes(ownBytes(properties)),
    publisher,
    from: connection,
    offset,
    expiresAt,
  }
}

const page = { records: 1_000, bytes: 1024 * 1024 }

/**
 * Reads messages back from the journal by their offsets, at most `maxBytes` of payloads together: those of the lowest offsets. What is
 * damaged, was dropped by retention or does not fit is not in the answer.
 */
export async function readMessages(
  journal: Pick<Journal, 'read' | 'start' | 'durableEnd'>,
  offsets: ReadonlySet<Offset>,
  longestSeconds: number | undefined,
  maxBytes: number,
): Promise<ReadonlyMap<Offset, Message>> {
  const found = new Map<Offset, Message>()
  const wanted = [...offsets].filter((offset) => offset >= journal.start && offset < journal.durableEnd).sort((a, b) => a - b)
  let bytes = 0
  for (let index = 0; index < wanted.length && bytes < maxBytes;) {
    const { records, next } = await journal.read(wanted[index] ?? 0, page)
    for (const record of records) {
      if (!('bytes' in record) || !offsets.has(record.offset)) continue
      const fact = decodeRecord(record.bytes)
      if (!fact.ok || fact.value.kind !== 'telemetry') continue
      const expiresAt = expiryOf(decodePropertyBytes(fact.value.properties), longestSeconds, fact.value.time)
      found.set(record.offset, messageFrom(fact.value, record.offset, stampedSubject(fact.value), expiresAt))
      bytes += record.bytes.length
    }
    while ((wanted[index] ?? Infinity) < next) index++
  }
  return found
}
