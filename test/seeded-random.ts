import type { Random } from '#base'

/** A repeatable stream of bytes (xorshift32). For tests only; print the seed when one fails. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
  }

  bytes(count: number): Buffer {
    const out = Buffer.allocUnsafe(count)
    for (let i = 0; i < count; i++) out[i] = this.integer(256)
    return out
  }

  /** An integer from 0 up to but not including `below`. */
  integer(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % below
  }
}
