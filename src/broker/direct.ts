import type { Link } from './link.ts'
import type { Message } from './message.ts'
import type { Outgoing } from './outgoing.ts'
import { firstDirectId } from './packet-ids.ts'

// As many as a queue of messages to a device holds (azure-wire 2.8), with room for those that came back to it unanswered.
const maxInflight = 128

/** What became of a message that was to leave. */
export type DirectlySent = 'sent' | 'gone' | 'too-large'

/*
 * Messages of QoS 1 for one connection: what they carry waits elsewhere (a queue with locks of its own), so nothing about them is the
 * session's. They are in no checkpoint, are not sent again, and are forgotten when the connection ends. They share the client's Receive
 * Maximum with everything else that is sent to it: whoever sends takes a place first.
 */
export class DirectDeliveries {
  readonly #outgoing: Outgoing
  /** By packet identifier: what to do when the client has answered. */
  readonly #inflight = new Map<number, (reasonCode: number) => void>()
  #next = firstDirectId
  #link: Link | undefined

  constructor(outgoing: Outgoing, link: Link) {
    this.#outgoing = outgoing
    this.#link = link
  }

  /** Takes a place in the client's window. False: there is none now, and `free` is called once when there may be. */
  takePlace(free: () => void): boolean {
    return this.#link !== undefined && this.#inflight.size < maxInflight && this.#outgoing.window.take(free)
  }

  /** Gives back a place that is not needed after all. */
  givePlace(): void {
    if (this.#link !== undefined) this.#outgoing.givePlace()
  }

  /** Sends a message on a place that was taken; if it does not leave, the place is given back. `answered` is called with the PUBACK's reason code. */
  send(message: Message, dup: boolean, subscriptions: readonly number[], answered: (reasonCode: number) => void): DirectlySent {
    if (this.#link === undefined) return 'gone'
    // A session that an earlier release left behind may have such identifiers in flight.
    const others = this.#outgoing.inflight()
    while (this.#inflight.has(this.#next) || others.has(this.#next)) this.#advance()
    const packetId = this.#next
    this.#advance()
    this.#inflight.set(packetId, answered)
    if (this.#link.deliver(message, 1, packetId, false, dup, subscriptions)) return 'sent'
    this.#inflight.delete(packetId)
    this.givePlace()
    return 'too-large'
  }

  /** PUBACK. False: this identifier is none of ours. */
  acknowledge(packetId: number, reasonCode: number): boolean {
    const answered = this.#inflight.get(packetId)
    if (answered === undefined) return false
    this.#inflight.delete(packetId)
    answered(reasonCode)
    this.givePlace()
    return true
  }

  /** The connection is gone; nobody is told of what was in flight. */
  detach(): void {
    this.#link = undefined
    this.#inflight.clear()
  }

  #advance(): void {
    this.#next = this.#next === 0xffff ? firstDirectId : this.#next + 1
  }
}
