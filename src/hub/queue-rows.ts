import { type Instant, instant } from '#base'
import type { Migration, Row, Statement, Store } from '#store'

/** The tables of the locked queues and of feedback that waits to be put together. */
export const hubQueueMigrations: readonly Migration[] = [
  {
    // `queue` names the queue within its family: an identity, or a constant. `head` is JSON of the family's own. Times in milliseconds since the epoch.
    name: 'hub-queue/001-messages',
    sql: `
      CREATE TABLE queue_messages (
        family TEXT NOT NULL,
        sequence_number INTEGER NOT NULL,
        queue TEXT NOT NULL,
        enqueued_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        delivery_count INTEGER NOT NULL,
        head TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (family, sequence_number)
      );
      CREATE INDEX queue_messages_by_queue ON queue_messages (family, queue, sequence_number);
      CREATE INDEX queue_messages_by_expiry ON queue_messages (family, expires_at, sequence_number);
      CREATE TABLE queue_counters (family TEXT PRIMARY KEY, last INTEGER NOT NULL);
    `,
  },
  {
    name: 'hub-queue/002-feedback',
    sql: 'CREATE TABLE feedback_records (sequence INTEGER PRIMARY KEY AUTOINCREMENT, made_at INTEGER NOT NULL, record TEXT NOT NULL);',
  },
]

/** Which kind of queue a row belongs to; each has its own numbers. */
export type QueueFamily = 'c2d' | 'feedback' | 'file'

/** What is put in a queue: `head` and `body` are its owner's. */
export type Parcel = { readonly expiresAt: Instant; readonly head: string; readonly body: Buffer }

/** A row without its body. */
export type QueueRow = {
  readonly queue: string
  readonly sequenceNumber: number
  readonly enqueuedAt: Instant
  readonly expiresAt: Instant
  readonly deliveryCount: number
  readonly head: string
  readonly bytes: number
}

const columns = 'queue, sequence_number, enqueued_at, expires_at, delivery_count, head, length(body) AS bytes'

/** The rows of one family of queues: every SQL text about them is here. */
export class QueueRows {
  readonly #store: Store
  readonly #family: QueueFamily

  constructor(store: Store, family: QueueFamily) {
    this.#store = store
    this.#family = family
  }

  /** How many messages each queue that has any holds. */
  async counts(): Promise<Map<string, number>> {
    const rows = await this.#store.query('SELECT queue, COUNT(*) AS n FROM queue_messages WHERE family = ? GROUP BY queue', this.#family)
    return new Map(rows.map((row) => [textOf(row, 'queue'), numberOf(row, 'n')]))
  }

  /** The highest number that was ever given. */
  async last(): Promise<number> {
    const [row] = await this.#store.query('SELECT last FROM queue_counters WHERE family = ?', this.#family)
    return row === undefined ? 0 : numberOf(row, 'last')
  }

  /** When the next message after `now` expires. */
  async nextExpiry(now: Instant): Promise<number> {
    const sql = 'SELECT MIN(expires_at) AS next FROM queue_messages WHERE family = ? AND expires_at > ?'
    const [row] = await this.#store.query(sql, this.#family, now)
    return row === undefined || row['next'] === null ? Infinity : numberOf(row, 'next')
  }

  /** Messages that have expired by `now`, in the order of that, after the one named. */
  async expired(
    now: Instant,
    after: { readonly expiresAt: number; readonly sequenceNumber: number },
    limit: number,
  ): Promise<readonly QueueRow[]> {
    const sql = `SELECT ${columns} FROM queue_messages WHERE family = ? AND expires_at <= ? AND (expires_at, sequence_number) > (?, ?)
      ORDER BY expires_at, sequence_number LIMIT ?`
    return (await this.#store.query(sql, this.#family, now, after.expiresAt, after.sequenceNumber, limit)).map(rowOf)
  }

  /** The messages of a queue, oldest first. */
  async of(queue: string): Promise<readonly QueueRow[]> {
    const sql = `SELECT ${columns} FROM queue_messages WHERE family = ? AND queue = ? ORDER BY sequence_number`
    return (await this.#store.query(sql, this.#family, queue)).map(rowOf)
  }

  /** The content of a message; undefined: it is not there any more. */
  async content(sequenceNumber: number): Promise<{ readonly head: string; readonly body: Buffer } | undefined> {
    const sql = 'SELECT head, body FROM queue_messages WHERE family = ? AND sequence_number = ?'
    const [row] = await this.#store.query(sql, this.#family, sequenceNumber)
    if (row === undefined) return undefined
    const body = row['body']
    if (!(body instanceof Uint8Array)) throw new Error('bug: a message without a body')
    return { head: textOf(row, 'head'), body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) }
  }

  /** Puts a message in, and remembers that its number is given. */
  insertion(queue: string, sequenceNumber: number, enqueuedAt: Instant, { expiresAt, head, body }: Parcel): readonly Statement[] {
    return [
      {
        sql: `INSERT INTO queue_messages (family, sequence_number, queue, enqueued_at, expires_at, delivery_count, head, body)
          VALUES (?, ?, ?, ?, ?, 0, ?, ?)`,
        args: [this.#family, sequenceNumber, queue, enqueuedAt, expiresAt, head, body],
      },
      {
        sql: 'INSERT INTO queue_counters (family, last) VALUES (?, ?) ON CONFLICT (family) DO UPDATE SET last = MAX(last, excluded.last)',
        args: [this.#family, sequenceNumber],
      },
    ]
  }

  /** Takes one message out; a conflict when it is gone already. */
  deletion(sequenceNumber: number): Statement {
    return {
      sql: 'DELETE FROM queue_messages WHERE family = ? AND sequence_number = ?',
      args: [this.#family, sequenceNumber],
      expect: 1,
    }
  }

  /** Takes out all of a queue. */
  clearing(queue: string): Statement {
    return { sql: 'DELETE FROM queue_messages WHERE family = ? AND queue = ?', args: [this.#family, queue] }
  }

  /** Counts a delivery in vain; a conflict when the message is gone. */
  counting(sequenceNumber: number, deliveryCount: number): Statement {
    return {
      sql: 'UPDATE queue_messages SET delivery_count = ? WHERE family = ? AND sequence_number = ?',
      args: [deliveryCount, this.#family, sequenceNumber],
      expect: 1,
    }
  }
}

function rowOf(row: Row): QueueRow {
  return {
    queue: textOf(row, 'queue'),
    sequenceNumber: numberOf(row, 'sequence_number'),
    enqueuedAt: instant(numberOf(row, 'enqueued_at')),
    expiresAt: instant(numberOf(row, 'expires_at')),
    deliveryCount: numberOf(row, 'delivery_count'),
    head: textOf(row, 'head'),
    bytes: numberOf(row, 'bytes'),
  }
}

function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`bug: ${column} of a queue is no text`)
  return value
}

function numberOf(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new Error(`bug: ${column} of a queue is no number`)
  return value
}
