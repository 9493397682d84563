import { createHmac } from 'node:crypto'
import { type DeviceId, type Instant, type Random, Secret } from '#base'
import type { Asked } from '../tpm/evidence.ts'
import { attestationLimits } from './limits.ts'

/** A device that was asked to prove a key. */
export type Asking = { readonly device: DeviceId; readonly expiresAt: Instant; readonly asked: Asked; readonly attestationPublic: Buffer }

/** Remembers what devices were asked, bounded; each is taken once, so no answer counts twice. */
export class Waiting {
  readonly #random: Random
  readonly #asked = new Map<string, Asking>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Keeps an asking, and says by which id it is to be answered. The oldest goes where there are too many: of one device, or of all. */
  add(asking: Asking): string {
    const mine = [...this.#asked].filter(([, { device }]) => device === asking.device).map(([id]) => id)
    for (const id of mine.slice(0, Math.max(0, mine.length + 1 - attestationLimits.waitingPerDevice))) this.#forget(id)
    if (this.#asked.size >= attestationLimits.waiting) for (const id of this.#asked.keys()) if (this.#forget(id)) break
    const id = this.#random.bytes(16).toString('hex')
    this.#asked.set(id, asking)
    return id
  }

  /** What was asked under this id; it is forgotten. Undefined: nothing, or too long ago. */
  take(id: string, now: Instant): Asking | undefined {
    const asking = this.#asked.get(id)
    this.#asked.delete(id)
    return asking !== undefined && now <= asking.expiresAt ? asking : undefined
  }

  #forget(id: string): boolean {
    this.#asked.get(id)?.asked.secret[Symbol.dispose]()
    return this.#asked.delete(id)
  }
}

/**
 * Nonces of quotes, which anybody may ask for: made of the device and the time, and not kept, so nobody can push out those of others. One quote
 * does not count twice for its clock must be later than that of the last.
 */
export class QuoteNonces {
  readonly #key: Secret

  constructor(random: Random) {
    this.#key = new Secret(random.bytes(32))
  }

  /** The nonce of a device, 32 bytes, for answers until `expiresAt`. */
  of(device: DeviceId, expiresAt: Instant): Buffer {
    return this.#key.use((key) => createHmac('sha256', key).update(`${expiresAt} ${device}`).digest())
  }
}
