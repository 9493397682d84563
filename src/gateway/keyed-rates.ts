import { type Rate, TokenBucket } from './token-bucket.ts'

// Beyond so many, those that say no more than a new one would are forgotten.
const maxRemembered = 10_000

/**
 * How fast each of many does something, where no connection of theirs could be paused. Of a bounded number; beyond it, who is new shares one
 * bucket with the others.
 */
export class KeyedRates<K extends string> {
  readonly #buckets = new Map<K, TokenBucket>()
  readonly #rate: Rate
  readonly #others: TokenBucket

  constructor(rate: Rate, now: number) {
    this.#rate = rate
    this.#others = new TokenBucket({ perSecond: rate.perSecond * 100, burst: rate.burst * 100 }, now)
  }

  /** Counts `count` of them, all or none; at most what the rate has at once is asked for. False: it is too much. */
  take(key: K, now: number, count = 1): boolean {
    return this.#bucketOf(key, now).take(now, Math.min(count, this.#rate.burst))
  }

  #bucketOf(key: K, now: number): TokenBucket {
    const known = this.#buckets.get(key)
    if (known !== undefined) return known
    if (this.#buckets.size >= maxRemembered) this.#forget(now)
    if (this.#buckets.size >= maxRemembered) return this.#others
    const fresh = new TokenBucket(this.#rate, now)
    this.#buckets.set(key, fresh)
    return fresh
  }

  #forget(now: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(key)
  }
}
