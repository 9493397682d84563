/** So many in a second on average, and so many at once. */
export type Rate = { readonly perSecond: number; readonly burst: number }

/** Counts against a {@link Rate}. Time is passed in, in monotonic milliseconds; going back in time gives nothing. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #at: number

  /** A full bucket. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#at = now
  }

  /** Takes one if there is one, or `count` if there are as many. */
  take(now: number, count = 1): boolean {
    this.#fill(now)
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }

  /** Whether one could be taken. */
  has(now: number): boolean {
    this.#fill(now)
    return this.#tokens >= 1
  }

  /** Whether nothing is missing: then the bucket says no more than a new one would. */
  isFull(now: number): boolean {
    this.#fill(now)
    return this.#tokens >= this.#rate.burst
  }

  #fill(now: number): void {
    const passedMs = now - this.#at
    if (passedMs <= 0) return
    this.#at = now
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + (passedMs * this.#rate.perSecond) / 1000)
  }
}
