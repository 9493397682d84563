import { isUtf8 } from 'node:buffer'
import { type Malformed, malformed } from './malformed.ts'

const nothing = Buffer.alloc(0)

/** Where a run of bytes stops being plain ASCII: at a byte of 0x80 or more, or at U+0000. `end` if it never does. */
function plainUntil(bytes: Buffer, start: number, end: number): number {
  let at = start
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte === 0 || byte >= 0x80) break
  }
  return at
}

/**
 * Decodes a string that the standard calls a UTF-8 Encoded String (without its length). Returns `undefined` when it is not
 * well-formed [MQTT-1.5.4-1] or holds U+0000 [MQTT-1.5.4-2]. U+FEFF is kept wherever it stands [MQTT-1.5.4-3].
 */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string | undefined {
  const stop = plainUntil(bytes, start, end)
  if (stop === end) return bytes.toString('latin1', start, end)
  const rest = bytes.subarray(stop, end)
  // isUtf8 refuses overlong forms and surrogates; the ASCII before `stop` needs no second look.
  if (rest.includes(0) || !isUtf8(rest)) return undefined
  return bytes.toString('utf8', start, end)
}

/** Whether `text` holds a control character (C0, DEL or C1), which a receiver may refuse (MQTT 5 section 1.5.4). */
export function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) return true
  }
  return false
}

/**
 * Reads a packet's fields in order. The first thing that does not fit is remembered in {@link Cursor.failure}; from then on every
 * read gives a zero or an empty value and {@link Cursor.left} is 0, so a decoder may read on and look once, at its end.
 */
export class Cursor {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number
  #failure: Malformed | undefined = undefined

  /** Reads `bytes` from `start` up to but not including `end`, which must lie within them. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Why reading stopped, or `undefined` as long as all is well. The first reason stays. */
  get failure(): Malformed | undefined {
    return this.#failure
  }

  /** Bytes not yet read; 0 after a failure. */
  get left(): number {
    return this.#end - this.#at
  }

  /** Stops reading for a reason of the caller's. */
  fail(why: Malformed): void {
    this.#failure ??= why
    this.#at = this.#end
  }

  /** Fails unless everything has been read. */
  finish(clause: string): Malformed | undefined {
    if (this.#at < this.#end) this.fail(malformed(clause, 'The packet goes on after its last field.'))
    return this.#failure
  }

  /** One byte. */
  u8(): number {
    return this.#take(1) ? (this.#bytes[this.#at - 1] ?? 0) : 0
  }

  /** Two Byte Integer, big-endian. */
  u16(): number {
    return this.#take(2) ? this.#bytes.readUInt16BE(this.#at - 2) : 0
  }

  /** Four Byte Integer, big-endian. */
  u32(): number {
    return this.#take(4) ? this.#bytes.readUInt32BE(this.#at - 4) : 0
  }

  /** Variable Byte Integer: at most four bytes, and no more than needed [MQTT-1.5.5-1]. */
  varint(): number {
    let value = 0
    for (let i = 0; i < 4; i++) {
      const byte = this.u8()
      value += (byte & 0x7f) * 128 ** i
      if (byte & 0x80) continue
      if (byte === 0 && i > 0) this.fail(malformed('MQTT-1.5.5-1', 'A length is written with more bytes than it needs.'))
      return this.#failure === undefined ? value : 0
    }
    this.fail(malformed('MQTT-1.5.5', 'A length has more than four bytes.'))
    return 0
  }

  /** A Packet Identifier, which is never 0 [MQTT-2.2.1-3]. */
  packetId(): number {
    const id = this.u16()
    if (id === 0) this.fail(malformed('MQTT-2.2.1-3', 'A packet identifier must not be 0.'))
    return id
  }

  /** Binary Data: two bytes of length, then a slice of that many bytes (not a copy). */
  binary(): Buffer {
    const length = this.u16()
    return this.#take(length) ? this.#bytes.subarray(this.#at - length, this.#at) : nothing
  }

  /** UTF-8 Encoded String. */
  utf8(): string {
    const length = this.u16()
    if (!this.#take(length)) return ''
    const text = decodeUtf8(this.#bytes, this.#at - length, this.#at)
    if (text !== undefined) return text
    this.fail(malformed('MQTT-1.5.4-1', 'A string is not well-formed UTF-8, or holds U+0000.'))
    return ''
  }

  /** A string that names something: UTF-8 without control characters, so that it can be logged and compared as it is seen. */
  name(): string {
    const text = this.utf8()
    if (!hasControlCharacter(text)) return text
    this.fail(malformed('MQTT-1.5.4', 'A name holds a control character.'))
    return ''
  }

  /** The next `length` bytes as a cursor of their own, for a part that states its size. */
  part(length: number): Cursor {
    return this.#take(length) ? new Cursor(this.#bytes, this.#at - length, this.#at) : new Cursor(nothing, 0, 0)
  }

  #take(count: number): boolean {
    if (count > this.#end - this.#at) {
      this.fail(malformed('MQTT-4.13.1-1', 'The packet ends before its fields do.'))
      return false
    }
    this.#at += count
    return this.#failure === undefined
  }
}
