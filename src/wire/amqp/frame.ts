import { type Malformed, beyondLimit, malformed } from './malformed.ts'

/** What stands on the wire one after the other: protocol headers, and frames. An empty body is a heartbeat. */
export type Frame =
  | { readonly kind: 'header'; readonly protocol: 'amqp' | 'sasl' }
  | { readonly kind: 'frame'; readonly protocol: 'amqp' | 'sasl'; readonly channel: number; readonly body: Buffer }

/** The smallest frame that every peer must take (part 2, section 2.7.1). */
export const minMaxFrameBytes = 512

const maxChunks = 64
const magic = 0x414d5150
const protocols = { amqp: 0, sasl: 3 } as const

/** The protocol header: `AMQP`, what follows, version 1.0.0. */
export function protocolHeader(protocol: 'amqp' | 'sasl'): Buffer {
  return Buffer.from([0x41, 0x4d, 0x51, 0x50, protocols[protocol], 1, 0, 0])
}

/**
 * Cuts bytes into headers and frames. A frame is refused by the size that it states, before any of it is kept. No frame that we take is as long as the
 * letters `AMQP` read as a number, so a header is known from a frame by its first four bytes.
 */
export class FrameReader {
  #chunks: Buffer[] = []
  #length = 0
  #isBroken = false
  /** Largest frame taken, in bytes with its header. */
  maxFrameBytes: number

  constructor(maxFrameBytes: number) {
    this.maxFrameBytes = maxFrameBytes
  }

  /** Bytes that wait for the rest of their frame. */
  get waiting(): number {
    return this.#length
  }

  /** Takes bytes as they came. They are kept until they are read. */
  push(chunk: Buffer): void {
    if (this.#isBroken || chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
    // A peer that sends byte by byte must not make us keep an object for each.
    if (this.#chunks.length >= maxChunks) this.#joined()
  }

  /** The next header or frame; undefined: it is not whole yet. After a malformed one nothing comes any more. */
  next(): Frame | Malformed | undefined {
    if (this.#isBroken || this.#length < 8) return undefined
    const head = this.#peek(8)
    const size = head.readUInt32BE(0)
    const found = size === magic ? this.#header(head) : this.#frame(head, size)
    if (found?.kind === 'malformed') {
      this.#isBroken = true
      this.#chunks = []
      this.#length = 0
    }
    return found
  }

  #header(head: Buffer): Frame | Malformed {
    this.#take(8)
    if (head[5] !== 1 || head[6] !== 0 || head[7] !== 0) return malformed('2.2', 'This is another version of AMQP than 1.0.')
    if (head[4] === protocols.amqp) return { kind: 'header', protocol: 'amqp' }
    if (head[4] === protocols.sasl) return { kind: 'header', protocol: 'sasl' }
    return malformed('2.2', 'This is a protocol that is neither AMQP nor SASL.')
  }

  #frame(head: Buffer, size: number): Frame | Malformed | undefined {
    const words = head[4] ?? 0
    const type = head[5] ?? 0
    if (size < 8 || words < 2 || words * 4 > size)
      return malformed('2.3.1', 'A frame is shorter than its header.', 'amqp:connection:framing-error')
    if (type > 1) return malformed('2.3.1', 'A frame has a type that AMQP 1.0 does not have.', 'amqp:connection:framing-error')
    if (size > this.maxFrameBytes) return beyondLimit('2.3.1', `A frame may have at most ${this.maxFrameBytes} bytes.`)
    if (this.#length < size) return undefined
    const bytes = this.#take(size)
    return {
      kind: 'frame',
      protocol: type === 1 ? 'sasl' : 'amqp',
      channel: type === 1 ? 0 : head.readUInt16BE(6),
      body: bytes.subarray(words * 4),
    }
  }

  #peek(count: number): Buffer {
    const first = this.#chunks[0]
    if (first !== undefined && first.length >= count) return first
    return this.#joined()
  }

  #take(count: number): Buffer {
    const first = this.#chunks[0]
    const whole = first !== undefined && first.length >= count ? first : this.#joined()
    const rest = whole.subarray(count)
    if (rest.length === 0) this.#chunks.shift()
    else this.#chunks[0] = rest
    this.#length -= count
    return whole.subarray(0, count)
  }

  #joined(): Buffer {
    const whole = Buffer.concat(this.#chunks)
    this.#chunks = [whole]
    return whole
  }
}
