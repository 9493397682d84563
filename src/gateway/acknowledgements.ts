import type { Message } from '#broker'
import type { Offset } from '#journal'

/** Who waits for the disk. */
export interface Acknowledged {
  /** Takes one PUBACK to be sent at {@link flushAcknowledgements}. Returns true if it is the first since the last flush. */
  acknowledge(packetId: number, reasonCode: number): boolean
  flushAcknowledgements(): void
}

/*
 * Acknowledgements that wait for the disk, in the order in which their messages came, which is also the order of offsets. Parallel
 * arrays, because this is touched once a message; the head moves and the arrays are cut when they are mostly eaten.
 */
export class Acknowledgements {
  readonly #publish: (message: Message) => void
  #connections: (Acknowledged | undefined)[] = []
  #packetIds: number[] = []
  #codes: number[] = []
  #needs: Offset[] = []
  #messages: (Message | undefined)[] = []
  #head = 0
  readonly #dirty: Acknowledged[] = []

  /** `publish` hands a message to its subscribers once it is durable. */
  constructor(publish: (message: Message) => void) {
    this.#publish = publish
  }

  /** Entries waiting. */
  get waiting(): number {
    return this.#needs.length - this.#head
  }

  /**
   * When everything below `needs` is on disk: sends PUBACK `packetId` with `reasonCode` (0 is success) to `connection`, and publishes
   * `message` if subscribers wait for it. A `packetId` of 0 sends nothing (a will).
   */
  wait(connection: Acknowledged | undefined, packetId: number, reasonCode: number, needs: Offset, message: Message | undefined): void {
    this.#connections.push(connection)
    this.#packetIds.push(packetId)
    this.#codes.push(reasonCode)
    this.#needs.push(needs)
    this.#messages.push(message)
  }

  /** The disk has everything below `end`: one write for each connection, however many of its messages were in the flush. */
  durable(end: Offset): void {
    const total = this.#needs.length
    let head = this.#head
    while (head < total && (this.#needs[head] ?? 0) <= end) {
      const connection = this.#connections[head]
      const packetId = this.#packetIds[head] ?? 0
      if (connection !== undefined && packetId !== 0 && connection.acknowledge(packetId, this.#codes[head] ?? 0))
        this.#dirty.push(connection)
      const message = this.#messages[head]
      if (message !== undefined) this.#publish(message)
      head++
    }
    this.#head = head
    this.#trim(total)
    for (const connection of this.#dirty) connection.flushAcknowledgements()
    this.#dirty.length = 0
  }

  #trim(total: number): void {
    if (this.#head === total) {
      this.#connections = []
      this.#packetIds = []
      this.#codes = []
      this.#needs = []
      this.#messages = []
      this.#head = 0
    } else if (this.#head > 4096) {
      this.#connections.splice(0, this.#head)
      this.#packetIds.splice(0, this.#head)
      this.#codes.splice(0, this.#head)
      this.#needs.splice(0, this.#head)
      this.#messages.splice(0, this.#head)
      this.#head = 0
    }
  }
}
