import { createHash, timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'

/**
 * Bytes that must not leak. Printing, JSON and inspection give `[secret]`; the bytes are lent by {@link Secret.use}
 * and zeroed by disposal. Redaction lives in the type, so no log filter has to know about it.
 */
export class Secret implements Disposable {
  readonly #bytes: Buffer

  /** Takes ownership: `bytes` is zeroed when this secret is disposed of. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Lends the bytes for the length of the call; they must not be kept. */
  use<T>(work: (bytes: Buffer) => T): T {
    return work(this.#bytes)
  }

  /** Compares digests in constant time: `timingSafeEqual` throws on unequal lengths, and that throw is a timing leak. */
  equals(other: Uint8Array): boolean {
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
    return timingSafeEqual(digest(this.#bytes), digest(other))
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }

  [Symbol.dispose](): void {
    this.#bytes.fill(0)
  }
}
