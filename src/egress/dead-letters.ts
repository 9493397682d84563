import { type Instant, instant } from '#base'
import type { Offset } from '#journal'
import type { Row, Statement, Store } from '#store'
import { type EventSource, type RoutedEvent } from './event.ts'
import { isSource } from './definition.ts'
import { egressLimits } from './limits.ts'

/** An event that an endpoint would not take, or did not take in time. `replays`: it waits to be tried again. */
export type DeadLetter = {
  readonly id: number
  readonly endpoint: string
  readonly offset: Offset
  readonly device: string
  readonly reason: string
  readonly tries: number
  readonly putAsideAt: Instant
  readonly replays: boolean
}

/** A dead letter with its event, whole. */
export type OpenedLetter = DeadLetter & { readonly event: RoutedEvent }

const columns = 'id, endpoint, journal_offset, device, reason, tries, put_aside_at, replays'
const reasonLength = 500

/** The statement that puts one event aside. */
export function putAside(endpoint: string, event: RoutedEvent, reason: string, tries: number, at: Instant): Statement {
  return {
    sql: `INSERT INTO egress_dead_letters (endpoint, journal_offset, device, reason, tries, event, put_aside_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    args: [endpoint, event.offset, event.device, reason.slice(0, reasonLength), tries, encodeEvent(event), at],
  }
}

/** The statement that drops the oldest letters of an endpoint that has more than it may. */
export function trim(endpoint: string): Statement {
  return {
    sql: `DELETE FROM egress_dead_letters WHERE endpoint = ? AND id <= (SELECT id FROM egress_dead_letters WHERE endpoint = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`,
    args: [endpoint, endpoint, egressLimits.deadLetters],
  }
}

/** How many letters {@link trim} will drop when an endpoint gets so many more. */
export async function excessLetters(store: Store, endpoint: string, more: number): Promise<number> {
  const [row] = await store.query('SELECT count(*) AS letters FROM egress_dead_letters WHERE endpoint = ?', endpoint)
  return Math.max(0, Number(row?.['letters'] ?? 0) + more - egressLimits.deadLetters)
}

/** Dead letters after an id, oldest first; of one endpoint, or of all. */
export async function readLetters(
  store: Store,
  query: { readonly endpoint?: string | undefined; readonly after: number; readonly limit: number },
): Promise<readonly DeadLetter[]> {
  const { endpoint, after, limit } = query
  const rows =
    endpoint === undefined
      ? await store.query(`SELECT ${columns} FROM egress_dead_letters WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
      : await store.query(
          `SELECT ${columns} FROM egress_dead_letters WHERE endpoint = ? AND id > ? ORDER BY id LIMIT ?`,
          endpoint,
          after,
          limit,
        )
  return rows.map(letterOf)
}

/** One dead letter, whole; undefined: there is none. */
export async function openLetter(store: Store, id: number): Promise<OpenedLetter | undefined> {
  const [row] = await store.query(`SELECT ${columns}, event FROM egress_dead_letters WHERE id = ?`, id)
  return row === undefined ? undefined : openedOf(row)
}

/** What waits to be tried again at one endpoint, oldest first. */
export async function replayedLetters(store: Store, endpoint: string, limit: number): Promise<readonly OpenedLetter[]> {
  const rows = await store.query(
    `SELECT ${columns}, event FROM egress_dead_letters WHERE endpoint = ? AND replays = 1 ORDER BY id LIMIT ?`,
    endpoint,
    limit,
  )
  return rows.flatMap((row) => openedOf(row) ?? [])
}

/** How many letters each endpoint has. */
export async function countLetters(store: Store): Promise<ReadonlyMap<string, number>> {
  const rows = await store.query('SELECT endpoint, count(*) AS letters FROM egress_dead_letters GROUP BY endpoint')
  return new Map(rows.map((row) => [String(row['endpoint']), Number(row['letters'])]))
}

function letterOf(row: Row): DeadLetter {
  return {
    id: Number(row['id']),
    endpoint: String(row['endpoint']),
    offset: Number(row['journal_offset']),
    device: String(row['device']),
    reason: String(row['reason']),
    tries: Number(row['tries']),
    putAsideAt: instant(Number(row['put_aside_at'])),
    replays: row['replays'] === 1,
  }
}

function openedOf(row: Row): OpenedLetter | undefined {
  const bytes = row['event']
  const event = bytes instanceof Uint8Array ? decodeEvent(Buffer.from(bytes)) : undefined
  return event && { ...letterOf(row), event }
}

type Head = {
  readonly offset: Offset
  readonly time: number
  readonly source: EventSource
  readonly device: string
  readonly module: string | undefined
  readonly system: Readonly<Record<string, string | null>>
  readonly properties: Readonly<Record<string, string | null>>
}

/** Length of the head in four bytes, the head as JSON, the body: so that bodies stay what they are. */
function encodeEvent({ body, ...head }: RoutedEvent): Buffer {
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json, body])
}

function decodeEvent(bytes: Buffer): RoutedEvent | undefined {
  const length = bytes.length < 4 ? Infinity : bytes.readUInt32LE(0)
  if (4 + length > bytes.length) return undefined
  let head: unknown
  try {
    head = JSON.parse(bytes.toString('utf8', 4, 4 + length))
  } catch {
    return undefined
  }
  return isHead(head) ? { ...head, module: head.module, time: instant(head.time), body: bytes.subarray(4 + length) } : undefined
}

/** Our own bytes: enough is looked at to tell damage. */
function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null || !('offset' in value && 'time' in value && 'source' in value && 'device' in value))
    return false
  const { offset, time, source, device } = value
  const isNamed = typeof source === 'string' && isSource(source) && typeof device === 'string'
  return isNamed && Number.isSafeInteger(offset) && Number.isFinite(time) && 'system' in value && 'properties' in value
}
