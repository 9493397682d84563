import { type CancelTimer, Fault, limits } from '#base'
import type { Segment } from './catalog.ts'
import { isDiskFull, isWorld } from './disk.ts'
import { Keeper } from './keeper.ts'
import type { Journal, JournalCondition, JournalRecord, JournalState, Offset } from './journal.ts'
import { type Batch, Pending } from './pending.ts'
import { Reader } from './reader.ts'
import { type Recovered, recover } from './recover.ts'
import { Durations } from './statistics.ts'
import { atEndOfTurn } from './turn.io.ts'
import { type JournalPorts, Writer } from './writer.ts'

/*
 * Theory of operation.
 * Records gather in memory; at the end of the event-loop turn all of them go to disk as one flush, and while it runs the next ones gather. On a
 * busy loop a flush that follows another goes on gathering for as long as every turn brings more, a millisecond at most: each flush has its price,
 * however little is in it.
 * Nobody is told before the flush is durable. When the disk says no, the journal is `full` or `failing`: sources are paused, the same flush is tried again
 * on a new segment, for as long as it takes, and when it succeeds everything goes on as if it had been slow.
 */

/** Sizes in bytes, ages in milliseconds. A segment is also ended after an eighth of `retentionMs`, so that age can take effect. */
export type JournalConfig = {
  readonly directory: string
  readonly segmentBytes?: number
  readonly retentionBytes: number
  readonly retentionMs: number
}

const defaultSegmentBytes = 64 * 1024 * 1024
const firstRetryMs = 50
const soonMs = 20
/** Longest that a flush waits for company behind another one. */
const gatherMs = 1
/** A flush of fewer records shows a loop that waits for the disk more than for itself: then the next one starts at once. */
const busyRecords = 16
/** What is worth a flush without company. */
const worthwhileBytes = 64 * 1024
const maxRetryMs = 1_000
const retentionEveryMs = 60_000
/** A flush takes at most this many batches (1 MiB each), so that encrypting it does not hold up the loop. */
const maxFlushBatches = 4

/**
 * Opens the journal in `directory`, made if missing, and settles what the last run has left. Resolves also when the disk is full: see
 * {@link Journal.state}. Throws the Fault `journal/wrong-key` when the vault does not open the key of the last segment, `journal/disk` when the directory cannot be read.
 */
export async function openJournal(config: JournalConfig, ports: JournalPorts, signal: AbortSignal): Promise<Journal> {
  signal.throwIfAborted()
  const recovered = await readDirectory(config, ports)
  signal.throwIfAborted()
  const journal = new SegmentJournal(config, ports, recovered)
  await journal.settled()
  return journal
}

async function readDirectory(config: JournalConfig, ports: JournalPorts): Promise<Recovered> {
  try {
    await ports.disk.makeDirectory(config.directory)
    return await recover(config.directory, ports.disk, ports)
  } catch (error) {
    if (!isWorld(error) || error instanceof Fault) throw error
    throw new Fault('journal/disk', `The journal in ${config.directory} cannot be read.`, error)
  }
}

type Waiter = { readonly end: Offset; readonly resolve: () => void; readonly reject: (error: Error) => void }

class SegmentJournal implements Journal {
  readonly #ports: JournalPorts
  readonly #recovered: Recovered
  readonly #keeper: Keeper
  readonly #pending: Pending
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #durableListeners = new Set<(end: Offset) => void>()
  readonly #resumeListeners = new Set<() => void>()
  readonly #durations = new Durations()
  readonly #cancelRetention: CancelTimer
  #waiters: Waiter[] = []
  #durableEnd: Offset
  #condition: JournalCondition = { kind: 'open' }
  #overfull = false
  /** Whether sources stood still before the flush that is being announced. */
  #wasPaused = false
  #scheduled = false
  #running: Promise<void> | undefined
  #cancelSoon: CancelTimer | undefined
  /** Somebody waits for everything below. */
  #urgentEnd: Offset = 0
  /** The first flush has succeeded. Recovery relies on it to hold all that was recovered, however much that is. */
  #settled = false
  #closing = false
  /** Closing has dropped a flush: nothing behind it may be written, or the offsets would have a hole. */
  #gaveUp = false
  #wake: () => void = () => undefined
  #troubled: () => void = () => undefined
  #newest: Segment | undefined
  #failures = 0
  #refused = 0

  constructor(config: JournalConfig, ports: JournalPorts, recovered: Recovered) {
    this.#ports = ports
    this.#recovered = recovered
    this.#pending = new Pending(recovered.next, 2 * limits.journalPendingBytes)
    this.#writer = new Writer(recovered.catalog, ports, config.segmentBytes ?? defaultSegmentBytes, recovered.nextNumber)
    this.#reader = new Reader(recovered.catalog, ports.disk, ports)
    this.#durableEnd = recovered.next
    const retention = { bytes: config.retentionBytes, ageMs: config.retentionMs }
    this.#keeper = new Keeper(retention, ports, recovered, this.#reader)
    this.#cancelRetention = ports.clock.every(retentionEveryMs, () => void this.#retain())
    for (const record of recovered.rewrite) this.append(record)
  }

  /** Resolves when what was recovered is durable again, or the disk has refused it once. */
  async settled(): Promise<void> {
    if (this.end === this.#durableEnd) return
    const troubled = new Promise<void>((resolve) => {
      this.#troubled = resolve
    })
    await Promise.race([this.flushed(), troubled])
    void this.#retain()
  }

  reserve(bytes: number): number {
    const at = this.#reserve(bytes)
    if (at < 0) return -1
    this.#urgentEnd = this.end
    if (!this.#scheduled && this.#running === undefined) this.#schedule()
    return at
  }

  #reserve(bytes: number): number {
    const at = this.#closing ? -1 : this.#pending.reserve(bytes)
    if (at < 0) this.#refused++
    else if (this.#pending.bytes > limits.journalPendingBytes) this.#overfull = true
    return at
  }

  get buffer(): Buffer {
    return this.#pending.buffer
  }

  append(record: Uint8Array): Offset {
    const at = this.reserve(record.length)
    if (at < 0) return -1
    this.buffer.set(record, at)
    return this.end - 1
  }

  appendSoon(record: Uint8Array): Offset {
    const at = this.#reserve(record.length)
    if (at < 0) return -1
    this.buffer.set(record, at)
    this.#scheduleSoon()
    return this.end - 1
  }

  onDurable(listener: (end: Offset) => void): () => void {
    this.#durableListeners.add(listener)
    return () => void this.#durableListeners.delete(listener)
  }

  onResume(listener: () => void): () => void {
    this.#resumeListeners.add(listener)
    return () => void this.#resumeListeners.delete(listener)
  }

  flushed(): Promise<void> {
    if (this.#durableEnd >= this.end) return Promise.resolve()
    if (this.#closing && this.#running === undefined) return Promise.reject(closed())
    this.#urgentEnd = this.end
    if (!this.#scheduled && this.#running === undefined) this.#schedule()
    return new Promise((resolve, reject) => {
      this.#waiters.push({ end: this.end, resolve, reject })
    })
  }

  get durableEnd(): Offset {
    return this.#durableEnd
  }

  get end(): Offset {
    return this.#pending.end
  }

  get start(): Offset {
    return this.#recovered.catalog.start
  }

  get pendingBytes(): number {
    return this.#pending.bytes
  }

  get paused(): boolean {
    return this.#overfull || this.#condition.kind !== 'open'
  }

  read(
    from: Offset,
    limit: { readonly records: number; readonly bytes: number },
  ): Promise<{ readonly records: readonly JournalRecord[]; readonly next: Offset }> {
    return this.#reader.read(from, limit, this.#durableEnd)
  }

  state(): JournalState {
    const { catalog } = this.#recovered
    return {
      ...this.#condition,
      segments: catalog.segments.length,
      bytes: catalog.bytes,
      flushes: this.#durations.count,
      flushP50Ms: this.#durations.quantile(0.5),
      flushP99Ms: this.#durations.quantile(0.99),
      failures: this.#failures,
      refused: this.#refused,
      droppedRecords: this.#keeper.droppedRecords,
      droppedSegments: this.#keeper.droppedSegments,
      damage: [...catalog.damage],
      damageFound: catalog.damageFound,
    }
  }

  /** Writes what waits, once more also when the disk is in trouble; what it still refuses was never acknowledged. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    this.#cancelRetention()
    this.#cancelSoon?.()
    this.#wake()
    await this.#running
    while (!this.#gaveUp && this.end > this.#durableEnd) await this.#run()
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closed())
    await this.#writer.roll()
    await this.#reader.close()
  }

  #schedule(): void {
    this.#scheduled = true
    atEndOfTurn(() => this.#go())
  }

  #go(): void {
    this.#scheduled = false
    if (!this.#closing) void this.#run()
  }

  /** As {@link SegmentJournal.#schedule}, once a turn brings nothing beyond `seen`: a loop without work turns at once, so nobody waits for nobody. */
  #gather(seen: Offset, until: number): void {
    this.#scheduled = true
    atEndOfTurn(() => {
      if (this.end > seen && this.#ports.clock.monotonic() < until) this.#gather(this.end, until)
      else this.#go()
    })
  }

  /** For records that nobody waits for: they share a flush with what comes in the next moments. */
  #scheduleSoon(): void {
    if (this.#scheduled || this.#running !== undefined || this.#cancelSoon !== undefined) return
    this.#cancelSoon = this.#ports.clock.after(soonMs, () => {
      this.#cancelSoon = undefined
      if (!this.#scheduled && !this.#closing) void this.#run()
    })
  }

  async #run(): Promise<void> {
    if (this.#running !== undefined) return this.#running
    this.#running = this.#flushAll().finally(() => {
      this.#running = undefined
      if (this.#closing || this.end === this.#durableEnd) return
      if (this.#urgentEnd > this.#durableEnd) this.#gather(this.end, this.#ports.clock.monotonic() + gatherMs)
      else this.#scheduleSoon()
    })
    return this.#running
  }

  /** Flushes until nothing waits, or little on a busy loop. Else the next flush is under way before anyone is told of this one: the disk works while PUBACKs are written. */
  async #flushAll(): Promise<void> {
    let batches = this.#take()
    let written = this.#put(batches)
    while (await written) {
      const before = this.#durableEnd
      this.#settle(batches)
      const gathers = this.#durableEnd - before >= busyRecords && this.#pending.bytes < worthwhileBytes
      const goesOn = this.#urgentEnd > this.#durableEnd && !gathers && !this.#closing
      if (goesOn) {
        batches = this.#take()
        written = this.#put(batches)
      }
      this.#announce()
      const { segments } = this.#recovered.catalog
      if (segments.at(-1) !== this.#newest) void this.#retain()
      this.#newest = segments.at(-1)
      if (!goesOn) return
    }
  }

  #take(): readonly Batch[] {
    return this.#pending.take(this.#settled ? maxFlushBatches : Infinity)
  }

  /** Puts batches on disk, however long it takes. False when closing has to drop them, or there were none. */
  async #put(batches: readonly Batch[]): Promise<boolean> {
    if (batches.length === 0) return false
    const began = this.#ports.clock.monotonic()
    for (let attempt = 0; ; attempt++) {
      const lastAttempt = this.#closing
      try {
        await this.#writer.write(batches)
        break
      } catch (error) {
        if (!isWorld(error)) throw error
        this.#trouble(error)
        this.#gaveUp = lastAttempt
        if (lastAttempt) return false
        if (!this.#closing) await this.#pause(Math.min(maxRetryMs, firstRetryMs * 2 ** attempt))
      }
    }
    this.#durations.add(this.#ports.clock.monotonic() - began)
    return true
  }

  #settle(batches: readonly Batch[]): void {
    const last = batches.at(-1)
    if (last === undefined) return
    this.#reader.offer(batches)
    this.#pending.release(batches)
    this.#durableEnd = last.first + last.count
    this.#settled = true
    this.#wasPaused = this.paused
    this.#condition = { kind: 'open' }
  }

  /** Retention, once what was recovered is durable: until then its old copy is the only one. */
  async #retain(): Promise<void> {
    if (this.#closing || !(this.#settled || this.#recovered.rewrite.length === 0)) return
    await this.#keeper.tidy()
    if (this.#running === undefined && this.#keeper.isDueToRoll(this.#writer.activeSince)) await this.#writer.roll()
  }

  #announce(): void {
    const wasPaused = this.#wasPaused
    if (this.#pending.bytes <= limits.journalPendingBytes / 2) this.#overfull = false
    for (const listener of this.#durableListeners) listener(this.#durableEnd)
    if (this.#waiters.length > 0) {
      const done = this.#waiters.filter((waiter) => waiter.end <= this.#durableEnd)
      this.#waiters = this.#waiters.filter((waiter) => waiter.end > this.#durableEnd)
      for (const waiter of done) waiter.resolve()
    }
    if (wasPaused && !this.paused) for (const listener of this.#resumeListeners) listener()
  }

  #trouble(error: unknown): void {
    this.#failures++
    const kind = isDiskFull(error) ? 'full' : 'failing'
    const message = error instanceof Error ? error.message : String(error)
    const since = this.#condition.kind === kind ? this.#condition.since : this.#ports.clock.now()
    this.#condition = { kind, since, message }
    this.#troubled()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#ports.clock.after(ms, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

function closed(): Fault {
  return new Fault('journal/closed', 'The journal was closed before this was on disk.')
}
