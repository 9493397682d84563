import { type DeviceId, type Result, instant, maxDeviceIdLength, ok, ownBytes, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import { decodePropertyBytes, encodePropertyBytes, parseTopicFilter, parseTopicName } from '#wire/mqtt'
import type { SessionState, StoredDelivery, StoredInflight, StoredSubscription, StoredWill } from './session-change.ts'

/*
 * One stored session as one row: JSON, because a row is written seldom and read once, and people look into rows when something is
 * wrong. Deliveries are lists of numbers: offset as the difference to the one before, flags, identifiers. Payloads stay in the journal.
 *
 * Nothing is believed when it is read: the row may be half, or of a later release. What is not a whole session is refused.
 */

/**
 * A session as its row has it. Every message below the offset `routedTo` that was for it has reached it, and every change recorded below
 * `changesTo` is in it: changes are there at once, messages when they are durable.
 */
export type StoredSession = { readonly state: SessionState; readonly routedTo: number; readonly changesTo: number }

const version = 1
// A full queue with Subscription Identifiers, and every filter at its longest, stays far below.
const maxRowBytes = 32 * 1024 * 1024
const maxDepth = 5

/** The row of a session. */
export function encodeSession({ state, routedTo, changesTo }: StoredSession): Buffer {
  const { owner, clientId, subject, connection, mqttVersion, expirySeconds, endedAt, will, willAt } = state
  const row = {
    version,
    routedTo,
    changesTo,
    owner,
    clientId,
    username: subject.username,
    attributes: Object.entries(subject.attributes),
    connection,
    mqttVersion,
    expirySeconds,
    endedAt: endedAt ?? null,
    will: will === undefined ? null : willToJson(will),
    willAt: willAt ?? null,
    subscriptions: state.subscriptions.map((one) => [one.filter, optionsByte(one), one.identifier ?? 0]),
    queue: deliveriesToNumbers(state.queue),
    inflight: deliveriesToNumbers(state.inflight),
    packetIds: state.inflight.map(({ packetId, phase }) => (phase === 'released' ? -packetId : packetId)),
    received: state.received,
  }
  return Buffer.from(JSON.stringify(row), 'utf8')
}

/** Reads a row back. Refuses `broker/session-unreadable`; never throws, whatever the bytes. */
export function decodeSession(bytes: Buffer): Result<StoredSession> {
  const parsed = parseJson(bytes.toString('utf8'), maxRowBytes, maxDepth)
  if (!parsed.ok) return unreadable(parsed.error.message)
  const row = fieldsOf(parsed.value)
  if (row.get('version') !== version) return unreadable('another version')
  const [owner, clientId, username, connection] = ['owner', 'clientId', 'username', 'connection'].map((name) => textOf(row.get(name)))
  const [routedTo, changesTo, mqttVersion, expirySeconds] = ['routedTo', 'changesTo', 'mqttVersion', 'expirySeconds'].map((name) =>
    countOf(row.get(name)),
  )
  const [endedAt, willAt] = ['endedAt', 'willAt'].map((name) => momentOf(row.get(name)))
  const attributes = pairsOf(row.get('attributes'))
  const will = row.get('will') === null ? null : willOf(row.get('will'))
  const subscriptions = everyOf(row.get('subscriptions'), subscriptionOf)
  const queue = deliveriesOf(row.get('queue'))
  const inflight = inflightOf(row.get('inflight'), row.get('packetIds'))
  const received = everyOf(row.get('received'), packetIdOf)
  if (owner === undefined || owner === '' || owner.length > maxDeviceIdLength * 4) return unreadable('owner')
  if (clientId === undefined || username === undefined || connection === undefined || attributes === undefined) return unreadable('names')
  if (routedTo === undefined || changesTo === undefined || expirySeconds === undefined || (mqttVersion !== 4 && mqttVersion !== 5))
    return unreadable('numbers')
  if (endedAt === undefined || willAt === undefined || will === undefined) return unreadable('end or will')
  if (subscriptions === undefined || queue === undefined || inflight === undefined || received === undefined) return unreadable('lists')
  // The identity was authenticated when the row was written, by us; no form of it is known here.
  const identity = owner as DeviceId
  const state: SessionState = {
    owner: identity,
    clientId,
    subject: { identity, username, clientId, attributes },
    connection,
    mqttVersion,
    expirySeconds,
    endedAt: endedAt === null ? undefined : instant(endedAt),
    will: will ?? undefined,
    willAt: willAt === null ? undefined : instant(willAt),
    subscriptions,
    queue,
    inflight,
    received,
  }
  return ok({ state, routedTo, changesTo })
}

/** Options byte of MQTT 5 section 3.8.3.1, with the granted QoS. */
export function optionsByte({ qos, noLocal, retainAsPublished, retainHandling }: StoredSubscription): number {
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4)
}

/** A subscription from its filter, options byte and identifier (0: none); undefined when the filter or the byte is none. */
export function subscriptionFrom(filter: string, options: number, identifier: number): StoredSubscription | undefined {
  const qos = options & 3
  const retainHandling = (options >> 4) & 3
  if (qos === 3 || retainHandling === 3 || options > 0x2f || !parseTopicFilter(filter).ok) return undefined
  return {
    filter,
    qos: qos === 0 ? 0 : qos === 1 ? 1 : 2,
    noLocal: (options & 4) !== 0,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling === 0 ? 0 : retainHandling === 1 ? 1 : 2,
    identifier: identifier === 0 ? undefined : identifier,
  }
}

/** A will as JSON: bytes in base64, properties as MQTT 5 property bytes. */
export function willToJson(will: StoredWill): WillJson {
  const { topic, payload, qos, retain, properties, delaySeconds, stamp } = will
  const propertyBytes = properties === undefined ? '' : encodePropertyBytes(properties).toString('base64')
  return {
    topic,
    payload: payload.toString('base64'),
    qos,
    retain,
    properties: propertyBytes,
    delaySeconds,
    stamp: stamp.toString('base64'),
  }
}

/** What {@link willToJson} makes. */
export type WillJson = {
  readonly topic: string
  readonly payload: string
  readonly qos: number
  readonly retain: boolean
  readonly properties: string
  readonly delaySeconds: number
  readonly stamp: string
}

/** Reads a will back; undefined when it is none. */
export function willFromJson(json: WillJson): StoredWill | undefined {
  const { topic, retain, delaySeconds } = json
  const qos = json.qos === 0 ? 0 : json.qos === 1 ? 1 : json.qos === 2 ? 2 : undefined
  const bytes = ownBytes(Buffer.from(json.properties, 'base64'))
  const properties = bytes.length === 0 ? undefined : decodePropertyBytes(bytes)
  if (qos === undefined || !parseTopicName(topic).ok || countOf(delaySeconds) === undefined) return undefined
  return {
    topic,
    payload: ownBytes(Buffer.from(json.payload, 'base64')),
    qos,
    retain,
    properties,
    delaySeconds,
    stamp: ownBytes(Buffer.from(json.stamp, 'base64')),
  }
}

function deliveriesToNumbers(deliveries: readonly StoredDelivery[]): readonly number[] {
  const numbers: number[] = []
  let before = 0
  for (const { offset, qos, retain, identifiers } of deliveries) {
    numbers.push(offset - before, (qos === 2 ? 1 : 0) | (retain ? 2 : 0) | (identifiers.length << 2), ...identifiers)
    before = offset
  }
  return numbers
}

function deliveriesOf(json: Json | undefined): readonly StoredDelivery[] | undefined {
  const numbers = everyOf(json, wholeOf)
  if (numbers === undefined) return undefined
  const deliveries: StoredDelivery[] = []
  let before = 0
  for (let at = 0; at < numbers.length;) {
    const [gap = 0, flags = -1] = numbers.slice(at, at + 2)
    const count = flags >> 2
    const offset = before + gap
    if (flags < 0 || at + 2 + count > numbers.length || !Number.isSafeInteger(offset)) return undefined
    const identifiers = numbers.slice(at + 2, at + 2 + count)
    deliveries.push({ offset, qos: (flags & 1) === 0 ? 1 : 2, retain: (flags & 2) !== 0, identifiers })
    before = offset
    at += 2 + count
  }
  return deliveries
}

function inflightOf(json: Json | undefined, packetIds: Json | undefined): readonly StoredInflight[] | undefined {
  const deliveries = deliveriesOf(json)
  const ids = everyOf(packetIds, wholeOf)
  if (deliveries === undefined || ids === undefined || ids.length !== deliveries.length) return undefined
  const inflight: StoredInflight[] = []
  for (const [index, delivery] of deliveries.entries()) {
    const id = ids[index] ?? 0
    const packetId = packetIdOf(Math.abs(id))
    if (packetId === undefined || (id < 0 && delivery.qos === 1)) return undefined
    inflight.push({ ...delivery, packetId, phase: id < 0 ? 'released' : 'sent' })
  }
  return inflight
}

function subscriptionOf(json: Json): StoredSubscription | undefined {
  if (!Array.isArray(json)) return undefined
  const [filter, options, identifier] = [textOf(json[0]), countOf(json[1]), countOf(json[2])]
  if (filter === undefined || options === undefined || identifier === undefined) return undefined
  return subscriptionFrom(filter, options, identifier)
}

function willOf(json: Json | undefined): StoredWill | undefined {
  const will = fieldsOf(json)
  const [topic, payload, properties, stamp] = ['topic', 'payload', 'properties', 'stamp'].map((name) => textOf(will.get(name)))
  const [qos, delaySeconds, retain] = [countOf(will.get('qos')), countOf(will.get('delaySeconds')), will.get('retain')]
  if (topic === undefined || payload === undefined || properties === undefined || stamp === undefined) return undefined
  if (qos === undefined || delaySeconds === undefined || typeof retain !== 'boolean') return undefined
  return willFromJson({ topic, payload, qos, retain, properties, delaySeconds, stamp })
}

function fieldsOf(json: Json | undefined): ReadonlyMap<string, Json> {
  return new Map(typeof json === 'object' && json !== null && !Array.isArray(json) ? Object.entries(json) : [])
}

function everyOf<T>(json: Json | undefined, one: (json: Json) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(json)) return undefined
  const out: T[] = []
  for (const element of json) {
    const value = one(element)
    if (value === undefined) return undefined
    out.push(value)
  }
  return out
}

function pairsOf(json: Json | undefined): Readonly<Record<string, string>> | undefined {
  const pairs = everyOf(json, (pair) => everyOf(pair, textOf))
  if (pairs === undefined || pairs.some((pair) => pair.length !== 2)) return undefined
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]))
}

const textOf = (json: Json | undefined): string | undefined => (typeof json === 'string' ? json : undefined)
const wholeOf = (json: Json | undefined): number | undefined => (Number.isSafeInteger(json) ? Number(json) : undefined)
const countOf = (json: Json | undefined): number | undefined => (Number.isSafeInteger(json) && Number(json) >= 0 ? Number(json) : undefined)
const momentOf = (json: Json | undefined): number | null | undefined =>
  json === null || (typeof json === 'number' && Number.isFinite(json)) ? json : undefined
const packetIdOf = (json: Json): number | undefined => {
  const id = countOf(json) ?? 0
  return id >= 1 && id <= 0xffff ? id : undefined
}

function unreadable(detail: string): Result<never> {
  return refuse('broker/session-unreadable', 'A stored session could not be read and was dropped.', detail)
}
