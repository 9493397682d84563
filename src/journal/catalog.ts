import { join } from 'node:path'
import type { SegmentKey } from './block.ts'
import type { JournalDamage, Offset } from './journal.ts'

/** One segment file as we know it. Records `first` to `end` are its own; what it holds beyond `end` was written again in the next one. */
export type Segment = {
  readonly name: string
  readonly number: number
  readonly first: Offset
  end: Offset
  /** How far the file may be believed: for the one being written, what is durable. */
  bytes: number
  /** When the last record may have been written, milliseconds since the epoch; for retention by age. */
  lastTime: number
  /** `undefined`: not unwrapped yet. `null`: cannot be had. */
  key: SegmentKey | null | undefined
  /** The wrapped key, `undefined` when both copies of the header are lost. */
  readonly wrapped: Buffer | undefined
  /** Where some of the blocks stand, in order: enough to start a walk near any offset. */
  readonly marks: { readonly first: Offset; readonly position: number }[]
}

/** Bytes between two marks of a segment. */
export const markEveryBytes = 256 * 1024

/** Remembers where a block stands, unless a mark is near. Calls must go forward. */
export function mark(segment: Segment, first: Offset, position: number): void {
  const last = segment.marks.at(-1)
  if (last === undefined || (first > last.first && position >= last.position + markEveryBytes)) segment.marks.push({ first, position })
}

const maxDamage = 100

/** The segments of a journal in order, and what was found wrong with them. The last one is being written. */
export class Catalog {
  readonly directory: string
  readonly segments: Segment[] = []
  readonly damage: JournalDamage[] = []
  damageFound = 0
  /** Offset of the oldest record while there is no segment. */
  #origin: Offset = 0
  readonly #seen = new Set<string>()

  constructor(directory: string) {
    this.directory = directory
  }

  path(segment: { readonly name: string }): string {
    return join(this.directory, segment.name)
  }

  /** The oldest record kept. */
  get start(): Offset {
    return this.segments[0]?.first ?? this.#origin
  }

  /** Bytes of all segments. */
  get bytes(): number {
    let sum = 0
    for (const segment of this.segments) sum += segment.bytes
    return sum
  }

  /** Says where counting starts when there is no segment. */
  beginAt(first: Offset): void {
    this.#origin = first
  }

  /** The segment that has `offset`; of two that start there the later one, for the earlier is empty. */
  find(offset: Offset): Segment | undefined {
    let low = 0
    let high = this.segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.segments[middle]?.first ?? 0) <= offset) low = middle + 1
      else high = middle
    }
    return this.segments[low - 1]
  }

  /** Notes damage once, however often it is met. */
  report(damage: JournalDamage): void {
    const key = `${damage.segment}/${damage.first}/${damage.last}/${damage.reason}`
    if (this.#seen.has(key)) return
    if (this.#seen.size < 10_000) this.#seen.add(key)
    this.damageFound++
    this.damage.push(damage)
    if (this.damage.length > maxDamage) this.damage.shift()
  }
}
