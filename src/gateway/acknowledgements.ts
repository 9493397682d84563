import type { Message } from '#broker'
import type { Offset } from '#journal'

/** Who waits for the disk. */
export interface Acknowledged {
  /**
   * Takes one acknowledgement to be sent at {@link flushAcknowledgements}: an {@link acknowledgement} number. Returns true if it is the
   * first since the last flush.
   */
  acknowledge(packetId: number, answer: number): boolean
  flushAcknowledgements(): void
}

/** The packets that answer a PUBLISH, as numbers, so that one list holds them all. PUBACK is 0: a plain reason code means PUBACK. */
export const acknowledgement = { puback: 0, pubrec: 0x100, pubrel: 0x200, pubcomp: 0x300 } as const

/** What happens when the disk has it: a message goes to its subscribers, or something else is done. */
export type Then = Message | (() => void) | undefined

/*
 * What waits for the disk, in the order in which it came, which is also the order of offsets. Parallel arrays, because this is touched
 * once a message; the head moves and the arrays are cut when they are mostly eaten.
 */
export class Acknowledgements {
  readonly #publish: (message: Message) => void
  #connections: (Acknowledged | undefined)[] = []
  #packetIds: number[] = []
  #answers: number[] = []
  #needs: Offset[] = []
  #thens: Then[] = []
  #head = 0
  #latest: Offset = 0
  #end: Offset = 0
  readonly #dirty: Acknowledged[] = []

  /** `publish` hands a message to its subscribers once it is durable. */
  constructor(publish: (message: Message) => void) {
    this.#publish = publish
  }

  /** Entries waiting. */
  get waiting(): number {
    return this.#needs.length - this.#head
  }

  /** Every message whose record is below this offset has gone to its subscribers. */
  get routedTo(): Offset {
    return this.waiting === 0 ? this.#end : Math.min(this.#end, (this.#needs[this.#head] ?? 0) - 1)
  }

  /**
   * When everything below `needs` is on disk: sends `answer` ({@link acknowledgement} plus a reason code; 0 is PUBACK, success) for
   * `packetId` to `connection`, and publishes or calls `then`. A `packetId` of 0 sends nothing.
   */
  wait(connection: Acknowledged | undefined, packetId: number, answer: number, needs: Offset, then: Then): void {
    this.#connections.push(connection)
    this.#packetIds.push(packetId)
    this.#answers.push(answer)
    this.#needs.push(needs)
    this.#thens.push(then)
    this.#latest = needs
  }

  /** Calls `then` when everything below `needs` is on disk and all that came before it is done; at once, if so it is. */
  whenDurable(needs: Offset, then: () => void): void {
    // Nothing overtakes: whoever needs less than the last one waits with it.
    if (this.waiting > 0) this.wait(undefined, 0, 0, Math.max(needs, this.#latest), then)
    else if (needs <= this.#end) then()
    else this.wait(undefined, 0, 0, needs, then)
  }

  /** The disk has everything below `end`: one write for each connection, however many of its messages were in the flush. */
  durable(end: Offset): void {
    this.#end = end
    let head = this.#head
    while (head < this.#needs.length && (this.#needs[head] ?? 0) <= end) {
      const connection = this.#connections[head]
      const packetId = this.#packetIds[head] ?? 0
      if (connection !== undefined && packetId !== 0 && connection.acknowledge(packetId, this.#answers[head] ?? 0))
        this.#dirty.push(connection)
      const then = this.#thens[head]
      head++
      // What follows from it may wait for the disk itself, and must find the head where it is.
      this.#head = head
      if (then === undefined) continue
      if (typeof then === 'function') then()
      else this.#publish(then)
    }
    this.#trim()
    for (const connection of this.#dirty) connection.flushAcknowledgements()
    this.#dirty.length = 0
  }

  #trim(): void {
    if (this.#head === this.#needs.length) {
      this.#connections = []
      this.#packetIds = []
      this.#answers = []
      this.#needs = []
      this.#thens = []
      this.#head = 0
    } else if (this.#head > 4096) {
      this.#connections.splice(0, this.#head)
      this.#packetIds.splice(0, this.#head)
      this.#answers.splice(0, this.#head)
      this.#needs.splice(0, this.#head)
      this.#thens.splice(0, this.#head)
      this.#head = 0
    }
  }
}
