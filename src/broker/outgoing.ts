import type { Instant } from '#base'
import { type Delivery, newDelivery, noIdentifiers } from './delivery.ts'
import type { Link } from './link.ts'
import { type Message, isExpired, keep } from './message.ts'
import { PacketIds, firstDirectId } from './packet-ids.ts'
import type { DropReason } from './ports.ts'
import type { QueueBudget } from './queue-budget.ts'
import type { SessionLimits } from './session-limits.ts'
import { Window } from './window.ts'

/*
 * What one client still has to get. Two places: the queue, in order, and what is in flight, by packet identifier in the order of
 * sending. The client's Receive Maximum bounds the window, limits bound the queue, and the bytes in flight are bounded like the queue's.
 *
 * Exactly once over a crash needs two records of a stored session: which identifier a QoS 2 message has, before its PUBLISH leaves, and
 * that PUBREC came, before PUBREL leaves. Everything else may be forgotten: QoS 1 may come twice.
 */

/** What a delivery machine asks of its session. */
export type OutgoingHost = {
  readonly limits: SessionLimits
  readonly isStored: boolean
  now(): Instant
  /** Records a step of a QoS 2 message; -1: the journal has no room. */
  recordStep(kind: 'qos2-sent' | 'qos2-pubrec' | 'qos2-completed', packetId: number, offset: number): number
  whenDurable(offset: number, then: () => void): void
  /** This message needs nothing more from this session. */
  settled(delivery: Delivery): void
  dropped(reason: DropReason): void
}

/** See the theory of operation above. */
export class Outgoing {
  readonly #host: OutgoingHost
  readonly #budget: QueueBudget
  #link: Link | undefined
  readonly window = new Window()
  readonly #packetIds = new PacketIds()
  readonly #inflight = new Map<number, Delivery>()
  #inflightBytes = 0
  #queue: Delivery[] = []
  #head = 0
  #queuedBytes = 0
  /** What was in flight when this link came, to be sent again. */
  #again: [packetId: number, delivery: Delivery][] = []
  #isRepeating = false

  constructor(host: OutgoingHost, budget: QueueBudget) {
    this.#host = host
    this.#budget = budget
  }

  /** Messages waiting, or sent and not acknowledged. */
  get backlog(): number {
    return this.#inflight.size + this.#queue.length - this.#head
  }

  /** Whether a message given now would leave now. */
  get hasRoom(): boolean {
    return this.#link !== undefined && this.#head === this.#queue.length && this.#again.length === 0 && this.#canLaunch()
  }

  /** What waits, in order. */
  *queued(): Iterable<Delivery> {
    for (let at = this.#head; at < this.#queue.length; at++) {
      const delivery = this.#queue[at]
      if (delivery !== undefined) yield delivery
    }
  }

  /** What is in flight by packet identifier, in order of sending. */
  inflight(): ReadonlyMap<number, Delivery> {
    return this.#inflight
  }

  /** Connects, and sends again what was not acknowledged, DUP set, in the order of old [MQTT-4.4.0-1, MQTT-4.6.0-1], then what waits. */
  attach(link: Link, window: number): void {
    this.#link = link
    this.window.open(window)
    this.#again = [...this.#inflight]
    this.#pump()
  }

  /** The client is away; everything stays. */
  detach(): void {
    this.#link = undefined
    this.#again = []
    this.window.close()
  }

  /** Gives back a place that was taken in the window for what is none of the session's. */
  givePlace(): void {
    this.window.used--
    this.#pump()
  }

  /** Sends or queues one message at QoS 1 or 2. `shared` is the shared subscription that it came by. */
  send(message: Message, qos: 1 | 2, retain: boolean, identifiers: readonly number[], shared: string | undefined): void {
    const delivery = newDelivery(keep(message), qos, retain, identifiers, shared)
    if (this.hasRoom) {
      // The disk took so long [MQTT-3.3.2-5].
      if (isExpired(message, this.#host.now())) return this.#giveUp(delivery, 'expired')
      if (!this.#budget.fits(delivery.bytes)) return this.#giveUp(delivery, 'queue-full')
      this.#budget.take(delivery.bytes)
      return this.#launch(delivery)
    }
    this.enqueue(delivery)
    this.#pump()
  }

  /** Puts a delivery at the end of the queue, as its limits allow. */
  enqueue(delivery: Delivery): void {
    const { queueMessages, queueBytes, queueStrategy } = this.#host.limits
    const isFull = () =>
      this.#queue.length - this.#head >= queueMessages ||
      this.#queuedBytes + delivery.bytes > queueBytes ||
      !this.#budget.fits(delivery.bytes)
    while (isFull()) {
      const oldest = queueStrategy === 'DropOldest' ? this.#shift() : undefined
      if (oldest === undefined) return this.#giveUp(delivery, 'queue-full')
      this.#budget.take(-oldest.bytes)
      this.#giveUp(oldest, 'queue-full')
    }
    this.#queue.push(delivery)
    this.#queuedBytes += delivery.bytes
    this.#budget.take(delivery.bytes)
  }

  /** For a start: what had its place before the process ended has it again, whatever it was called then; only all queues together are bounded. */
  putBack(delivery: Delivery): void {
    if (!this.#budget.fits(delivery.bytes)) return this.#giveUp(delivery, 'queue-full')
    this.#queue.push(delivery)
    this.#queuedBytes += delivery.bytes
    this.#budget.take(delivery.bytes)
  }

  /** PUBACK. An identifier that is not in flight at QoS 1 is ignored, as both versions allow. */
  acknowledge(packetId: number): void {
    const delivery = this.#inflight.get(packetId)
    if (delivery?.qos !== 1) return
    this.#remove(packetId, delivery)
    this.#host.settled(delivery)
    this.#pump()
  }

  /** PUBREC: PUBREL follows once this is on disk. A reason of 0x80 or more ends the flow [MQTT-4.3.3-4]; so does no such message. */
  received(packetId: number, reasonCode: number): void {
    const delivery = this.#inflight.get(packetId)
    if (delivery?.qos !== 2 || delivery.phase === 'leaving') {
      if (reasonCode < 0x80) this.#link?.release(packetId, false)
      return
    }
    if (delivery.phase === 'sent') {
      if (reasonCode >= 0x80) return this.#finish(packetId, delivery)
      this.#becomeReleased(packetId, delivery)
    }
    this.#release(packetId, delivery)
  }

  /** PUBCOMP, whatever it says: the message is done. */
  completed(packetId: number): void {
    const delivery = this.#inflight.get(packetId)
    if (delivery?.phase === 'released') this.#finish(packetId, delivery)
  }

  /**
   * Gives up what `refused` says, waiting or in flight, and returns how many. What this connection was sent is left alone. A QoS 2 message
   * that an earlier one was sent loses its content and ends by PUBREL: its identifier must not mean another message before that. `left` is
   * what came by a shared subscription and another member may get; it is not counted, and nobody was told of it.
   */
  drop(reason: DropReason, refused: (message: Message) => boolean): { readonly count: number; readonly left: readonly Delivery[] } {
    let count = 0
    const left: Delivery[] = []
    const part = (delivery: Delivery) => {
      if (delivery.shared !== undefined) return void left.push(delivery)
      this.#giveUp(delivery, reason)
      count++
    }
    for (const [packetId, delivery] of this.#inflight) {
      const isHere = delivery.phase === 'sent' && this.#link !== undefined && delivery.link === this.#link
      if (isHere || delivery.message === undefined || !refused(delivery.message)) continue
      if (delivery.qos === 2 && delivery.phase === 'sent') {
        this.#becomeReleased(packetId, delivery)
        this.#host.dropped(reason)
        count++
        continue
      }
      const { message } = delivery
      this.#remove(packetId, delivery)
      if (delivery.qos === 2) this.#record('qos2-completed', packetId, delivery.offset)
      part({ ...delivery, message })
    }
    const kept: Delivery[] = []
    for (const delivery of this.queued()) {
      if (delivery.message === undefined || !refused(delivery.message)) kept.push(delivery)
      else {
        this.#queuedBytes -= delivery.bytes
        this.#budget.take(-delivery.bytes)
        part(delivery)
      }
    }
    this.#queue = kept
    this.#head = 0
    if (count + left.length > 0) this.#pump()
    return { count, left }
  }

  /** Empties everything because the session ends; returns what another member of a shared subscription may get [MQTT-4.8.2-5, -6]. */
  clear(): readonly Delivery[] {
    const left = [...this.#inflight.values()].filter((delivery) => delivery.qos === 1 || delivery.phase === 'leaving')
    const all = [...left, ...this.queued()].filter((delivery) => delivery.shared !== undefined && delivery.message !== undefined)
    this.#budget.take(-(this.#queuedBytes + this.#inflightBytes))
    this.#inflight.clear()
    this.#queue = []
    this.#head = 0
    this.#queuedBytes = 0
    this.#inflightBytes = 0
    return all
  }

  /** For a start: puts a delivery in flight as it was. */
  restore(packetId: number, delivery: Delivery): void {
    delivery.phase = 'sent'
    delivery.recorded = 0
    this.#inflightBytes += delivery.bytes
    this.#budget.take(delivery.bytes)
    this.#putInFlight(packetId, delivery)
  }

  /** For a start: a QoS 2 message whose PUBREC had come. */
  restoreReleased(packetId: number, stored: { readonly offset: number; readonly retain: boolean }): void {
    const { offset, retain } = stored
    const released = { message: undefined, bytes: 0, qos: 2, identifiers: noIdentifiers, shared: undefined, link: undefined } as const
    this.#putInFlight(packetId, { ...released, offset, retain, phase: 'released', recorded: 0 })
  }

  #canLaunch(): boolean {
    return (
      this.window.hasPlace &&
      this.#inflight.size < firstDirectId - 1 &&
      (this.#inflightBytes < this.#host.limits.queueBytes || this.window.used === 0)
    )
  }

  #pump(): void {
    this.#sendAgain()
    this.window.serve()
    // A link may end, and be gone, in the middle of this.
    while (this.#link !== undefined && this.#again.length === 0 && this.#canLaunch()) {
      const delivery = this.#shift()
      if (delivery === undefined) return
      if (delivery.message !== undefined && isExpired(delivery.message, this.#host.now())) {
        this.#budget.take(-delivery.bytes)
        this.#giveUp(delivery, 'expired')
      } else this.#launch(delivery)
    }
  }

  #sendAgain(): void {
    // What is sent again may be over at once, and then asks for more.
    if (this.#isRepeating) return
    this.#isRepeating = true
    let done = 0
    for (const [packetId, delivery] of this.#again) {
      const isGone = this.#inflight.get(packetId) !== delivery
      if (!isGone && delivery.phase !== 'released' && !this.window.hasPlace) break
      done++
      if (!isGone) this.#repeat(packetId, delivery)
      if (this.#link === undefined) break
    }
    if (done > 0) this.#again.splice(0, done)
    this.#isRepeating = false
  }

  #repeat(packetId: number, delivery: Delivery): void {
    if (delivery.phase === 'released') return this.#release(packetId, delivery)
    this.window.used++
    delivery.link = this.#link
    if (delivery.phase === 'leaving') this.#depart(packetId, delivery)
    else this.#deliver(packetId, delivery, true)
  }

  /** Gives a packet identifier to a delivery that the budget has counted, and sends it. */
  #launch(delivery: Delivery): void {
    const packetId = this.#packetIds.take(this.#inflight)
    this.#inflight.set(packetId, delivery)
    this.#inflightBytes += delivery.bytes
    this.window.used++
    delivery.link = this.#link
    if (delivery.qos === 2 && this.#host.isStored) {
      delivery.phase = 'leaving'
      this.#depart(packetId, delivery)
    } else {
      delivery.phase = 'sent'
      this.#deliver(packetId, delivery, false)
    }
  }

  /** Sends a QoS 2 message once the disk knows its identifier. */
  #depart(packetId: number, delivery: Delivery): void {
    const link = this.#link
    if (delivery.recorded < 0) delivery.recorded = this.#record('qos2-sent', packetId, delivery.offset)
    const go = () => {
      if (this.#link !== link || this.#inflight.get(packetId) !== delivery || delivery.phase !== 'leaving') return
      if (delivery.message !== undefined && isExpired(delivery.message, this.#host.now())) {
        this.#giveUp(delivery, 'expired')
        return this.#finish(packetId, delivery)
      }
      delivery.phase = 'sent'
      this.#deliver(packetId, delivery, false)
    }
    if (delivery.recorded >= 0) this.#host.whenDurable(delivery.recorded, go)
    else if (!this.#host.isStored) go()
  }

  #deliver(packetId: number, delivery: Delivery, dup: boolean): void {
    const { message, qos, retain, identifiers } = delivery
    if (message === undefined || this.#link === undefined) return
    if (this.#link.deliver(message, qos, packetId, retain, dup, identifiers)) return
    this.#host.dropped('too-large')
    this.#remove(packetId, delivery)
    if (qos === 2) this.#record('qos2-completed', packetId, delivery.offset)
    this.#host.settled(delivery)
  }

  #release(packetId: number, delivery: Delivery): void {
    const link = this.#link
    if (delivery.recorded < 0 && this.#host.isStored) delivery.recorded = this.#record('qos2-pubrec', packetId, delivery.offset)
    if (delivery.recorded < 0) {
      if (!this.#host.isStored) link?.release(packetId, true)
      return
    }
    this.#host.whenDurable(delivery.recorded, () => {
      if (this.#link === link && this.#inflight.get(packetId) === delivery) link?.release(packetId, true)
    })
  }

  #becomeReleased(packetId: number, delivery: Delivery): void {
    delivery.phase = 'released'
    this.#shrink(delivery)
    // At the end: PUBRELs are sent again in the order of their PUBRECs.
    this.#inflight.delete(packetId)
    this.#inflight.set(packetId, delivery)
    delivery.recorded = this.#record('qos2-pubrec', packetId, delivery.offset)
  }

  /** Ends a QoS 2 flow. */
  #finish(packetId: number, delivery: Delivery): void {
    this.#remove(packetId, delivery)
    this.#record('qos2-completed', packetId, delivery.offset)
    this.#pump()
  }

  #record(kind: 'qos2-sent' | 'qos2-pubrec' | 'qos2-completed', packetId: number, offset: number): number {
    if (!this.#host.isStored) return -1
    const recorded = this.#host.recordStep(kind, packetId, offset)
    // What could not be written is written when the session comes back; until then nothing that rests on it leaves.
    if (recorded < 0) this.#link?.stuck()
    return recorded
  }

  #remove(packetId: number, delivery: Delivery): void {
    this.#inflight.delete(packetId)
    if (delivery.link !== undefined && delivery.link === this.#link) this.window.used--
    this.#shrink(delivery)
  }

  /** Forgets the content of a delivery. */
  #shrink(delivery: Delivery): void {
    if (delivery.message === undefined) return
    delivery.message = undefined
    this.#inflightBytes -= delivery.bytes
    this.#budget.take(-delivery.bytes)
  }

  #giveUp(delivery: Delivery, reason: DropReason): void {
    this.#host.dropped(reason)
    this.#host.settled(delivery)
  }

  /** Takes the first of the queue; the budget still counts it. */
  #shift(): Delivery | undefined {
    const first = this.#queue[this.#head]
    if (first === undefined) return undefined
    this.#head++
    this.#queuedBytes -= first.bytes
    if (this.#head > 64 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    return first
  }

  #putInFlight(packetId: number, delivery: Delivery): void {
    this.#inflight.set(packetId, delivery)
    this.#packetIds.given(packetId)
  }
}
