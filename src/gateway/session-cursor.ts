import { type Broker, Replay, type ReplayPorts, type Session, type StoredSession, decodeSession, encodeSession } from '#broker'
import type { Clock, Subject } from '#base'
import {
  type Journal,
  type Offset,
  decodeRecord,
  isQueuedTelemetry,
  isReceivedTelemetry,
  isRetainedTelemetry,
  peekTelemetry,
  recordKind,
} from '#journal'
import { changeOf, isRecordedChange } from './recorded-change.ts'
import { readMessages } from './recorded-message.ts'
import { type RetainedRow, restoreRetained, restoreRetainedRow, retainedRow } from './retained-cursor.ts'

/*
 * Retained messages and stored sessions over restarts. The journal has every message and every change before anyone was told of it; rows
 * are a copy of the state, made every few seconds of what has changed, so that a start reads little of the journal. Rows may lag: what is
 * missing in them is read from the journal, from the cursor on.
 *
 * The cursor is the offset up to which all messages had been handed out when the rows were made. Rows are written before it, in several
 * commits where there are many, for a commit blocks everything else; a row that the cursor lags behind says so itself. Nothing is written
 * before the journal has all that is in it on disk: a row must not know of an offset that a crash can take back.
 */

/** One row of a stored session; its key tells whose it is when the row cannot be read. */
export type SessionRow = { readonly owner: string; readonly clientId: string; readonly row: Buffer }

/** What is to be written (undefined: removed), by topic and by session. */
export type StateChanges = {
  readonly retained: readonly (readonly [topic: string, row: RetainedRow | undefined])[]
  readonly sessions: readonly { readonly owner: string; readonly clientId: string; readonly row: Buffer | undefined }[]
}

/** Where the copy is kept. Rows, in the program. */
export type StateStore = {
  load(): Promise<{ readonly retained: readonly RetainedRow[]; readonly sessions: readonly SessionRow[]; readonly upTo: Offset }>
  /** Writes the changes and, if one is given, the cursor, all or none. */
  save(changes: StateChanges, upTo: Offset | undefined): Promise<void>
}

/** What the state is brought back into, and how. */
export type StatePorts = {
  readonly journal: Journal
  readonly broker: Broker
  readonly clock: Clock
  readonly store: StateStore
  readonly mayReceive: ReplayPorts['mayReceive']
  /** Every message below this offset has been handed to its subscribers. */
  routedTo(): Offset
  /** Bounds of what is brought back: the longest life of a message, and the payload bytes of all queues. */
  readonly messageExpirySeconds: number | undefined
  readonly totalQueueBytes: number
  trouble(what: string, error: unknown): void
}

const saveMs = 5_000
const page = { records: 5_000, bytes: 1024 * 1024 }
const rowsPerCommit = 500
const flushMs = 2_000
/** Offsets of waiting messages in memory while the journal is read: some 60 bytes each. */
const held = { heldPerSession: 200_000, heldTogether: 2_000_000 }

/** Brings retained messages and stored sessions back after a start, and keeps their copy. Returns how to save for the last time. */
export async function followState(ports: StatePorts): Promise<() => Promise<void>> {
  const { clock, store } = ports
  const { retained, sessions, upTo } = await store.load()
  for (const row of retained) restoreRetainedRow(ports.broker, row)
  await restoreSessions(ports, sessions, upTo)
  const copy = new StateCopy(ports, sessions)
  let saving = Promise.resolve()
  const next = () => (saving = saving.then(() => copy.save()).catch((error: unknown) => ports.trouble('sessions were not saved', error)))
  // At once, or a hub that is killed early again and again would read all of the journal each time.
  await next()
  const stop = clock.every(saveMs, () => void next())
  return async () => {
    stop()
    await next()
  }
}

async function restoreSessions(ports: StatePorts, rows: readonly SessionRow[], upTo: Offset): Promise<void> {
  const { journal, broker, clock } = ports
  const end = journal.durableEnd
  // The journal that the rows speak of is not here: none of their offsets means anything.
  const isForeign = upTo > end
  if (isForeign) ports.trouble('the journal is older than the stored sessions; what waited in them is lost', undefined)
  else if (upTo < journal.start)
    ports.trouble(`records ${upTo} to ${journal.start - 1} are gone; stored sessions may lack messages`, undefined)
  const replay = new Replay(readRows(ports, rows, isForeign), { mayReceive: (subject, topic) => ports.mayReceive(subject, topic), ...held })
  const publishers = new Map<string, Subject>()
  for (let at = Math.max(isForeign ? 0 : upTo, journal.start); at < end;) {
    const { records, next } = await journal.read(at, page)
    for (const record of records) if ('bytes' in record) take(ports, replay, publishers, record.bytes, record.offset)
    if (next <= at) break
    at = next
  }
  const { sessions, lost } = replay.finish(clock.now())
  if (lost > 0) ports.trouble(`${lost} messages of shared subscriptions did not fit into memory and were given up`, undefined)
  const offsets = new Set<Offset>()
  for (const { state } of sessions) for (const { offset } of [...state.queue, ...state.inflight]) offsets.add(offset)
  const messages = await readMessages(journal, offsets, ports.messageExpirySeconds, ports.totalQueueBytes)
  for (const { state, lost: dropped } of sessions) {
    const session = broker.restore(state, (offset) => messages.get(offset))
    for (let i = 0; i < dropped; i++) session.dropped('queue-full')
  }
}

function take(ports: StatePorts, replay: Replay, publishers: Map<string, Subject>, bytes: Buffer, offset: Offset): void {
  if (isRetainedTelemetry(bytes)) {
    const publisherOf = (connection: string) => replay.subjectOf(connection) ?? publishers.get(connection)
    restoreRetained(ports.broker, bytes, offset, publisherOf, ports.messageExpirySeconds)
  }
  if (isQueuedTelemetry(bytes)) {
    // Only what somebody may be waiting for is looked at any closer.
    if (!replay.wantsTelemetry && !(replay.size > 0 && isReceivedTelemetry(bytes))) return
    const message = peekTelemetry(bytes)
    if (message !== undefined) replay.message({ ...message, offset })
  } else if (isRecordedChange(bytes)) {
    const change = changeOf(bytes)
    if (change !== undefined) replay.change(change, offset)
  } else if (recordKind(bytes) === 'connected') {
    const fact = decodeRecord(bytes)
    if (!fact.ok || fact.value.kind !== 'connected') return
    const { device, clientId, connection, username = device, attributes = {} } = fact.value
    const identity = device as Subject['identity'] // authenticated when we wrote the record
    publishers.set(connection, { identity, username, clientId, attributes })
  }
}

function readRows(ports: StatePorts, rows: readonly SessionRow[], isForeign: boolean): readonly StoredSession[] {
  const read: StoredSession[] = []
  for (const { owner, clientId, row } of rows) {
    const decoded = decodeSession(row)
    if (!decoded.ok) ports.trouble(`the stored session of ${owner}`, decoded.error)
    // Never another identity's: the key of the row and what it says must be the same.
    else if (decoded.value.state.owner !== owner || decoded.value.state.clientId !== clientId)
      ports.trouble(`the stored session of ${owner} is not its own`, undefined)
    else if (isForeign) read.push({ state: { ...decoded.value.state, queue: [], inflight: [] }, routedTo: 0, changesTo: 0 })
    else read.push(decoded.value)
  }
  return read
}

/** What the copy has, and what it is owed. */
class StateCopy {
  readonly #ports: StatePorts
  /** Keys of the rows that are there, with their parts. */
  readonly #rows: Map<string, { readonly owner: string; readonly clientId: string }>
  readonly #owedRetained = new Map<string, RetainedRow | undefined>()
  readonly #owedSessions = new Map<string, StateChanges['sessions'][number]>()
  #saved: Offset | undefined

  constructor(ports: StatePorts, rows: readonly SessionRow[]) {
    this.#ports = ports
    this.#rows = new Map(rows.map(({ owner, clientId }) => [keyOf(owner, clientId), { owner, clientId }]))
  }

  /** Copies what changed. What could not be written is owed, and the cursor never passes it. */
  async save(): Promise<void> {
    const { journal, broker, clock, store } = this.#ports
    const routedTo = this.#ports.routedTo()
    const changesTo = journal.end
    if (this.#saved === changesTo && routedTo === changesTo) return
    for (const [topic, message] of broker.retained.takeChanges())
      this.#owedRetained.set(topic, message === undefined ? undefined : retainedRow(message, clock))
    this.#gatherSessions(routedTo, changesTo)
    await durable(journal, changesTo, clock)
    const retained = [...this.#owedRetained]
    const sessions = [...this.#owedSessions]
    for (let at = 0; at === 0 || at < Math.max(retained.length, sessions.length); at += rowsPerCommit) {
      const part = { retained: retained.slice(at, at + rowsPerCommit), sessions: sessions.slice(at, at + rowsPerCommit) }
      const isLast = at + rowsPerCommit >= Math.max(retained.length, sessions.length)
      await store.save({ retained: part.retained, sessions: part.sessions.map(([, row]) => row) }, isLast ? routedTo : undefined)
      for (const [topic, row] of part.retained) if (this.#owedRetained.get(topic) === row) this.#owedRetained.delete(topic)
      for (const [key, row] of part.sessions) if (this.#owedSessions.get(key) === row) this.#owedSessions.delete(key)
    }
    this.#saved = routedTo === changesTo ? changesTo : undefined
  }

  #gatherSessions(routedTo: Offset, changesTo: Offset): void {
    const gone = new Map(this.#rows)
    for (const session of this.#ports.broker.all()) {
      if (!session.isStored) continue
      const { owner, clientId } = session
      const key = keyOf(owner, clientId)
      gone.delete(key)
      if (!session.changed) continue
      session.changed = false
      this.#rows.set(key, { owner, clientId })
      this.#owedSessions.set(key, { owner, clientId, row: rowOf(session, routedTo, changesTo) })
    }
    for (const [key, { owner, clientId }] of gone) {
      this.#rows.delete(key)
      this.#owedSessions.set(key, { owner, clientId, row: undefined })
    }
  }
}

function rowOf(session: Session, routedTo: Offset, changesTo: Offset): Buffer {
  return encodeSession({ state: session.snapshot(), routedTo, changesTo })
}

/** Waits until the disk has everything below `end`; throws when it takes too long, because it is full or failing. */
async function durable(journal: Journal, end: Offset, clock: Clock): Promise<void> {
  if (journal.durableEnd >= end) return
  const late = Promise.withResolvers<never>()
  const cancel = clock.after(flushMs, () => late.reject(new Error('the journal is not on disk yet')))
  try {
    await Promise.race([journal.flushed(), late.promise])
  } finally {
    cancel()
  }
}

function keyOf(owner: string, clientId: string): string {
  return `${owner}\0${clientId}`
}
