import type { DeviceId } from '#base'
import { TokenBucket } from './token-bucket.ts'

/** Who publishes how fast: one bucket for each identity that has a bound, shared by its connections. */
export class PublishRates {
  readonly #buckets = new Map<DeviceId, TokenBucket>()

  /** The bucket of an identity, which may have a second's worth saved; undefined: it has no bound. */
  of(device: DeviceId, perSecond: number | undefined, now: number): TokenBucket | undefined {
    if (perSecond === undefined) return undefined
    const known = this.#buckets.get(device)
    if (known !== undefined) return known
    const fresh = new TokenBucket({ perSecond, burst: perSecond }, now)
    this.#buckets.set(device, fresh)
    return fresh
  }

  /** The identity has no connection any more. */
  forget(device: DeviceId): void {
    this.#buckets.delete(device)
  }
}
