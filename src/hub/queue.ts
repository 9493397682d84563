import { type CancelTimer, type Clock, type Instant, type Random, type Result, plus, uuid } from '#base'
import type { Statement, Store } from '#store'
import { type Entry, type Lock, LockEnds, QueueIndex } from './queue-index.ts'
import { type Parcel, type QueueFamily, type QueueRow, QueueRows } from './queue-rows.ts'

/*
 * Theory of operation.
 * The rows are the truth about which messages there are and how often they were handed out in vain; locks live in memory alone, so a hub that was
 * killed hands out again what was in somebody's hands. Memory holds a number for each queue that is not empty, and an index of the queues in use.
 * A message leaves by one DELETE that must find its row, in one commit with whatever its end brings about: so nothing ends twice, and an end that
 * was told of has happened. A write whose outcome is unknown (the disk broke) makes the index stale; it is read again before the next decision.
 * Between reading the index and marking an entry (locked, busy) nothing is awaited.
 */

/** Why a message left its queue. `gone`: its owner did. */
export type EndReason = 'completed' | 'rejected' | 'expired' | 'delivery-count' | 'purged' | 'gone'

/** A message that leaves. */
export type Ending = {
  readonly queue: string
  readonly sequenceNumber: number
  readonly enqueuedAt: Instant
  readonly deliveryCount: number
  readonly head: string
  readonly why: EndReason
}

/** What the end of a message brings about: rows in the same commit, and what to do when that is durable. */
export type Consequence = { readonly statements: readonly Statement[]; readonly durable: () => void }

/** What differs between families of queues. */
export type QueueRules = {
  readonly family: QueueFamily
  readonly maxMessages: number
  /** Deliveries in vain after which a message is given up. */
  readonly maxDeliveryCount: number
  readonly ending: (end: Ending) => Consequence
}

/** What a queue asks of the world. `trouble` is told when the store fails where nobody waits for the answer. */
export type QueuePorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly trouble: (what: string, error: unknown) => void
}

/** A message in its receiver's hands. */
export type Handed = {
  readonly sequenceNumber: number
  readonly enqueuedAt: Instant
  readonly expiresAt: Instant
  readonly deliveryCount: number
  readonly head: string
  readonly body: Buffer
  readonly token: string
  readonly lockedUntil: Instant
}

/** Queues in use of which an index is kept; the least recently used are read again when they are needed. */
const maxIndexes = 10_000
const sweepMs = 1_000
const expiredAtOnce = 500

/** Durable queues whose messages are locked while somebody works on them. One object serves all queues of a family. */
export class LockedQueues implements Disposable {
  readonly #rules: QueueRules
  readonly #ports: QueuePorts
  readonly #rows: QueueRows
  readonly #counts: Map<string, number>
  readonly #indexes = new Map<string, QueueIndex>()
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #ends = new LockEnds()
  readonly #stop: CancelTimer
  #last: number
  #nextExpiry = 0
  #isSweeping = false

  private constructor(rules: QueueRules, ports: QueuePorts, rows: QueueRows, counts: Map<string, number>, last: number) {
    this.#rules = rules
    this.#ports = ports
    this.#rows = rows
    this.#counts = counts
    this.#last = last
    this.#stop = ports.clock.every(sweepMs, () => void this.#sweep())
  }

  /** Opens the queues of a family on their rows. Throws the store's Faults. */
  static async open(rules: QueueRules, ports: QueuePorts): Promise<LockedQueues> {
    const rows = new QueueRows(ports.store, rules.family)
    return new LockedQueues(rules, ports, rows, await rows.counts(), await rows.last())
  }

  /** Messages in a queue, locked ones and ones on their way to the disk included. */
  count(queue: string): number {
    return this.#counts.get(queue) ?? 0
  }

  /** Puts a message at the end, with other rows in the same commit; durable when it resolves to its number. Undefined: the queue is full, or those rows met a conflict. */
  async enqueue(queue: string, parcel: Parcel, besides: readonly Statement[] = []): Promise<number | undefined> {
    const index = await this.#index(queue)
    const count = this.count(queue)
    if (count >= this.#rules.maxMessages) return undefined
    const sequenceNumber = ++this.#last
    const enqueuedAt = this.#ports.clock.now()
    this.#counts.set(queue, count + 1)
    const statements = [...this.#rows.insertion(queue, sequenceNumber, enqueuedAt, parcel), ...besides]
    const outcome = await index.writing(() => this.#ports.store.commit(statements))
    if (!outcome.ok) {
      this.#forgetOne(queue, index)
      return undefined
    }
    // The queue may have been taken away meanwhile: its message goes the way of all that has no owner.
    if (this.#indexes.get(queue) !== index) return sequenceNumber
    const { expiresAt } = parcel
    index.add({ sequenceNumber, enqueuedAt, expiresAt, deliveryCount: 0, lock: undefined, isBusy: false })
    this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt)
    this.#ready(queue)
    return sequenceNumber
  }

  /** Locks the oldest message that is free and not expired. Undefined: there is none. */
  async receive(queue: string, lockMs: number): Promise<Handed | undefined> {
    while (this.count(queue) > 0) {
      const index = await this.#index(queue)
      const { clock, random } = this.#ports
      const now = clock.now()
      let entry: Entry | undefined
      for (const each of index.entries) if (each.lock === undefined && !each.isBusy && each.expiresAt > now && (entry = each)) break
      if (entry === undefined) return undefined
      entry.isBusy = true // while its content is read
      const content = await this.#content(entry)
      if (content === undefined) {
        index.remove(entry)
        this.#forgetOne(queue, index)
        continue
      }
      const token = uuid(random)
      const lock: Lock = { token, endsAt: clock.monotonic() + lockMs, queue, entry, head: content.head }
      entry.lock = lock
      entry.isBusy = false
      index.locks.set(token, lock)
      this.#ends.add(lock)
      const { sequenceNumber, enqueuedAt, expiresAt, deliveryCount } = entry
      return { sequenceNumber, enqueuedAt, expiresAt, deliveryCount, ...content, token, lockedUntil: plus(clock.now(), lockMs) }
    }
    return undefined
  }

  /** Ends a message that is locked by `token`, durably. False: the lock is not held (any more). */
  async end(queue: string, token: string, why: EndReason): Promise<boolean> {
    const held = await this.#held(queue, token)
    if (held === undefined) return false
    const { index, lock } = held
    this.#release(index, lock)
    return await this.#finish(queue, index, lock.entry, lock.head, why)
  }

  /** Gives a lock back; `inVain`: that counts as a delivery. False: the lock is not held (any more). */
  async giveBack(queue: string, token: string, inVain: boolean): Promise<boolean> {
    const held = await this.#held(queue, token)
    if (held === undefined) return false
    await this.#return(held.index, held.lock, inVain)
    return true
  }

  /** Told when a message may be ready. Returns how to stop that. */
  onReady(queue: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(queue) ?? new Set()
    this.#listeners.set(queue, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(queue) === listeners) this.#listeners.delete(queue)
    }
  }

  /** The messages of a queue as they stand, with whether they are locked. */
  async list(queue: string): Promise<readonly { readonly row: QueueRow; readonly lockedUntil: Instant | undefined }[]> {
    if (this.count(queue) === 0) return []
    const index = await this.#index(queue)
    const { clock } = this.#ports
    return (await this.#rows.of(queue)).map((row) => {
      const lock = index.find(row.sequenceNumber)?.lock
      return { row, lockedUntil: lock === undefined ? undefined : plus(clock.now(), Math.round(lock.endsAt - clock.monotonic())) }
    })
  }

  /** Ends everything that is not locked, in one commit that the caller makes of the statements. Resolves to how many; undefined: a conflict, nothing was done. */
  async purge(queue: string, commit: (statements: readonly Statement[]) => Promise<Result<void, 'conflict'>>): Promise<number | undefined> {
    if (this.count(queue) === 0) return 0
    const index = await this.#index(queue)
    const heads = new Map((await this.#rows.of(queue)).map(({ sequenceNumber, head }) => [sequenceNumber, head]))
    const taken: { readonly entry: Entry; readonly consequence: Consequence }[] = []
    for (const entry of index.entries) {
      const head = heads.get(entry.sequenceNumber)
      if (entry.lock !== undefined || entry.isBusy || head === undefined) continue
      entry.isBusy = true
      taken.push({ entry, consequence: this.#rules.ending({ queue, ...entry, head, why: 'purged' }) })
    }
    if (taken.length === 0) return 0
    const statements = taken.flatMap(({ entry, consequence }) => [this.#rows.deletion(entry.sequenceNumber), ...consequence.statements])
    const outcome = await index.writing(() => commit(statements))
    if (!outcome.ok) {
      index.isStale = true
      return undefined
    }
    for (const { entry, consequence } of taken) {
      index.remove(entry)
      this.#forgetOne(queue, index)
      consequence.durable()
    }
    return taken.length
  }

  /** What takes a queue away, for the commit that takes its owner away; {@link LockedQueues.forget} follows. */
  clearing(queue: string): Statement {
    return this.#rows.clearing(queue)
  }

  /** The rows of this queue are gone, with their owner. */
  forget(queue: string): void {
    const index = this.#indexes.get(queue)
    if (index !== undefined) for (const lock of index.locks.values()) this.#release(index, lock)
    this.#indexes.delete(queue)
    this.#counts.delete(queue)
  }

  [Symbol.dispose](): void {
    this.#stop()
  }

  /** The index of a queue, true to its rows. */
  async #index(queue: string): Promise<QueueIndex> {
    let index = this.#indexes.get(queue)
    if (index === undefined) {
      index = new QueueIndex()
      index.isStale = this.#counts.has(queue)
      this.#trim()
    } else this.#indexes.delete(queue)
    this.#indexes.set(queue, index) // the last is the most recently used
    const known = index
    await index.fresh(async () => {
      const rows = await this.#rows.of(queue)
      if (this.#indexes.get(queue) === known) this.#setCount(queue, rows.length)
      return rows
    })
    return index
  }

  #trim(): void {
    if (this.#indexes.size < maxIndexes) return
    for (const [queue, index] of this.#indexes) {
      if (!index.isIdle) continue
      this.#indexes.delete(queue)
      if (this.#indexes.size < maxIndexes * 0.9) return
    }
  }

  async #content(entry: Entry): Promise<{ readonly head: string; readonly body: Buffer } | undefined> {
    try {
      return await this.#rows.content(entry.sequenceNumber)
    } catch (error) {
      entry.isBusy = false
      throw error
    }
  }

  async #held(queue: string, token: string): Promise<{ readonly index: QueueIndex; readonly lock: Lock } | undefined> {
    if (!this.#indexes.has(queue)) return undefined
    const index = await this.#index(queue)
    const lock = index.locks.get(token)
    return lock === undefined || lock.endsAt <= this.#ports.clock.monotonic() ? undefined : { index, lock }
  }

  async #finish(queue: string, index: QueueIndex, entry: Entry, head: string, why: EndReason): Promise<boolean> {
    entry.isBusy = true
    const { sequenceNumber, enqueuedAt, deliveryCount } = entry
    const { statements, durable } = this.#rules.ending({ queue, sequenceNumber, enqueuedAt, deliveryCount, head, why })
    const outcome = await index.writing(() => this.#ports.store.commit([this.#rows.deletion(sequenceNumber), ...statements]))
    if (!outcome.ok) {
      index.isStale = true // the row is gone, with its owner
      return false
    }
    index.remove(entry)
    this.#forgetOne(queue, index)
    durable()
    return true
  }

  async #return(index: QueueIndex, lock: Lock, inVain: boolean): Promise<void> {
    const { queue, entry, head } = lock
    this.#release(index, lock)
    if (inVain && entry.deliveryCount + 1 >= this.#rules.maxDeliveryCount) {
      entry.deliveryCount++
      await this.#finish(queue, index, entry, head, 'delivery-count')
      return
    }
    if (inVain) {
      entry.isBusy = true
      const counting = this.#rows.counting(entry.sequenceNumber, entry.deliveryCount + 1)
      const outcome = await index.writing(() => this.#ports.store.commit([counting]))
      entry.isBusy = false
      if (!outcome.ok) index.isStale = true
      else entry.deliveryCount++
    }
    if (entry.expiresAt <= this.#ports.clock.now()) await this.#finish(queue, index, entry, head, 'expired')
    else this.#ready(queue)
  }

  #release(index: QueueIndex, lock: Lock): void {
    index.locks.delete(lock.token)
    lock.entry.lock = undefined
    this.#ends.remove(lock)
  }

  #setCount(queue: string, count: number): void {
    if (count > 0) this.#counts.set(queue, count)
    else this.#counts.delete(queue)
  }

  #forgetOne(queue: string, index: QueueIndex): void {
    if (this.#indexes.get(queue) === index) this.#setCount(queue, this.count(queue) - 1)
  }

  #ready(queue: string): void {
    for (const listener of this.#listeners.get(queue) ?? []) listener()
  }

  async #sweep(): Promise<void> {
    if (this.#isSweeping) return
    this.#isSweeping = true
    try {
      await this.#endLocks()
      await this.#expire()
    } catch (error) {
      this.#ports.trouble('ending what has expired in a queue', error)
    } finally {
      this.#isSweeping = false
    }
  }

  async #endLocks(): Promise<void> {
    const due = this.#ends.due(this.#ports.clock.monotonic())
    await Promise.all(
      due.map(async (lock) => {
        const index = this.#indexes.get(lock.queue)
        if (index?.locks.get(lock.token) === lock) await this.#return(index, lock, true)
        else this.#ends.remove(lock)
      }),
    )
  }

  async #expire(): Promise<void> {
    const now = this.#ports.clock.now()
    if (now < this.#nextExpiry) return
    let after = { expiresAt: 0, sequenceNumber: 0 }
    for (;;) {
      const rows = await this.#rows.expired(now, after, expiredAtOnce)
      await Promise.all(rows.map((row) => this.#expireOne(row)))
      const last = rows.at(-1)
      if (last === undefined || rows.length < expiredAtOnce) break
      after = last
    }
    // Ended locks look after themselves; what was put in since has lowered it.
    this.#nextExpiry = Infinity
    const next = await this.#rows.nextExpiry(now)
    this.#nextExpiry = Math.min(this.#nextExpiry, next)
  }

  async #expireOne({ queue, sequenceNumber, head }: QueueRow): Promise<void> {
    const index = await this.#index(queue)
    const entry = index.find(sequenceNumber)
    if (entry !== undefined && entry.lock === undefined && !entry.isBusy) await this.#finish(queue, index, entry, head, 'expired')
  }
}
