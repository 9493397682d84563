// Room for the longest fixed header, which is written last, when the length is known.
const headerRoom = 5
const maxRemaining = 268_435_455

/** Bytes that a number takes as a Variable Byte Integer. Throws when it is too large, which is our bug. */
export function varintBytes(value: number): 1 | 2 | 3 | 4 {
  if (value < 0 || value > maxRemaining) throw new Error(`bug: ${value} does not fit a variable byte integer`)
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

/** Writes a Variable Byte Integer and returns the position after it. */
export function writeVarint(into: Buffer, at: number, value: number): number {
  let left = value
  let to = at
  while (left > 0x7f) {
    into[to++] = (left & 0x7f) | 0x80
    left >>>= 7
  }
  into[to++] = left
  return to
}

/**
 * Builds one packet's bytes. What is written is ours, so what cannot be written (a string of more than 65,535 bytes or with U+0000,
 * a number out of range) is our bug and throws.
 */
export class Writer {
  #bytes: Buffer
  #at = headerRoom

  /** `expected` is a guess of the size; the writer grows when it is wrong. */
  constructor(expected = 128) {
    this.#bytes = Buffer.allocUnsafe(expected + headerRoom)
  }

  u8(value: number): this {
    const at = this.#room(1)
    this.#bytes.writeUInt8(value, at)
    return this
  }

  u16(value: number): this {
    const at = this.#room(2)
    this.#bytes.writeUInt16BE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#room(4)
    this.#bytes.writeUInt32BE(value, at)
    return this
  }

  varint(value: number): this {
    const at = this.#room(varintBytes(value))
    writeVarint(this.#bytes, at, value)
    return this
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  /** Binary Data: length and bytes. */
  binary(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes)
  }

  /** UTF-8 Encoded String. A lone surrogate, which no decoder of ours lets in, becomes U+FFFD. */
  utf8(text: string): this {
    if (text.includes('\0')) throw new Error('bug: a string for the wire holds U+0000')
    const length = Buffer.byteLength(text)
    this.u16(length)
    const at = this.#room(length)
    this.#bytes.write(text, at, length, 'utf8')
    return this
  }

  /** A packet identifier, 1..65,535. */
  packetId(id: number | undefined): this {
    if (id === undefined || id === 0) throw new Error('bug: a packet identifier is missing')
    return this.u16(id)
  }

  /** What has been written, without a fixed header. */
  body(): Buffer {
    return this.#bytes.subarray(headerRoom, this.#at)
  }

  /** What has been written, with a fixed header before it. `trailing` bytes that follow elsewhere count into its length. */
  packet(firstByte: number, trailing = 0): Buffer {
    const remaining = this.#at - headerRoom + trailing
    const start = headerRoom - 1 - varintBytes(remaining)
    this.#bytes[start] = firstByte
    writeVarint(this.#bytes, start + 1, remaining)
    return this.#bytes.subarray(start, this.#at)
  }

  #room(count: number): number {
    const at = this.#at
    this.#at += count
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    return at
  }
}
