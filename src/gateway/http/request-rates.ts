import type { DeviceId } from '#base'
import { type Rate, TokenBucket } from '../token-bucket.ts'

/** Requests of one identity by HTTPS, which has no connection whose reading could be paused. */
const requestsPerIdentity: Rate = { perSecond: 200, burst: 1_000 }

// Beyond so many, those that say no more than a new one would are forgotten.
const maxRemembered = 10_000

/** How fast each identity asks. Of a bounded number; who asks for more than that many identities can hold shares one bucket with the others. */
export class RequestRates {
  readonly #buckets = new Map<DeviceId, TokenBucket>()
  readonly #rate: Rate
  readonly #others: TokenBucket

  constructor(now: number, rate: Rate = requestsPerIdentity) {
    this.#rate = rate
    this.#others = new TokenBucket({ perSecond: rate.perSecond * 100, burst: rate.burst * 100 }, now)
  }

  /** Counts one request. False: it is too much. */
  take(identity: DeviceId, now: number): boolean {
    const known = this.#buckets.get(identity)
    if (known !== undefined) return known.take(now)
    if (this.#buckets.size >= maxRemembered) this.#forget(now)
    if (this.#buckets.size >= maxRemembered) return this.#others.take(now)
    const fresh = new TokenBucket(this.#rate, now)
    this.#buckets.set(identity, fresh)
    return fresh.take(now)
  }

  #forget(now: number): void {
    for (const [identity, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(identity)
  }
}
