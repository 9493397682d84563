import type { Journal, JournalRecord, JournalState, Offset } from '#journal'

/** A journal in memory whose disk does what the test says: nothing is durable until {@link HeldJournal.flush}. */
export class HeldJournal implements Journal {
  readonly records: Buffer[] = []
  paused = false
  durableEnd = 0
  start = 0
  /** Makes {@link reserve} refuse, as when the memory bound is reached. */
  isFull = false
  readonly #durable = new Set<(end: Offset) => void>()
  readonly #resume = new Set<() => void>()
  #buffer: Buffer = Buffer.alloc(0)

  get end(): Offset {
    return this.records.length
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  get pendingBytes(): number {
    return this.records.slice(this.durableEnd).reduce((sum, record) => sum + record.length, 0)
  }

  reserve(bytes: number): number {
    if (this.isFull) return -1
    this.#buffer = Buffer.alloc(bytes)
    this.records.push(this.#buffer)
    return 0
  }

  append(record: Uint8Array): Offset {
    if (this.isFull) return -1
    return this.records.push(Buffer.from(record)) - 1
  }

  appendSoon(record: Uint8Array): Offset {
    return this.append(record)
  }

  onDurable(listener: (end: Offset) => void): () => void {
    this.#durable.add(listener)
    return () => void this.#durable.delete(listener)
  }

  onResume(listener: () => void): () => void {
    this.#resume.add(listener)
    return () => void this.#resume.delete(listener)
  }

  /** The disk takes everything appended so far. */
  flush(): void {
    this.durableEnd = this.records.length
    for (const listener of this.#durable) listener(this.durableEnd)
  }

  /** Sources may go on. */
  resume(): void {
    this.paused = false
    for (const listener of this.#resume) listener()
  }

  async flushed(): Promise<void> {
    this.flush()
  }

  async read(
    from: Offset,
    limit: { readonly records: number },
  ): Promise<{ readonly records: readonly JournalRecord[]; readonly next: Offset }> {
    const end = Math.min(this.durableEnd, from + limit.records)
    const records = this.records.slice(from, end).map((bytes, index) => ({ offset: from + index, bytes, authentic: true }))
    return { records, next: Math.max(from, end) }
  }

  state(): JournalState {
    throw new Error('bug: no test asks for this')
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
