import { type Offset, maxRecordBytes } from './journal.ts'
import { frameBytes } from './salvage.ts'

/** Records that wait for the disk, laid out as the body of a block: checks are not filled in yet. */
export type Batch = { readonly buffer: Buffer; readonly first: Offset; used: number; count: number }

/** Bytes of a batch buffer: the largest record fits, and so do thousands of small ones. */
export const batchBytes = 1024 * 1024
const maxSpare = 4

/**
 * HOT PATH. The records that nobody has written yet, in buffers that are used again. Knows nothing of disks; its memory is bounded by `maxBytes`.
 */
export class Pending {
  /** The offset of the next record. */
  end: Offset
  /** Bytes appended and not yet released, those on their way to the disk included. */
  bytes = 0
  readonly #maxBytes: number
  readonly #spare: Buffer[] = []
  readonly #full: Batch[] = []
  #current: Batch

  constructor(first: Offset, maxBytes: number) {
    this.end = first
    this.#maxBytes = maxBytes
    this.#current = { buffer: Buffer.allocUnsafeSlow(batchBytes), first, used: 0, count: 0 }
  }

  /** The buffer that the latest {@link Pending.reserve} points into. */
  get buffer(): Buffer {
    return this.#current.buffer
  }

  /** Room for a record of `length` bytes; where it starts, or -1 when memory is used up. */
  reserve(length: number): number {
    if (length <= 0 || length > maxRecordBytes) throw new Error(`bug: a record of ${length} bytes`)
    const need = length + frameBytes
    if (this.bytes + need > this.#maxBytes) return -1
    const batch = this.#current.used + need > batchBytes ? this.#next() : this.#current
    const at = batch.used
    batch.buffer.writeUInt32LE(length, at)
    batch.used = at + need
    batch.count++
    this.bytes += need
    this.end++
    return at + frameBytes
  }

  /** The oldest of what waits, at most `max` batches, in order; new records gather apart from them. */
  take(max: number): readonly Batch[] {
    if (this.#full.length < max && this.#current.count > 0) this.#next()
    return this.#full.splice(0, max)
  }

  /** Gives the buffers of batches back that are on disk. */
  release(batches: readonly Batch[]): void {
    for (const batch of batches) {
      this.bytes -= batch.used
      if (this.#spare.length < maxSpare) this.#spare.push(batch.buffer)
    }
  }

  #next(): Batch {
    if (this.#current.count > 0) this.#full.push(this.#current)
    this.#current = this.#fresh()
    return this.#current
  }

  #fresh(): Batch {
    return { buffer: this.#spare.pop() ?? Buffer.allocUnsafeSlow(batchBytes), first: this.end, used: 0, count: 0 }
  }
}
