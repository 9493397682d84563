/**
 * Numbered places that are used again, each time with a new generation: whoever still speaks of the one before is not mistaken for the
 * one that has the place now.
 */
export class Slots<T> {
  readonly #most: number
  readonly #entries: ({ readonly generation: number; readonly value: T } | undefined)[] = []
  readonly #free: number[] = []
  #generation = 0
  #size = 0

  /** There are `most` places. */
  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#size
  }

  /** Gives `value` a place; undefined: all are taken. */
  enter(value: T): { readonly slot: number; readonly generation: number } | undefined {
    const slot = this.#free.pop() ?? this.#entries.length
    if (slot >= this.#most) return undefined
    this.#generation = (this.#generation + 1) >>> 0
    this.#entries[slot] = { generation: this.#generation, value }
    this.#size++
    return { slot, generation: this.#generation }
  }

  /** What has this place, if it is of this generation. */
  at(slot: number, generation: number): T | undefined {
    const entry = this.#entries[slot]
    return entry?.generation === generation ? entry.value : undefined
  }

  /** Gives the place free. */
  leave(slot: number): void {
    if (this.#entries[slot] === undefined) return
    this.#entries[slot] = undefined
    this.#free.push(slot)
    this.#size--
  }

  /** Gives every place free and returns what had them. */
  clear(): readonly T[] {
    const values = this.#entries.flatMap((entry) => (entry === undefined ? [] : [entry.value]))
    this.#entries.length = 0
    this.#free.length = 0
    this.#size = 0
    return values
  }
}
