import type { Clock } from '#base'
import { provisioningLimits } from './limits.ts'

const windowMs = 60_000

type Window = { start: number; count: number; untold: number }

/** Counts failed proofs by address, so that a guesser does not use our time, and so that a flood of them is told of as one. */
export class Attempts {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #windows = new Map<string, Window>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** True while this address has used up its tries. */
  exhausted(address: string): boolean {
    return this.#window(address).count >= provisioningLimits.attemptsPerAddress
  }

  /** Notes one failure. Returns how many are to be told of now, this one included; 0: not now. The first of a minute is told at once, and then each tenth. */
  failed(address: string): number {
    const window = this.#window(address)
    window.count++
    window.untold++
    if (window.count !== 1 && window.count % 10 !== 0) return 0
    const told = window.untold
    window.untold = 0
    return told
  }

  #window(address: string): Window {
    const now = this.#clock.monotonic()
    const known = this.#windows.get(address)
    if (known !== undefined && now - known.start < windowMs) return known
    // A flood of addresses costs the memory of the oldest.
    for (const oldest of this.#windows.size >= provisioningLimits.countedAddresses ? this.#windows.keys() : [])
      if (this.#windows.delete(oldest)) break
    const fresh = { start: now, count: 0, untold: known?.untold ?? 0 }
    this.#windows.delete(address)
    this.#windows.set(address, fresh)
    return fresh
  }
}
