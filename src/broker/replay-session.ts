import type { DeviceId, Instant, Subject } from '#base'
import type { SessionChange, SessionState, StoredDelivery, StoredInflight, StoredSubscription, StoredWill } from './session-change.ts'
import type { StoredSession } from './stored-session.ts'

/** How a held message is to be delivered; its offset is its key. */
export type HeldDelivery = Omit<StoredDelivery, 'offset'>

/** One session while it is rebuilt: {@link SessionState} in a form that changes quickly. */
export class ReplaySession {
  readonly owner: DeviceId
  readonly clientId: string
  /** Messages and changes below these offsets are in the row that it came from. */
  readonly routedTo: number
  readonly changesTo: number
  subject: Subject
  connection: string
  mqttVersion: number
  expirySeconds: number
  endedAt: Instant | undefined
  will: StoredWill | undefined
  willAt: Instant | undefined
  readonly subscriptions: Map<string, StoredSubscription>
  /** Offsets that wait, in order. */
  readonly held = new Map<number, HeldDelivery>()
  /** Incoming QoS 2 identifiers that were not released. */
  readonly received: Set<number>
  /** Messages given up because there were too many. */
  lost = 0
  /** By packet identifier, in the order of sending. */
  readonly #inflight = new Map<number, StoredInflight>()
  /** Packet identifiers of what was sent at QoS 1, by offset. */
  readonly #sentOnce = new Map<number, number>()

  constructor({ state, routedTo, changesTo }: StoredSession) {
    this.owner = state.owner
    this.clientId = state.clientId
    this.routedTo = routedTo
    this.changesTo = changesTo
    this.subject = state.subject
    this.connection = state.connection
    this.mqttVersion = state.mqttVersion
    this.expirySeconds = state.expirySeconds
    this.endedAt = state.endedAt
    this.will = state.will
    this.willAt = state.willAt
    this.subscriptions = new Map(state.subscriptions.map((one) => [one.filter, one]))
    this.received = new Set(state.received)
    for (const { offset, ...delivery } of state.queue) this.held.set(offset, delivery)
    for (const one of state.inflight) {
      this.#inflight.set(one.packetId, one)
      if (one.qos === 1) this.#sentOnce.set(one.offset, one.packetId)
    }
  }

  /** A new connection resumed it. */
  open(change: Extract<SessionChange, { readonly kind: 'session-opened' }>): void {
    this.subject = change.subject
    this.connection = change.connection
    this.mqttVersion = change.mqttVersion
    this.expirySeconds = change.expirySeconds
    this.endedAt = undefined
    this.will = change.will
    this.willAt = undefined
  }

  leave(change: Extract<SessionChange, { readonly kind: 'session-left' }>): void {
    this.expirySeconds = change.expirySeconds
    this.endedAt = change.endedAt
    this.willAt = change.willAt
    if (change.willAt === undefined) this.will = undefined
  }

  /** Whether the message waits here or is in flight. */
  has(offset: number): boolean {
    return this.held.has(offset) || this.#sentOnce.has(offset) || [...this.#inflight.values()].some((one) => one.offset === offset)
  }

  /** Takes a message out of the queue. */
  takeHeld(offset: number): HeldDelivery | undefined {
    const held = this.held.get(offset)
    this.held.delete(offset)
    return held
  }

  /** A QoS 2 message got its identifier. `held` is undefined when its way into the queue is not known any more. */
  send(packetId: number, offset: number, held: HeldDelivery | undefined): void {
    // The identifier was free, so what had it was acknowledged, though that had not been recorded yet.
    this.#drop(packetId)
    this.#inflight.set(packetId, { retain: false, identifiers: [], ...held, qos: 2, offset, packetId, phase: 'sent' })
  }

  /** PUBREC came for it. It goes to the end: PUBRELs are sent again in the order of PUBRECs. */
  release(packetId: number): void {
    const one = this.#inflight.get(packetId)
    if (one?.qos !== 2) return
    this.#inflight.delete(packetId)
    this.#inflight.set(packetId, { ...one, phase: 'released' })
  }

  /** It is done. */
  complete(packetId: number): void {
    this.#drop(packetId)
  }

  /** The message at this offset needs nothing more. */
  settle(offset: number): void {
    this.held.delete(offset)
    const packetId = this.#sentOnce.get(offset)
    if (packetId !== undefined) this.#drop(packetId)
  }

  giveUpOldest(): void {
    for (const [offset] of this.held) {
      this.held.delete(offset)
      this.lost++
      return
    }
  }

  /** What the engine is given. */
  state(): SessionState {
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
      queue: [...this.held].map(([offset, { qos, retain, identifiers }]) => ({ offset, qos, retain, identifiers })),
      inflight: [...this.#inflight.values()],
      received: [...this.received],
    }
  }

  #drop(packetId: number): void {
    const one = this.#inflight.get(packetId)
    if (one === undefined) return
    this.#inflight.delete(packetId)
    if (one.qos === 1) this.#sentOnce.delete(one.offset)
  }
}
