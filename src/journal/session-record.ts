import { type Instant, type Result, never, ok, refuse } from '#base'
import { recordPrefixBytes, recordVersion } from './peek.ts'
import { type Shaped, flag, nullable, number, object, text, texts } from './shape.ts'
import { readList, writeList } from './varint.ts'

/*
 * Records from which the start of the hub rebuilds stored sessions. They are not facts: a reader of facts sees kinds that it does not know.
 * Grammar (see record.ts for the prefix and the rules about numbers):
 *
 *   seldom   prefix, kind 20, flags 0 | length u32 | JSON, which names what happened
 *   often    prefix, kind 21, flags = act | ownerLength u16 | owner | clientIdLength u16 | clientId | numbers of the act
 *   act      1 released, 2 sent, 3 pubrec, 4 completed: packetId u16; 2 also: offset u48
 *            5 queued, 6 progress: a list of variable-length numbers (varint.ts) to the end
 *            7 progress of a shared subscription: the same, owner is empty and the filter stands for the client identifier
 */

const version = recordVersion
const prefixBytes = recordPrefixBytes
const seldomNumber = 20
const oftenNumber = 21
const acts = {
  'qos2-released': 1,
  'qos2-sent': 2,
  'qos2-pubrec': 3,
  'qos2-completed': 4,
  'session-queued': 5,
  'session-progress': 6,
  'group-progress': 7,
} as const

const willShape = object({ topic: text, payload: text, qos: number, retain: flag, properties: text, delaySeconds: number, stamp: text }, {})
const session = { owner: text, clientId: text }
const subject = object({ identity: text, username: text, clientId: text, attributes: texts }, {})
const shapes = {
  'session-opened': object(
    { ...session, subject, connection: text, cleanStart: flag, expirySeconds: number, mqttVersion: number, will: nullable(willShape) },
    {},
  ),
  'session-left': object({ ...session, expirySeconds: number, endedAt: number, willAt: nullable(number) }, {}),
  'will-sent': object(session, {}),
  'session-ended': object({ ...session, reason: text }, {}),
} as const

/** A will as a record keeps it: `payload`, `properties` (MQTT 5 property bytes) and `stamp` in base64. */
export type WillText = Shaped<typeof willShape>

type Whose = { readonly session: { readonly owner: string; readonly clientId: string } }
type Seldom = {
  readonly [K in keyof typeof shapes]: Whose & { readonly kind: K } & Omit<Shaped<(typeof shapes)[K]>, 'owner' | 'clientId'>
}[keyof typeof shapes]

/** How a message is to be delivered, by the offset of its telemetry. */
export type RecordedDelivery = {
  readonly offset: number
  readonly qos: 1 | 2
  readonly retain: boolean
  readonly identifiers: readonly number[]
}
type Often = Whose &
  (
    | { readonly kind: 'qos2-released' | 'qos2-pubrec' | 'qos2-completed'; readonly packetId: number }
    | { readonly kind: 'qos2-sent'; readonly packetId: number; readonly offset: number }
    | { readonly kind: 'session-queued'; readonly deliveries: readonly RecordedDelivery[] }
    | { readonly kind: 'session-progress'; readonly offsets: readonly number[] }
  )

/** One change of one stored session, as the journal keeps it. Times in milliseconds since the epoch. */
export type SessionRecord =
  | Seldom
  | Often
  | { readonly kind: 'group-progress'; readonly filter: string; readonly offsets: readonly number[] }

/** Whether a record is one of a session, by a look at two bytes. */
export function isSessionRecord(bytes: Uint8Array): boolean {
  return bytes[0] === version && (bytes[1] === seldomNumber || bytes[1] === oftenNumber)
}

/** Encodes one. Throws for an owner or client identifier of 65,536 bytes or more: callers have bounded both. */
export function encodeSessionRecord(record: SessionRecord, time: Instant): Buffer {
  switch (record.kind) {
    case 'session-opened':
    case 'session-left':
    case 'will-sent':
    case 'session-ended':
      return encodeSeldom(record, time)
    case 'qos2-sent': {
      const { bytes, end } = often(record, 8, time)
      bytes.writeUInt16LE(record.packetId, end)
      bytes.writeUIntLE(record.offset, end + 2, 6)
      return bytes
    }
    case 'session-queued':
      return withList(record, record.deliveries.flatMap(numbersOf), time)
    case 'session-progress':
      return withList(record, rangesOf(record.offsets), time)
    case 'group-progress':
      return withList({ kind: record.kind, session: { owner: '', clientId: record.filter } }, rangesOf(record.offsets), time)
    case 'qos2-released':
    case 'qos2-pubrec':
    case 'qos2-completed': {
      const { bytes, end } = often(record, 2, time)
      bytes.writeUInt16LE(record.packetId, end)
      return bytes
    }
    default:
      return never(record)
  }
}

/**
 * Reads one back. Refuses `journal/record-unknown` (another kind, or a later release) and `journal/record-malformed`; never throws,
 * whatever the bytes.
 */
export function decodeSessionRecord(bytes: Buffer): Result<SessionRecord> {
  if (bytes.length < prefixBytes || !isSessionRecord(bytes))
    return refuse('journal/record-unknown', 'The record was written by another release.', `kind ${bytes[1] ?? 0}`)
  return bytes[1] === seldomNumber ? decodeSeldom(bytes) : decodeOften(bytes)
}

function encodeSeldom({ session: { owner, clientId }, ...rest }: Seldom, time: Instant): Buffer {
  const json = Buffer.from(JSON.stringify({ owner, clientId, ...rest }), 'utf8')
  const bytes = Buffer.alloc(prefixBytes + 4 + json.length)
  begin(bytes, seldomNumber, 0, time)
  bytes.writeUInt32LE(json.length, prefixBytes)
  json.copy(bytes, prefixBytes + 4)
  return bytes
}

function begin(bytes: Buffer, kind: number, flags: number, time: Instant): void {
  bytes[0] = version
  bytes[1] = kind
  bytes[2] = flags
  bytes.writeDoubleLE(time, 3)
}

type Named = Whose & { readonly kind: keyof typeof acts }

/** Everything before the numbers, with room for `more` bytes of them at `end`. */
function often(record: Named, more: number, time: Instant): { readonly bytes: Buffer; readonly end: number } {
  const { owner, clientId } = record.session
  const ownerBytes = Buffer.byteLength(owner)
  const clientBytes = Buffer.byteLength(clientId)
  if (ownerBytes > 0xffff || clientBytes > 0xffff) throw new Error('bug: the name of a session is too long')
  const bytes = Buffer.allocUnsafe(prefixBytes + 4 + ownerBytes + clientBytes + more)
  begin(bytes, oftenNumber, acts[record.kind], time)
  let end = bytes.writeUInt16LE(ownerBytes, prefixBytes)
  end += bytes.write(owner, end)
  end = bytes.writeUInt16LE(clientBytes, end)
  end += bytes.write(clientId, end)
  return { bytes, end }
}

function withList(record: Named, numbers: readonly number[], time: Instant): Buffer {
  const list = writeList(numbers)
  const { bytes, end } = often(record, list.length, time)
  list.copy(bytes, end)
  return bytes
}

function numbersOf({ offset, qos, retain, identifiers }: RecordedDelivery): readonly number[] {
  return [offset, (qos === 2 ? 1 : 0) | (retain ? 2 : 0), identifiers.length, ...identifiers]
}

/** Pairs of gap since the last range's end, and length. */
function rangesOf(offsets: readonly number[]): readonly number[] {
  const numbers: number[] = []
  let end = 0
  for (const offset of offsets.toSorted((a, b) => a - b)) {
    if (offset < end) continue // twice
    const last = numbers.length - 1
    if (offset === end && last > 0) numbers[last] = (numbers[last] ?? 0) + 1
    else numbers.push(offset - end, 1)
    end = offset + 1
  }
  return numbers
}

function decodeSeldom(bytes: Buffer): Result<SessionRecord> {
  const start = prefixBytes + 4
  if (bytes.length < start || bytes.readUInt32LE(prefixBytes) !== bytes.length - start) return malformed('its JSON is cut')
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8', start))
  } catch {
    return malformed('its JSON does not parse')
  }
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined
  if (kind === 'session-opened') return seldom(kind, shapes[kind](json))
  if (kind === 'session-left') return seldom(kind, shapes[kind](json))
  if (kind === 'will-sent') return seldom(kind, shapes[kind](json))
  if (kind === 'session-ended') return seldom(kind, shapes[kind](json))
  return refuse('journal/record-unknown', 'The record was written by another release.', 'a change of a session')
}

function seldom<K extends keyof typeof shapes>(kind: K, shaped: Shaped<(typeof shapes)[K]> | undefined): Result<SessionRecord> {
  if (shaped === undefined) return malformed(`it is no "${kind}"`)
  const { owner, clientId, ...rest } = shaped
  return ok({ kind, session: { owner, clientId }, ...rest } as unknown as SessionRecord) // the shape of this very kind has just been proven
}

function decodeOften(bytes: Buffer): Result<SessionRecord> {
  const owner = name(bytes, prefixBytes)
  const clientId = owner && name(bytes, owner.end)
  if (owner === undefined || clientId === undefined) return malformed('its names are cut')
  const of = { owner: owner.value, clientId: clientId.value }
  const rest = bytes.subarray(clientId.end)
  const act = bytes[2]
  if (act === acts['session-queued']) {
    const deliveries = deliveriesOf(readList(rest))
    return deliveries === undefined ? malformed('its deliveries are cut') : ok({ kind: 'session-queued', session: of, deliveries })
  }
  if (act === acts['session-progress'] || act === acts['group-progress']) {
    const offsets = offsetsOf(readList(rest))
    if (offsets === undefined) return malformed('its offsets are cut')
    if (act === acts['group-progress']) return ok({ kind: 'group-progress', filter: of.clientId, offsets })
    return ok({ kind: 'session-progress', session: of, offsets })
  }
  if (rest.length !== (act === acts['qos2-sent'] ? 8 : 2)) return malformed('its numbers are cut')
  const packetId = rest.readUInt16LE(0)
  if (act === acts['qos2-sent']) return ok({ kind: 'qos2-sent', session: of, packetId, offset: rest.readUIntLE(2, 6) })
  if (act === acts['qos2-released']) return ok({ kind: 'qos2-released', session: of, packetId })
  if (act === acts['qos2-pubrec']) return ok({ kind: 'qos2-pubrec', session: of, packetId })
  if (act === acts['qos2-completed']) return ok({ kind: 'qos2-completed', session: of, packetId })
  return refuse('journal/record-unknown', 'The record was written by another release.', `act ${act}`)
}

function name(bytes: Buffer, at: number): { readonly value: string; readonly end: number } | undefined {
  if (at + 2 > bytes.length) return undefined
  const end = at + 2 + bytes.readUInt16LE(at)
  return end > bytes.length ? undefined : { value: bytes.toString('utf8', at + 2, end), end }
}

function deliveriesOf(numbers: readonly number[] | undefined): readonly RecordedDelivery[] | undefined {
  if (numbers === undefined) return undefined
  const out: RecordedDelivery[] = []
  for (let at = 0; at < numbers.length;) {
    const [offset, flags, count] = numbers.slice(at, at + 3)
    if (offset === undefined || flags === undefined || count === undefined || at + 3 + count > numbers.length) return undefined
    out.push({ offset, qos: (flags & 1) === 0 ? 1 : 2, retain: (flags & 2) !== 0, identifiers: numbers.slice(at + 3, at + 3 + count) })
    at += 3 + count
  }
  return out
}

// More than any queue holds; a damaged length must not become a long loop.
const maxSettled = 1_000_000

function offsetsOf(numbers: readonly number[] | undefined): readonly number[] | undefined {
  if (numbers === undefined || numbers.length % 2 !== 0) return undefined
  const out: number[] = []
  let next = 0
  for (let at = 0; at < numbers.length; at += 2) {
    const [gap = 0, length = 0] = numbers.slice(at, at + 2)
    if (out.length + length > maxSettled) return undefined
    const start = next + gap
    next = start + length
    if (!Number.isSafeInteger(next)) return undefined
    for (let offset = start; offset < next; offset++) out.push(offset)
  }
  return out
}

function malformed(detail: string): Result<never> {
  return refuse('journal/record-malformed', 'The record is damaged.', detail)
}
