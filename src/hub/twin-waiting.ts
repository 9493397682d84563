import type { DeviceId } from '#base'
import type { Offset } from '#journal'

/** Who is told when a change is on disk. `settle` must not throw. */
export type WaitingChange = { readonly offset: Offset; readonly identity: DeviceId; settle(): void; abandon(error: Error): void }

/** Changes that are in the journal's memory and not yet on its disk, in the order of their offsets. */
export class TwinWaiting {
  #queue: WaitingChange[] = []
  #head = 0
  /** The newest offset of each identity that has one here. */
  readonly #newest = new Map<DeviceId, Offset>()

  get size(): number {
    return this.#queue.length - this.#head
  }

  add(change: WaitingChange): void {
    this.#queue.push(change)
    this.#newest.set(change.identity, change.offset)
  }

  /** Where the newest change of an identity stands, if it waits. */
  newestOf(identity: DeviceId): Offset | undefined {
    return this.#newest.get(identity)
  }

  /** Tells everybody whose change stands below `end`, in order. */
  durable(end: Offset): void {
    for (let change = this.#queue[this.#head]; change !== undefined && change.offset < end; change = this.#queue[this.#head]) {
      this.#head++
      if (this.#newest.get(change.identity) === change.offset) this.#newest.delete(change.identity)
      change.settle()
    }
    if (this.#head === this.#queue.length) this.#queue = []
    else if (this.#head > 1_000) this.#queue = this.#queue.slice(this.#head)
    else return
    this.#head = 0
  }

  /** Nobody will be told any more. */
  abandon(error: Error): void {
    const left = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    this.#newest.clear()
    for (const change of left) change.abandon(error)
  }
}
