import type { Clock } from '#base'

const windowMs = 60_000

/** Failed sign-ins that one address, and all addresses together, may make in a minute. */
export const failedSignIns = { perAddress: 10, together: 100 } as const

/** Addresses remembered at once. A flood of addresses meets the common bound long before this one. */
const maxAddresses = 1_024

type Window = { start: number; count: number }

/**
 * Counts failed sign-ins, or failures of back ends. The tokens have 256 random bits and cannot be guessed; this keeps a guesser from filling the audit log
 * and from using our time.
 */
export class Attempts {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #most: { readonly perAddress: number; readonly together: number }
  readonly #byAddress = new Map<string, Window>()
  readonly #all: Window = { start: 0, count: 0 }

  constructor(clock: Pick<Clock, 'monotonic'>, most: { readonly perAddress: number; readonly together: number } = failedSignIns) {
    this.#clock = clock
    this.#most = most
  }

  /** True while `address` has used up its tries, or all addresses together have. */
  exhausted(address: string): boolean {
    const now = this.#clock.monotonic()
    const own = this.#byAddress.get(groupOf(address))
    return current(this.#all, now) >= this.#most.together || (own !== undefined && current(own, now) >= this.#most.perAddress)
  }

  /** Notes one failure. */
  failed(address: string): void {
    const now = this.#clock.monotonic()
    const group = groupOf(address)
    let own = this.#byAddress.get(group)
    if (own === undefined) {
      if (this.#byAddress.size >= maxAddresses) this.#byAddress.clear()
      own = { start: now, count: 0 }
      this.#byAddress.set(group, own)
    }
    count(own, now)
    count(this.#all, now)
  }
}

function current(window: Window, now: number): number {
  return now - window.start >= windowMs ? 0 : window.count
}

function count(window: Window, now: number): void {
  if (now - window.start >= windowMs) {
    window.start = now
    window.count = 0
  }
  window.count++
}

/** A host commonly owns a whole IPv6 /64, so that counts as one address. */
function groupOf(address: string): string {
  return address.includes(':') && !address.includes('.') ? address.split(':').slice(0, 4).join(':') : address
}
