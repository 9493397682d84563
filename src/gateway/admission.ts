import { limits } from '#base'

/**
 * Counts peers that have not proven who they are, in all and per address. A stranger over the limit is turned away before TLS costs
 * anything; a peer that has proven itself no longer counts.
 */
export class Admission {
  #strangers = 0
  readonly #byAddress = new Map<string, number>()

  get strangers(): number {
    return this.#strangers
  }

  /** Lets a stranger in and returns how to stop counting it (harmless to call twice), or undefined: no room. */
  enter(address: string): (() => void) | undefined {
    const fromThere = this.#byAddress.get(address) ?? 0
    if (this.#strangers >= limits.unauthenticatedSockets || fromThere >= limits.unauthenticatedSocketsPerAddress) return undefined
    this.#strangers++
    this.#byAddress.set(address, fromThere + 1)
    let counted = true
    return () => {
      if (!counted) return
      counted = false
      this.#strangers--
      const left = (this.#byAddress.get(address) ?? 1) - 1
      if (left === 0) this.#byAddress.delete(address)
      else this.#byAddress.set(address, left)
    }
  }
}
