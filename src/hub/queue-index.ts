import type { Instant } from '#base'
import type { QueueRow } from './queue-rows.ts'

/** A message in the index: what is needed to choose the next one. */
export type Entry = {
  readonly sequenceNumber: number
  readonly enqueuedAt: Instant
  readonly expiresAt: Instant
  deliveryCount: number
  lock: Lock | undefined
  /** A change of this message is on its way to the disk; nobody else may touch it. */
  isBusy: boolean
}

/** A message in the hands of one receiver. `endsAt` is monotonic, so that a clock that is set neither loses nor keeps a lock. */
export type Lock = { readonly token: string; readonly endsAt: number; readonly queue: string; readonly entry: Entry; readonly head: string }

/** The messages of one queue without their contents, in the order of their numbers. A copy of the rows, except for locks, which live only here. */
export class QueueIndex {
  /** What the rows say is not known (yet, or since a write whose outcome is unknown): they must be read before anything is decided. */
  isStale = true
  readonly locks = new Map<string, Lock>()
  #entries = new Map<number, Entry>()
  #newest = 0
  #inFlight = 0
  #quiet: PromiseWithResolvers<void> | undefined

  /** All messages, oldest first. */
  get entries(): Iterable<Entry> {
    return this.#entries.values()
  }

  get size(): number {
    return this.#entries.size
  }

  /** Whether this copy can be thrown away and read again without loss. */
  get isIdle(): boolean {
    return !this.isStale && this.locks.size === 0 && this.#inFlight === 0
  }

  find(sequenceNumber: number): Entry | undefined {
    return this.#entries.get(sequenceNumber)
  }

  /** Takes in a message that has become durable. */
  add(entry: Entry): void {
    this.#entries.set(entry.sequenceNumber, entry)
    if (entry.sequenceNumber < this.#newest) this.#entries = new Map([...this.#entries].toSorted(([a], [b]) => a - b))
    this.#newest = Math.max(this.#newest, entry.sequenceNumber)
  }

  remove(entry: Entry): void {
    this.#entries.delete(entry.sequenceNumber)
    if (entry.lock !== undefined) this.locks.delete(entry.lock.token)
    entry.lock = undefined
  }

  /** Runs a write; while one runs the rows must not be read for the index. An error leaves the index stale. */
  async writing<T>(work: () => Promise<T>): Promise<T> {
    this.#inFlight++
    try {
      return await work()
    } catch (error) {
      this.isStale = true
      throw error
    } finally {
      this.#inFlight--
      if (this.#inFlight === 0) {
        this.#quiet?.resolve()
        this.#quiet = undefined
      }
    }
  }

  /** Resolves when this is true to its rows, which `read` reads: once for all who ask, and never while a write runs. */
  async fresh(read: () => Promise<readonly QueueRow[]>): Promise<void> {
    while (this.isStale) {
      if (this.#inFlight === 0) await this.writing(async () => this.replace(await read()))
      else await (this.#quiet ??= Promise.withResolvers()).promise
    }
  }

  /** Makes this the copy of `rows`; locks of messages that are still there hold. */
  replace(rows: readonly QueueRow[]): void {
    const before = this.#entries
    this.#entries = new Map()
    for (const { sequenceNumber, enqueuedAt, expiresAt, deliveryCount } of rows) {
      const known = before.get(sequenceNumber)
      if (known !== undefined) {
        known.deliveryCount = deliveryCount
        known.isBusy = false
      }
      this.#entries.set(sequenceNumber, known ?? { sequenceNumber, enqueuedAt, expiresAt, deliveryCount, lock: undefined, isBusy: false })
      this.#newest = Math.max(this.#newest, sequenceNumber)
    }
    for (const lock of this.locks.values()) if (this.#entries.get(lock.entry.sequenceNumber) !== lock.entry) this.locks.delete(lock.token)
    this.isStale = false
  }
}

/** Locks by the second in which they end, so that a look at the clock does not walk all of them. */
export class LockEnds {
  readonly #bySecond = new Map<number, Set<Lock>>()

  add(lock: Lock): void {
    const second = Math.ceil(lock.endsAt / 1000)
    const locks = this.#bySecond.get(second) ?? new Set()
    this.#bySecond.set(second, locks.add(lock))
  }

  remove(lock: Lock): void {
    const second = Math.ceil(lock.endsAt / 1000)
    const locks = this.#bySecond.get(second)
    locks?.delete(lock)
    if (locks?.size === 0) this.#bySecond.delete(second)
  }

  /** Locks that have ended by `now` (monotonic). */
  due(now: number): readonly Lock[] {
    const due: Lock[] = []
    for (const [second, locks] of this.#bySecond) if (second * 1000 <= now) due.push(...locks)
    return due
  }
}
