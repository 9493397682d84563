import type { DeviceId, Instant, Subject } from '#base'
import { type Delivery, noIdentifiers } from './delivery.ts'
import { DirectDeliveries } from './direct.ts'
import type { Link } from './link.ts'
import { type Message, isExpired } from './message.ts'
import { Outgoing, type OutgoingHost } from './outgoing.ts'
import { firstDirectId } from './packet-ids.ts'
import type { DropReason } from './ports.ts'
import type { QueueBudget } from './queue-budget.ts'
import type { SessionChange, SessionState, StoredDelivery, StoredSubscription, StoredWill } from './session-change.ts'
import type { SessionLimits } from './session-limits.ts'

/** What a session asks of the engine that holds it. */
export type SessionHouse = {
  readonly budget: QueueBudget
  now(): Instant
  record(change: SessionChange): number
  whenDurable(offset: number, then: () => void): void
  /** The message needs nothing more from this session. */
  settled(session: Session, delivery: Delivery): void
  /** Messages were given up since they were last told. */
  lost(session: Session): void
}

/**
 * What may outlive a connection: subscriptions, messages on their way to the client, identifiers of QoS 2 messages on their way from it,
 * and a will. It belongs to the authenticated identity; the client identifier only tells several sessions of one identity apart.
 */
export class Session implements OutgoingHost {
  readonly owner: DeviceId
  readonly clientId: string
  /** Whom policies are asked about: as authenticated by the latest connection. */
  subject: Subject
  /** Names the latest connection in the journal. */
  connection = ''
  mqttVersion: 4 | 5 = 5
  limits: SessionLimits
  /** Seconds that the session outlives its connection. */
  expirySeconds = 0
  /** When the connection ended; undefined while there is one. */
  endedAt: Instant | undefined
  /** The will of the connection, or of the one that is gone, waiting until `willAt`. */
  will: StoredWill | undefined
  willAt: Instant | undefined
  /** By the filter's text, as the client sent it. */
  readonly subscriptions = new Map<string, StoredSubscription>()
  /** Packet identifiers of QoS 2 messages that were taken and not released. */
  readonly received = new Set<number>()
  readonly outgoing: Outgoing
  /** Something that a checkpoint keeps is different; whoever writes checkpoints puts it back. */
  changed = true
  /** Messages given up, since the session began. */
  drops = 0
  readonly #house: SessionHouse
  #link: Link | undefined
  #direct: DirectDeliveries | undefined
  readonly #drops = new Map<DropReason, number>()

  constructor(subject: Subject, limits: SessionLimits, house: SessionHouse) {
    this.owner = subject.identity
    this.clientId = subject.clientId
    this.subject = subject
    this.limits = limits
    this.#house = house
    this.outgoing = new Outgoing(this, house.budget)
  }

  get link(): Link | undefined {
    return this.#link
  }

  /** Whether the journal knows of it. */
  wasRecorded = false

  /** Whether it outlives its connection; only then the journal has to know what happens to it. */
  get isStored(): boolean {
    return this.expirySeconds > 0
  }

  /** Messages waiting, or sent and not acknowledged. */
  get backlog(): number {
    return this.outgoing.backlog
  }

  /** Whether the message came from this very session [MQTT-3.8.3-3]. */
  published(message: Message): boolean {
    return message.publisher.identity === this.owner && message.publisher.clientId === this.clientId
  }

  /** Lets messages flow to the client, at most `window` unacknowledged; what was sent before goes first. */
  attach(link: Link, window: number): void {
    this.#link = link
    this.endedAt = undefined
    this.outgoing.attach(link, window)
  }

  /** The connection is gone. */
  detach(now: Instant): void {
    this.#link = undefined
    this.#direct?.detach()
    this.#direct = undefined
    this.endedAt = now
    this.outgoing.detach()
  }

  /** Sends or queues one message at a QoS that is not above its own. `shared`: the shared subscription that chose this session. */
  send(message: Message, qos: 0 | 1 | 2, retain: boolean, identifiers: readonly number[], shared?: string): void {
    if (qos !== 0) {
      this.changed = true
      return this.outgoing.send(message, qos, retain, identifiers, shared)
    }
    if (this.#link === undefined) return
    if (isExpired(message, this.now())) this.dropped('expired')
    else if (!this.#link.writable) this.dropped('too-slow')
    else if (!this.#link.deliver(message, 0, 0, retain, false, identifiers)) this.dropped('too-large')
  }

  /** What leaves at QoS 1 for this connection and is none of the session's; undefined while nobody is connected. */
  direct(): DirectDeliveries | undefined {
    if (this.#link !== undefined) this.#direct ??= new DirectDeliveries(this.outgoing, this.#link)
    return this.#direct
  }

  /**
   * Sends to this very client at QoS 0, if it has subscribed to `filter`: whatever else is subscribed anywhere has no part in it. False: it did not
   * leave, which is counted where the client is to blame.
   */
  sendDirect(filter: string, message: Message): boolean {
    const subscription = this.subscriptions.get(filter)
    if (subscription === undefined || this.#link === undefined) return false
    const identifiers = subscription.identifier === undefined ? noIdentifiers : [subscription.identifier]
    if (!this.#link.writable) this.dropped('too-slow')
    else if (!this.#link.deliver(message, 0, 0, false, false, identifiers)) this.dropped('too-large')
    else return true
    return false
  }

  /** PUBACK, with its reason code. */
  acknowledge(packetId: number, reasonCode: number): void {
    if (packetId >= firstDirectId && this.#direct?.acknowledge(packetId, reasonCode) === true) return
    this.outgoing.acknowledge(packetId)
  }

  /** A QoS 2 message was taken under this identifier: until PUBREL nothing else is [MQTT-4.3.3-10]. */
  take(packetId: number): void {
    this.received.add(packetId)
    this.changed = true
  }

  now(): Instant {
    return this.#house.now()
  }

  whenDurable(offset: number, then: () => void): void {
    this.#house.whenDurable(offset, then)
  }

  recordStep(kind: 'qos2-sent' | 'qos2-pubrec' | 'qos2-completed', packetId: number, offset: number): number {
    return this.#house.record(kind === 'qos2-sent' ? { kind, session: this, packetId, offset } : { kind, session: this, packetId })
  }

  settled(delivery: Delivery): void {
    this.changed = true
    if (delivery.shared !== undefined || this.isStored) this.#house.settled(this, delivery)
  }

  /** Counts a message that was given up. */
  dropped(reason: DropReason): void {
    this.drops++
    if (this.#drops.size === 0) this.#house.lost(this)
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1)
  }

  /** Takes the counts of what was given up since the last call. */
  takeDrops(): readonly (readonly [DropReason, number])[] {
    const drops = [...this.#drops]
    this.#drops.clear()
    return drops
  }

  /** The session as plain data, for a checkpoint. Messages are named by their offsets. */
  snapshot(): SessionState {
    const stored = ({ offset, qos, retain, identifiers }: Delivery): StoredDelivery => ({ offset, qos, retain, identifiers })
    return {
      owner: this.owner,
      clientId: this.clientId,
      subject: this.subject,
      connection: this.connection,
      mqttVersion: this.mqttVersion,
      expirySeconds: this.expirySeconds,
      endedAt: this.endedAt,
      will: this.will,
      willAt: this.willAt,
      subscriptions: [...this.subscriptions.values()],
      queue: [...this.outgoing.queued()].map(stored),
      inflight: [...this.outgoing.inflight()].map(([packetId, delivery]) => ({
        ...stored(delivery),
        packetId,
        phase: delivery.phase === 'released' ? 'released' : 'sent',
      })),
      received: [...this.received],
    }
  }
}
