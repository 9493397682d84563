/** Identifiers from here on are for deliveries that are none of the session's ({@link DirectDeliveries}), so that the two never ask each other. */
export const firstDirectId = 0xff00

/** Packet identifiers that a session gives out, one after the other. */
export class PacketIds {
  #next = 1

  /** The next one that nobody has. The caller has made sure that there is one. */
  take(taken: { has(packetId: number): boolean }): number {
    while (taken.has(this.#next)) this.given(this.#next)
    const packetId = this.#next
    this.given(packetId)
    return packetId
  }

  /** This one was given out before. */
  given(packetId: number): void {
    this.#next = packetId >= firstDirectId - 1 ? 1 : packetId + 1
  }
}
