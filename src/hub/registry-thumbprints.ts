import type { DeviceId } from '#base'

/** Who accepts which certificate, by SHA-256 thumbprint. Guards that an identity that is taken out leaves nothing behind. */
export class Thumbprints {
  readonly #byPrint = new Map<string, readonly DeviceId[]>()

  /** Every identity that accepts a certificate with this thumbprint. */
  with(print: string): readonly DeviceId[] {
    return this.#byPrint.get(print) ?? []
  }

  add(identity: DeviceId, prints: readonly string[]): void {
    for (const print of prints) this.#byPrint.set(print, [...this.with(print).filter((id) => id !== identity), identity])
  }

  drop(identity: DeviceId, prints: readonly string[]): void {
    for (const print of prints) {
      const left = this.with(print).filter((id) => id !== identity)
      if (left.length === 0) this.#byPrint.delete(print)
      else this.#byPrint.set(print, left)
    }
  }
}
