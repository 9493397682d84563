import { type FrameKind, RingReader, RingWriter, type TakeFrame, ringMemory } from './ring.ts'

/*
 * Both directions between the engine's thread and one worker: two rings, and a message port for the few things that are not bytes. A wake
 * is one message however many frames it announces; while the other side is awake it costs nothing.
 */

/** The shared memory of one channel. `taken[slot]` counts bytes that the socket in that slot has given to its peer, modulo 2^32. */
export type ChannelMemory = {
  readonly toEngine: SharedArrayBuffer
  readonly toWorker: SharedArrayBuffer
  readonly taken: SharedArrayBuffer
}

/** How much one channel may hold. Memory that nobody touched costs nothing. */
export const channelLimits = {
  /** Bytes under way in each direction. */
  ringBytes: 1024 * 1024,
  /** Largest piece of a stream in one frame; longer ones are cut. Above what OpenSSL takes for a whole certificate chain (100 KiB). */
  pieceBytes: 128 * 1024,
  /** Sockets that one worker may have. */
  slots: 1 << 18,
  /** Bytes taken in one turn, so that the rest of a thread's work gets its turn too. */
  turnBytes: 256 * 1024,
} as const

/** Memory for a new channel. */
export function channelMemory(): ChannelMemory {
  return {
    toEngine: ringMemory(channelLimits.ringBytes),
    toWorker: ringMemory(channelLimits.ringBytes),
    taken: new SharedArrayBuffer(channelLimits.slots * 4),
  }
}

/** One word that wakes: there are frames, or there is room again. */
export type Wake = 'frames' | 'room'

const nothing = Buffer.alloc(0)

type Waiting = { readonly kind: FrameKind; readonly slot: number; readonly generation: number; readonly bytes: Uint8Array }

/** One end of a channel: sends frames, and takes those that came. */
export class ChannelEnd {
  readonly #writer: RingWriter
  readonly #reader: RingReader
  readonly #wake: (what: Wake) => void
  readonly #again: (work: () => void) => void
  readonly #take: TakeFrame
  readonly #hasRoom: () => void
  readonly #waiting: Waiting[] = []
  #waitingFrom = 0
  #isOver = false

  /**
   * `ports.wake` sends one word to the other thread; `ports.again` runs work in a later turn of the event loop. `take` gets each frame;
   * `hasRoom` is called when everything that had to wait is on its way.
   */
  constructor(
    memory: { readonly out: SharedArrayBuffer; readonly in: SharedArrayBuffer },
    ports: { wake(what: Wake): void; again(work: () => void): void },
    take: TakeFrame,
    hasRoom: () => void = () => {},
  ) {
    this.#writer = new RingWriter(memory.out)
    this.#reader = new RingReader(memory.in)
    this.#wake = (what) => ports.wake(what)
    this.#again = (work) => ports.again(work)
    this.#take = take
    this.#hasRoom = hasRoom
    this.#reader.sleep()
  }

  /** Frames wait because the ring is full: whoever can should stop producing. */
  get isFull(): boolean {
    return this.#waiting.length > this.#waitingFrom
  }

  /** Sends a frame, after those that wait for room. Bytes longer than a piece are cut into several frames of the same kind. */
  send(kind: FrameKind, slot: number, generation: number, bytes: Uint8Array = nothing): void {
    let from = 0
    do {
      const piece = bytes.length <= channelLimits.pieceBytes ? bytes : bytes.subarray(from, from + channelLimits.pieceBytes)
      from += channelLimits.pieceBytes
      if (this.isFull || !this.#writer.write(kind, slot, generation, piece)) this.#waiting.push({ kind, slot, generation, bytes: piece })
    } while (from < bytes.length)
    if (this.isFull) this.#makeRoom()
    if (this.#writer.mustWake()) this.#wake('frames')
  }

  /** The other thread said `what`. */
  woken(what: Wake): void {
    if (what === 'room') this.#makeRoom()
    else this.#work()
  }

  /** Takes and sends nothing from now on. */
  close(): void {
    this.#isOver = true
  }

  readonly #work = (): void => {
    if (this.#isOver) return
    const more = this.#reader.read(this.#take, channelLimits.turnBytes)
    if (this.#reader.mustTellRoom()) this.#wake('room')
    if (more || !this.#reader.sleep()) this.#again(this.#work)
  }

  #makeRoom(): void {
    if (this.#isOver || !this.isFull) return
    // Asked before trying, so that room made in between is told.
    this.#writer.askForRoom()
    let next = this.#waiting[this.#waitingFrom]
    while (next !== undefined && this.#writer.write(next.kind, next.slot, next.generation, next.bytes))
      next = this.#waiting[++this.#waitingFrom]
    if (next === undefined) {
      this.#waiting.length = 0
      this.#waitingFrom = 0
    } else if (this.#waitingFrom > 1024) {
      this.#waiting.splice(0, this.#waitingFrom)
      this.#waitingFrom = 0
    }
    if (this.#writer.mustWake()) this.#wake('frames')
    if (next === undefined) this.#hasRoom()
  }
}
