/*
 * Frames between two threads through shared memory: one writes, one reads, nobody locks. A frame is a kind, who it is about (slot and
 * generation) and bytes, copied in and copied out; frames leave in the order in which they came.
 *
 * Both ends count bytes since the beginning, modulo 2^32; the difference of the two counts is what waits. Each end stores only its own
 * count, with Atomics, after the bytes that it speaks of: so the other end never sees a count ahead of its bytes.
 *
 * Sleeping works without a lock because each side announces before it looks again: a reader that found nothing says that it sleeps and
 * looks once more; a writer publishes and then asks whether the reader sleeps. Room works the same the other way round.
 */

/** What a frame says; the numbers are for the two ends to agree on, 0 to 255. */
export type FrameKind = number

/** Called for each frame. `bytes` is a copy that belongs to the callee. */
export type TakeFrame = (kind: FrameKind, slot: number, generation: number, bytes: Buffer) => void

/** Bytes in front of each frame's own: how many follow, kind and slot, generation. */
export const frameHeadBytes = 12
/** Slots that a frame can name. */
export const maxSlots = 1 << 24

// Words on cache lines of their own: each is written by one side alone, and polled by the other.
const written = 0
const taken = 16
const readerSleeps = 32
const writerWaits = 48
const controlBytes = 256

/** Memory for a ring that holds `capacity` bytes, a power of two from 1 KiB to 1 GiB. */
export function ringMemory(capacity: number): SharedArrayBuffer {
  if (capacity < 1024 || capacity > 2 ** 30 || (capacity & (capacity - 1)) !== 0) throw new Error('bug: a ring needs a power of two')
  return new SharedArrayBuffer(controlBytes + capacity)
}

/** Bytes that a frame takes in a ring: its head, and its own rounded up to whole words. */
export function frameBytes(payloadBytes: number): number {
  return frameHeadBytes + ((payloadBytes + 3) & ~3)
}

/** The end that writes. There may be one. */
export class RingWriter {
  readonly #control: Int32Array
  readonly #words: Uint32Array
  readonly #bytes: Uint8Array
  readonly #mask: number
  readonly capacity: number
  #written: number

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, controlBytes / 4)
    this.#words = new Uint32Array(memory, controlBytes)
    this.#bytes = new Uint8Array(memory, controlBytes)
    this.capacity = this.#bytes.length
    this.#mask = this.capacity - 1
    this.#written = Atomics.load(this.#control, written) >>> 0
  }

  /** Bytes of frames that would fit now. */
  get free(): number {
    return this.capacity - ((this.#written - Atomics.load(this.#control, taken)) >>> 0)
  }

  /** Copies a frame in. False: no room now, nothing was written. A frame that could never fit is a bug of the caller. */
  write(kind: FrameKind, slot: number, generation: number, bytes: Uint8Array): boolean {
    const size = frameBytes(bytes.length)
    if (size > this.capacity || slot >= maxSlots || kind > 255) throw new Error('bug: a frame that no ring could carry')
    if (size > this.free) return false
    let at = this.#written
    const words = this.#words
    const mask = this.#mask
    words[(at & mask) >>> 2] = bytes.length
    words[((at + 4) & mask) >>> 2] = ((kind << 24) | slot) >>> 0
    words[((at + 8) & mask) >>> 2] = generation
    at = (at + frameHeadBytes) & mask
    const first = Math.min(bytes.length, this.capacity - at)
    if (first === bytes.length) this.#bytes.set(bytes, at)
    else {
      this.#bytes.set(bytes.subarray(0, first), at)
      this.#bytes.set(bytes.subarray(first), 0)
    }
    this.#written = (this.#written + size) >>> 0
    Atomics.store(this.#control, written, this.#written | 0)
    return true
  }

  /** True, once, when the reader went to sleep: whoever asks must wake it. */
  mustWake(): boolean {
    return Atomics.load(this.#control, readerSleeps) === 1 && Atomics.exchange(this.#control, readerSleeps, 0) === 1
  }

  /** Asks to be told when the reader has made room. */
  askForRoom(): void {
    Atomics.store(this.#control, writerWaits, 1)
  }
}

/** The end that reads. There may be one. */
export class RingReader {
  readonly #control: Int32Array
  readonly #words: Uint32Array
  readonly #bytes: Uint8Array
  readonly #mask: number
  #taken: number

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, controlBytes / 4)
    this.#words = new Uint32Array(memory, controlBytes)
    this.#bytes = new Uint8Array(memory, controlBytes)
    this.#mask = this.#bytes.length - 1
    this.#taken = Atomics.load(this.#control, taken) >>> 0
  }

  /** Takes frames until none is left or `budget` bytes are exceeded. True: there may be more. */
  read(take: TakeFrame, budget: number): boolean {
    let left = budget
    while (left > 0) {
      if (Atomics.load(this.#control, written) >>> 0 === this.#taken) return false
      left -= this.#one(take)
    }
    return true
  }

  /** Says that nobody looks from now on. False: something came in between, so look again. */
  sleep(): boolean {
    Atomics.store(this.#control, readerSleeps, 1)
    if (Atomics.load(this.#control, written) >>> 0 === this.#taken) return true
    // A writer that saw us asleep in between has sent a wake; one too many is harmless.
    Atomics.store(this.#control, readerSleeps, 0)
    return false
  }

  /** True, once, when the writer waits for room: whoever asks must tell it. */
  mustTellRoom(): boolean {
    return Atomics.load(this.#control, writerWaits) === 1 && Atomics.exchange(this.#control, writerWaits, 0) === 1
  }

  #one(take: TakeFrame): number {
    const words = this.#words
    const mask = this.#mask
    const from = this.#taken
    const length = words[(from & mask) >>> 2] ?? 0
    const what = words[((from + 4) & mask) >>> 2] ?? 0
    const generation = words[((from + 8) & mask) >>> 2] ?? 0
    const at = (from + frameHeadBytes) & mask
    const bytes = Buffer.allocUnsafe(length)
    const first = Math.min(length, this.#bytes.length - at)
    if (first === length) bytes.set(this.#bytes.subarray(at, at + length))
    else {
      bytes.set(this.#bytes.subarray(at), 0)
      bytes.set(this.#bytes.subarray(0, length - first), first)
    }
    const size = frameBytes(length)
    // Before `take`, which may throw: what was copied out is taken.
    this.#taken = (from + size) >>> 0
    Atomics.store(this.#control, taken, this.#taken | 0)
    take(what >>> 24, what & (maxSlots - 1), generation, bytes)
    return size
  }
}
