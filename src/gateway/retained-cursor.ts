import type { Broker, Message } from '#broker'
import { type Clock, type Instant, type Subject, instant, plus } from '#base'
import { type Offset, type TelemetryFact, decodeRecord, encodeTelemetry } from '#journal'
import { parseTelemetryTopic } from '#wire/azure'
import { parseJson } from '#wire/json'
import { expiryOf, messageFrom, stampedSubject } from './recorded-message.ts'
import { propertyBytes } from './property-bytes.ts'

/**
 * The copy of one retained message: its record, and what the record does not say (JSON). Copies of the first release have no `about`:
 * then only the identity of the publisher is known.
 */
export type RetainedRow = { readonly record: Buffer; readonly about: string | undefined }

/** What is not in a telemetry record. */
type About = { readonly offset: Offset; readonly expiresAt: Instant | undefined; readonly publisher: Subject }

/** Brings back a retained message from its copy. What cannot be read is left out. */
export function restoreRetainedRow(broker: Broker, { record, about }: RetainedRow): void {
  const fact = retainedFact(record)
  if (fact === undefined) return
  const known = about === undefined ? undefined : parseAbout(about, stampedSubject(fact))
  const { offset, expiresAt, publisher } = known ?? { offset: -1, expiresAt: undefined, publisher: stampedSubject(fact) }
  broker.retained.set(messageFrom(fact, offset, publisher, expiresAt))
}

/** Takes what the journal says was retained, by `publisher`, or what the record says of it. */
export function restoreRetained(
  broker: Broker,
  record: Buffer,
  offset: Offset,
  publisherOf: (connection: string) => Subject | undefined,
  longestSeconds: number | undefined,
): void {
  const fact = retainedFact(record)
  if (fact === undefined) return
  const publisher = publisherOf(fact.connection) ?? stampedSubject(fact)
  const message = messageFrom(fact, offset, publisher, undefined)
  broker.retained.set({ ...message, expiresAt: expiryOf(message.properties, longestSeconds, fact.time) })
}

/** The copy of a retained message. */
export function retainedRow(message: Message, clock: Clock): RetainedRow {
  const { offset, expiresAt, publisher } = message
  const seconds = message.properties?.messageExpiryInterval
  const fact: TelemetryFact = {
    kind: 'telemetry',
    time: expiresAt === undefined || seconds === undefined ? clock.now() : plus(expiresAt, -seconds * 1000),
    device: publisher.identity,
    auth: '',
    generation: '',
    connection: message.from,
    transport: '',
    topic: message.topic,
    qos: message.qos,
    retain: true,
    dup: false,
    mqttVersion: 5,
    properties: message.properties === undefined ? Buffer.alloc(0) : propertyBytes(message.properties),
    body: message.payload,
  }
  const { username, clientId, attributes } = publisher
  const about = { offset, expiresAt: expiresAt ?? null, username, clientId, attributes: Object.entries(attributes) }
  return { record: encodeTelemetry(fact), about: JSON.stringify(about) }
}

function retainedFact(record: Buffer): TelemetryFact | undefined {
  const fact = decodeRecord(record)
  if (!fact.ok || fact.value.kind !== 'telemetry' || !fact.value.retain) return undefined
  return parseTelemetryTopic(fact.value.topic) === undefined ? fact.value : undefined
}

function parseAbout(text: string, stamped: Subject): About | undefined {
  const json = parseJson(text)
  if (!json.ok || typeof json.value !== 'object' || json.value === null || Array.isArray(json.value)) return undefined
  const about = new Map<string, unknown>(Object.entries(json.value))
  const [offset, expiresAt, username, clientId, attributes] = ['offset', 'expiresAt', 'username', 'clientId', 'attributes'].map((name) =>
    about.get(name),
  )
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || typeof username !== 'string' || typeof clientId !== 'string')
    return undefined
  if (!Array.isArray(attributes) || (expiresAt !== null && (typeof expiresAt !== 'number' || !Number.isFinite(expiresAt)))) return undefined
  const pairs: [string, string][] = []
  for (const pair of attributes) {
    const [name, value]: unknown[] = Array.isArray(pair) ? pair : []
    if (typeof name !== 'string' || typeof value !== 'string') return undefined
    pairs.push([name, value])
  }
  const publisher = { identity: stamped.identity, username, clientId, attributes: Object.fromEntries(pairs) }
  return { offset, expiresAt: expiresAt === null ? undefined : instant(expiresAt), publisher }
}
