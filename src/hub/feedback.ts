import { type CancelTimer, type Instant, isoTime, plus } from '#base'
import type { FactOf } from '#journal'
import type { Statement } from '#store'
import type { FeedbackRecord, FeedbackWanted } from './cloud-to-device.ts'
import type { EndReason, LockedQueues, QueuePorts } from './queue.ts'

/** The only queue of its family. */
export const feedbackQueue = 'feedback'

/** Records of one batch at most, and how long the first waits for others (azure-wire 5.10). */
const batchRecords = 64
const batchMs = 15_000
/** Feedback that nobody reads is kept for an hour. */
const ttlMs = 60 * 60 * 1000

const statusCodes: Readonly<Record<Exclude<EndReason, 'gone'>, FeedbackRecord['statusCode']>> = {
  completed: 'Success',
  expired: 'Expired',
  'delivery-count': 'DeliveryCountExceeded',
  rejected: 'Rejected',
  purged: 'Purged',
}

/** A message that has ended, as feedback tells it. */
export type Ended = {
  readonly why: EndReason
  readonly ack: FeedbackWanted
  readonly messageId: string | undefined
  readonly device: string
  readonly generation: string
}

/** The feedback that the sender wants of this end, if any: `positive` wants success, `negative` failures, `full` both. */
export function feedbackOf({ why, ack, messageId, device, generation }: Ended, now: Instant): FeedbackRecord | undefined {
  const isWanted = ack === 'full' || ack === (why === 'completed' ? 'positive' : 'negative')
  if (why === 'gone' || !isWanted) return undefined
  const statusCode = statusCodes[why]
  return {
    originalMessageId: messageId ?? '',
    enqueuedTimeUtc: isoTime(now),
    statusCode,
    description: statusCode,
    deviceId: device,
    deviceGenerationId: generation,
  }
}

/** Puts a record among those that wait, in the commit of what it tells of. */
export function feedbackInsertion(record: FeedbackRecord, now: Instant): Statement {
  return { sql: 'INSERT INTO feedback_records (made_at, record) VALUES (?, ?)', args: [now, JSON.stringify(record)] }
}

/** Tells what was given up because no service took it. */
export type TellDropped = (fact: FactOf<'service-messages-dropped'>) => void

/** Puts records together for the feedback queue: 64 at once, or what there is after 15 seconds. A record is in the rows that wait or in one batch, never in both. */
export class FeedbackBatches implements Disposable {
  readonly #queues: LockedQueues
  readonly #ports: QueuePorts
  readonly #dropped: TellDropped
  #waiting: number
  #timer: CancelTimer | undefined
  #isRunning = false

  private constructor(queues: LockedQueues, ports: QueuePorts, dropped: TellDropped, waiting: number) {
    this.#queues = queues
    this.#ports = ports
    this.#dropped = dropped
    this.#waiting = waiting
    if (waiting > 0) this.#later()
  }

  /** Goes on with what waits in the rows. Throws the store's Faults. */
  static async open(queues: LockedQueues, ports: QueuePorts, dropped: TellDropped): Promise<FeedbackBatches> {
    const [row] = await ports.store.query('SELECT COUNT(*) AS n FROM feedback_records')
    return new FeedbackBatches(queues, ports, dropped, Number(row?.['n'] ?? 0))
  }

  /** A record has become durable. */
  added(): void {
    this.#waiting++
    if (this.#waiting >= batchRecords) this.#start()
    else this.#later()
  }

  [Symbol.dispose](): void {
    this.#timer?.()
  }

  #later(): void {
    this.#timer ??= this.#ports.clock.after(batchMs, () => this.#start())
  }

  #start(): void {
    this.#timer?.()
    this.#timer = undefined
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    try {
      do this.#waiting -= await this.#batch()
      while (this.#waiting >= batchRecords)
    } catch (error) {
      this.#ports.trouble('putting feedback together', error)
    } finally {
      this.#isRunning = false
      if (this.#waiting > 0) this.#later()
    }
  }

  /** Moves the oldest records into one batch. Resolves to how many. */
  async #batch(): Promise<number> {
    const { store, clock } = this.#ports
    const rows = await store.query('SELECT sequence, record FROM feedback_records ORDER BY sequence LIMIT ?', batchRecords)
    const last = rows.at(-1)?.['sequence']
    if (last === undefined) return this.#waiting
    const taken: Statement = { sql: 'DELETE FROM feedback_records WHERE sequence <= ?', args: [last], expect: rows.length }
    const now = clock.now()
    const body = Buffer.from(`[${rows.map((row) => String(row['record'])).join(',')}]`)
    const expiresAt = plus(now, ttlMs)
    const number = await this.#queues.enqueue(feedbackQueue, { expiresAt, head: String(rows.length), body }, [taken])
    if (number === undefined) {
      // Nobody reads feedback here: what is new is given up, and said so.
      const outcome = await store.commit([taken])
      if (outcome.ok) this.#dropped({ kind: 'service-messages-dropped', time: now, queue: 'feedback', reason: 'full', count: rows.length })
    }
    return rows.length
  }
}

/** Reads a batch back. Throws for what is none: rows are ours. */
export function parseFeedback(body: Buffer): readonly FeedbackRecord[] {
  const records: unknown = JSON.parse(body.toString('utf8'))
  if (!Array.isArray(records)) throw damaged()
  return records.map((record: unknown): FeedbackRecord => {
    if (typeof record !== 'object' || record === null) throw damaged()
    const fields = new Map<string, unknown>(Object.entries(record))
    const text = (name: string): string => {
      const value = fields.get(name)
      if (typeof value !== 'string') throw damaged()
      return value
    }
    const statusCode = Object.values(statusCodes).find((code) => code === fields.get('statusCode'))
    if (statusCode === undefined) throw damaged()
    return {
      originalMessageId: text('originalMessageId'),
      enqueuedTimeUtc: text('enqueuedTimeUtc'),
      statusCode,
      description: text('description'),
      deviceId: text('deviceId'),
      deviceGenerationId: text('deviceGenerationId'),
    }
  })
}

function damaged(): Error {
  return new Error('bug: a row of feedback is not as we write it')
}
