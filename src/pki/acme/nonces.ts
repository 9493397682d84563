import type { Clock, Random } from '#base'
import { acmeLimits } from './limits.ts'

/** Nonces that were given out (RFC 8555 section 6.5). Each is good once and for an hour; when there are too many, the oldest are forgotten and clients ask again. */
export class Nonces {
  readonly #clock: Clock
  readonly #random: Random
  readonly #good = new Map<string, number>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** A fresh one: 128 random bits. */
  make(): string {
    const nonce = this.#random.bytes(16).toString('base64url')
    this.#good.set(nonce, this.#clock.monotonic())
    for (const oldest of this.#good.keys()) {
      if (this.#good.size <= acmeLimits.nonces) break
      this.#good.delete(oldest)
    }
    return nonce
  }

  /** Takes one. False: it was never given out, or is used or too old. */
  take(nonce: string): boolean {
    const made = this.#good.get(nonce)
    this.#good.delete(nonce)
    return made !== undefined && this.#clock.monotonic() - made < acmeLimits.nonceMs
  }
}
