import type { Clock, DeviceId } from '#base'
import type { Journal, Offset } from '#journal'
import type { Store } from '#store'
import { twinCursorUpdate, twinUpdate } from './twin-rows.ts'
import { twinBytes } from './twin-cache.ts'
import type { Twin } from './twin.ts'

/*
 * Rows of twins are a copy of what the journal says. Twins that changed are owed to the rows and written together every second, 500 to a commit, for a
 * commit blocks everything else; the last commit also moves the cursor, the offset below which the rows hold everything. Nothing is written before the
 * journal has it on disk: a row must not know of a change that a crash can take back. Rows ahead of the cursor are harmless, since they say their version.
 */

const saveMs = 1_000
const rowsPerCommit = 500
const flushMs = 2_000
/** Records that a start may have to read although no twin changed. */
const maxLag = 20_000

/** What the copy needs. */
export type TwinCopyPorts = {
  readonly journal: Journal
  readonly store: Store
  readonly clock: Clock
  trouble(what: string, error: unknown): void
}

/** What is owed to the rows. */
export class TwinCopy implements AsyncDisposable {
  readonly #ports: TwinCopyPorts
  readonly #maxBytes: number
  readonly #owed = new Map<DeviceId, { readonly twin: Twin; readonly bytes: number }>()
  #bytes = 0
  #saved: Offset
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #stop: (() => void) | undefined

  /** `saved` is the cursor as it was read. */
  constructor(ports: TwinCopyPorts, maxBytes: number, saved: Offset) {
    this.#ports = ports
    this.#maxBytes = maxBytes
    this.#saved = saved
  }

  /** From now on saves every second. */
  start(): void {
    this.#stop = this.#ports.clock.every(saveMs, () => this.#saveSoon())
  }

  /** More is owed than memory is meant to hold: nothing new may be taken until it is written. */
  get isFull(): boolean {
    return this.#bytes > this.#maxBytes
  }

  /** A twin that the rows do not have yet. */
  find(identity: DeviceId, generationId: string): Twin | undefined {
    const twin = this.#owed.get(identity)?.twin
    return twin?.generationId === generationId ? twin : undefined
  }

  /** The rows are owed this state. */
  owe(twin: Twin, bytes: number = twinBytes(twin)): void {
    this.#forget(twin.identity)
    this.#owed.set(twin.identity, { twin, bytes })
    this.#bytes += bytes
    // Not in the turn of the change; and half full is soon enough.
    if (2 * this.#bytes > this.#maxBytes && this.#stop !== undefined) this.#saveSoon()
  }

  /** Resolves when the rows hold every change that was durable at the call. Rejects with the store's Fault when they cannot be written. */
  save(): Promise<void> {
    if (this.#running === undefined) return (this.#running = this.#save(maxLag).finally(() => (this.#running = undefined)))
    // One that has begun may have looked before this call; whoever comes until it ends shares the next.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.save()
      })
    return this.#next
  }

  /** Writes what is owed without moving the cursor: while a start reads the journal. */
  async saveRows(): Promise<void> {
    await this.#write([...this.#owed.values()].map(({ twin }) => twin))
  }

  /** Writes what is owed for the last time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop?.()
    this.#stop = undefined
    try {
      await this.#running?.catch(() => undefined)
      await this.#save(0)
    } catch (error) {
      this.#ports.trouble('twins were not saved; the next start reads them from the journal', error)
    }
  }

  #saveSoon(): void {
    this.save().catch((error: unknown) => this.#ports.trouble('twins were not saved', error))
  }

  async #save(lag: number): Promise<void> {
    const { journal, clock } = this.#ports
    const upTo = journal.end
    const twins = [...this.#owed.values()].map(({ twin }) => twin)
    if (twins.length === 0 && upTo - this.#saved < lag) return
    await durable(journal, upTo, clock)
    await this.#write(twins)
    await this.#moveCursor(upTo)
  }

  async #write(twins: readonly Twin[]): Promise<void> {
    for (let at = 0; at < twins.length; at += rowsPerCommit) {
      const part = twins.slice(at, at + rowsPerCommit)
      const outcome = await this.#ports.store.commit(part.map(twinUpdate))
      if (!outcome.ok) throw new Error('bug: no row of the copy can conflict')
      for (const twin of part) if (this.#owed.get(twin.identity)?.twin === twin) this.#forget(twin.identity)
    }
  }

  async #moveCursor(upTo: Offset): Promise<void> {
    if (upTo === this.#saved) return
    const outcome = await this.#ports.store.commit([twinCursorUpdate(upTo)])
    if (!outcome.ok) throw new Error('bug: the cursor cannot conflict')
    this.#saved = upTo
  }

  #forget(identity: DeviceId): void {
    const entry = this.#owed.get(identity)
    if (entry === undefined) return
    this.#owed.delete(identity)
    this.#bytes -= entry.bytes
  }
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
