import { limits } from './limits.ts'
import { Malformed } from './malformed.ts'

/** Reads a structure in order, big-endian (part 2, section 4). Guards the position: nothing is read twice, and nothing may be left. */
export class Cursor {
  readonly #bytes: Buffer
  #at = 0

  /** Throws {@link Malformed} for more bytes than any structure of ours has. */
  constructor(bytes: Buffer, maxBytes: number = limits.structureBytes) {
    if (bytes.length > maxBytes) throw new Malformed(`it is larger than ${maxBytes} bytes`)
    this.#bytes = bytes
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.bytes(1).readUInt8(0)
  }

  u16(): number {
    return this.bytes(2).readUInt16BE(0)
  }

  u32(): number {
    return this.bytes(4).readUInt32BE(0)
  }

  u64(): bigint {
    return this.bytes(8).readBigUInt64BE(0)
  }

  /** The next `count` bytes; shares memory. */
  bytes(count: number): Buffer {
    if (count > this.left) throw new Malformed('it is cut off')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  /** A part with its length before it (TPM2B), at most `maxBytes`. */
  sized(maxBytes: number = limits.partBytes): Buffer {
    const length = this.u16()
    if (length > maxBytes) throw new Malformed(`a part is longer than ${maxBytes} bytes`)
    return this.bytes(length)
  }

  /** Everything that is left. */
  rest(): Buffer {
    return this.bytes(this.left)
  }

  /** Refuses what follows the end. */
  finish(): void {
    if (this.left > 0) throw new Malformed('bytes follow its end')
  }
}

/** 16 bits, big-endian. */
export function u16(value: number): Buffer {
  const out = Buffer.alloc(2)
  out.writeUInt16BE(value)
  return out
}

/** 32 bits, big-endian. */
export function u32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out
}

/** A part with its length before it (TPM2B). */
export function sized(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([u16(body.length), body])
}
