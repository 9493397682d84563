import { type Malformed, malformed } from './malformed.ts'

const empty = Buffer.alloc(0)

/**
 * Reads bytes in order, big-endian. The first thing that does not fit is remembered in {@link Cursor.failure}; from then on every read gives a zero
 * or nothing and {@link Cursor.left} is 0, so a decoder may read on and look once, at its end. What it gives are slices, not copies.
 */
export class Cursor {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number
  readonly #parent: Cursor | undefined
  #failure: Malformed | undefined = undefined

  constructor(bytes: Buffer, start = 0, end = bytes.length, parent?: Cursor) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#parent = parent
  }

  /** Why reading stopped, or undefined as long as all is well. */
  get failure(): Malformed | undefined {
    return this.#failure
  }

  /** Bytes not yet read; 0 after a failure. */
  get left(): number {
    return this.#end - this.#at
  }

  /** Stops reading, here and wherever this is a part of. The first reason stays. */
  fail(why: Malformed): void {
    this.#failure ??= why
    this.#at = this.#end
    this.#parent?.fail(why)
  }

  u8(): number {
    return this.#take(1) ? (this.#bytes[this.#at - 1] ?? 0) : 0
  }

  u16(): number {
    return this.#take(2) ? this.#bytes.readUInt16BE(this.#at - 2) : 0
  }

  u32(): number {
    return this.#take(4) ? this.#bytes.readUInt32BE(this.#at - 4) : 0
  }

  /** The next `length` bytes. */
  bytes(length: number): Buffer {
    return this.#take(length) ? this.#bytes.subarray(this.#at - length, this.#at) : empty
  }

  /** What was not read. */
  rest(): Buffer {
    return this.bytes(this.left)
  }

  /** The next `length` bytes as a cursor of their own, for a part that states its size. */
  part(length: number): Cursor {
    return this.#take(length) ? new Cursor(this.#bytes, this.#at - length, this.#at, this) : new Cursor(empty, 0, 0, this)
  }

  #take(count: number): boolean {
    if (count > this.#end - this.#at) {
      this.fail(malformed('1.2', 'A value ends before it is complete.'))
      return false
    }
    this.#at += count
    return this.#failure === undefined
  }
}
