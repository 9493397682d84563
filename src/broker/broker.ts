import { type DeviceId, type Subject, plus } from '#base'
import { parseTopicFilter } from '#wire/mqtt'
import { type Attach, type Granted, type PolicyEffect, haveSameAttributes } from './attach.ts'
import type { Delivery } from './delivery.ts'
import { DropReports } from './drop-reports.ts'
import type { Link } from './link.ts'
import type { Message } from './message.ts'
import { type BrokerDoor, type BrokerPorts, refusing } from './ports.ts'
import { QueueBudget } from './queue-budget.ts'
import { refill } from './refill.ts'
import { type RetainedDelivery, asStored, retainedFor, stillWanted } from './retained-delivery.ts'
import { RetainedMessages } from './retained.ts'
import type { SessionChange, SessionState, StoredSubscription } from './session-change.ts'
import type { BrokerConfig, SessionLimits } from './session-limits.ts'
import { Session, type SessionHouse } from './session.ts'
import { SettledOffsets } from './settled-offsets.ts'
import { handOn, share } from './sharing.ts'
import { type Route, SubscriptionTree } from './subscription-tree.ts'

/*
 * The MQTT engine: who is subscribed to what, and who gets which message. It does no IO, knows no clock and no socket; the same
 * engine will serve the hub and the edge. It assumes that whoever calls it has authenticated the identity and authorized the act:
 * the gateway asks `access` first. What was allowed once is judged again here: at delivery (a route leaves out who may not have its
 * topic), when a session is resumed, and when the policy changes. Sessions are keyed by identity *and* client identifier, so nobody can
 * resume, erase or inherit another's session by choosing its client identifier.
 *
 * Until a door is opened ({@link Broker.open}) the hub is starting: state is brought back, and nothing is recorded.
 */

/** See the theory of operation above. */
export class Broker {
  readonly retained: RetainedMessages
  readonly #ports: BrokerPorts
  readonly #defaults: SessionLimits
  readonly #budget: QueueBudget
  readonly #tree: SubscriptionTree<Session>
  readonly #sessions = new Map<string, Session>()
  readonly #perOwner = new Map<DeviceId, number>()
  /** Sessions without a connection: only they can expire, and only their wills wait. */
  readonly #away = new Set<Session>()
  readonly #house: SessionHouse
  readonly #settled = new SettledOffsets((change) => this.#record(change))
  readonly #drops = new DropReports()
  #door: BrokerDoor | undefined

  constructor(config: BrokerConfig, ports: BrokerPorts) {
    this.#ports = ports
    this.#defaults = config.session
    this.#budget = new QueueBudget(config.totalQueueBytes)
    this.#house = {
      budget: this.#budget,
      now: () => ports.now(),
      record: (change) => this.#record(change),
      whenDurable: (offset, then) => (this.#door === undefined ? then() : this.#door.whenDurable(offset, then)),
      settled: (session, { offset, shared }) => {
        if (offset < 0) return
        // Both: a checkpoint puts a shared message down as the session's own.
        if (shared !== undefined) this.#settled.addShared(shared, offset)
        if (session.isStored) this.#settled.add(session, offset)
      },
      lost: (session) => this.#drops.add(session),
    }
    this.#tree = new SubscriptionTree((session, topic) => ports.mayReceive(session.subject, topic))
    this.retained = new RetainedMessages(config.retained, () => ports.now())
  }

  /** From now on sessions are recorded, and wills and losses have somewhere to go. */
  open(door: BrokerDoor): void {
    this.#door = door
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get subscriptions(): number {
    return this.#tree.size
  }

  /** Bytes that wait in all queues together. */
  get queuedBytes(): number {
    return this.#budget.used
  }

  /** Every session, with a connection or without. */
  all(): Iterable<Session> {
    return this.#sessions.values()
  }

  /** Sessions of one identity. */
  sessionsOf(owner: DeviceId): number {
    return this.#perOwner.get(owner) ?? 0
  }

  /** The session of this identity and client identifier. */
  find(owner: DeviceId, clientId: string): Session | undefined {
    return this.#sessions.get(sessionKey(owner, clientId))
  }

  /**
   * Opens or resumes the session of this identity and client identifier; a connection that holds it now is taken over [MQTT-3.1.4-3].
   * What a resumed session subscribed to, and what waits in it, is judged by the policy of now.
   */
  attach(asked: Attach): { readonly session: Session; readonly present: boolean } {
    const { subject, limits, expirySeconds, mqttVersion, will, link } = asked
    this.find(subject.identity, subject.clientId)?.link?.takenOver()
    // It may have ended with its connection.
    const known = this.find(subject.identity, subject.clientId)
    if (known !== undefined && asked.cleanStart) this.#end(known, 'clean-start')
    const present = known !== undefined && !asked.cleanStart
    const session = present ? known : this.#create(subject, limits)
    const wasStored = present && session.isStored
    const isOther = present && !haveSameAttributes(session.subject, subject)
    session.subject = subject
    session.limits = limits
    session.connection = link.id
    session.mqttVersion = mqttVersion
    session.expirySeconds = expirySeconds
    session.will = will
    // Back before its time: the earlier will is not sent [MQTT-3.1.3-9].
    session.willAt = undefined
    session.endedAt = undefined
    this.#away.delete(session)
    if (session.isStored || wasStored) {
      const opened = { subject, connection: link.id, cleanStart: !present, expirySeconds, mqttVersion, will }
      this.#record({ kind: 'session-opened', session, ...opened })
      session.wasRecorded = true
    }
    if (present) {
      // A fleet that comes back as it was must not have every route made anew.
      if (isOther) this.#tree.forgetRoutes()
      this.#judge(session)
    }
    return { session, present }
  }

  /** Lets messages flow; called after CONNACK was written, so that nothing overtakes it. */
  start(session: Session, link: Link, receiveMaximum: number): void {
    if (session.connection === link.id && session.endedAt === undefined) session.attach(link, receiveMaximum)
  }

  /**
   * The connection is gone, and its will with it (`discard`), or the will is sent now or when its delay is over. A session without expiry
   * ends with its connection.
   */
  detach(session: Session, link: Link, will: 'publish' | 'discard'): void {
    if (session.connection !== link.id || session.endedAt !== undefined) return
    const now = this.#ports.now()
    session.detach(now)
    const left = will === 'publish' ? session.will : undefined
    const delaySeconds = Math.min(left?.delaySeconds ?? 0, session.expirySeconds)
    session.will = delaySeconds > 0 ? left : undefined
    session.willAt = delaySeconds > 0 ? plus(now, delaySeconds * 1000) : undefined
    if (left !== undefined && delaySeconds === 0) this.#door?.publishWill(session, left)
    if (!session.isStored) return this.#end(session, 'left')
    this.#away.add(session)
    const { expirySeconds, willAt } = session
    this.#record({ kind: 'session-left', session, expirySeconds, endedAt: now, willAt })
  }

  /**
   * Adds subscriptions that were authorized. `recorded` is the offset after which SUBACK may leave, -1: at once. Retained messages that
   * were asked for are for {@link Broker.sendRetained}, after SUBACK.
   */
  subscribe(
    session: Session,
    asked: readonly StoredSubscription[],
  ): { readonly granted: readonly Granted[]; readonly retained: readonly RetainedDelivery[]; readonly recorded: number } {
    const retained: RetainedDelivery[] = []
    const filters: StoredSubscription[] = []
    const granted = asked.map((one): Granted => {
      const isNew = !session.subscriptions.has(one.filter)
      if (isNew && session.subscriptions.size >= session.limits.subscriptionsPerSession) return 'too-many'
      const isShared = this.#add(session, one)
      filters.push(one)
      // Retained messages are not for shared subscriptions (MQTT 5 section 4.8.2).
      const wants = !isShared && (one.retainHandling === 0 || (one.retainHandling === 1 && isNew))
      if (wants) retained.push(...retainedFor(session, one, this.retained, this.#ports))
      return one.qos
    })
    if (filters.length === 0) return { granted, retained, recorded: -1 }
    const recorded = this.#record({ kind: 'subscribed', session, connection: session.connection, filters })
    return { granted, retained, recorded: this.#mustBeKept(session, recorded) }
  }

  /** The identity has other attributes now: routes are made anew, and what it subscribed to and what waits is judged again. */
  becomes(session: Session, subject: Subject): void {
    session.subject = subject
    this.#tree.forgetRoutes()
    this.#judge(session)
  }

  /** Sends what {@link Broker.subscribe} found, if the session is still there and may still have it. */
  sendRetained(session: Session, found: readonly RetainedDelivery[]): void {
    if (found.length === 0 || this.find(session.owner, session.clientId) !== session) return
    const retained = stillWanted(session, found, this.#ports)
    const deliveries = asStored(retained)
    if (session.isStored && deliveries.length > 0) this.#record({ kind: 'session-queued', session, deliveries })
    for (const { message, qos, identifiers } of retained) session.send(message, qos, true, identifiers)
  }

  /** Removes subscriptions; `known` says of each filter whether there was one, `recorded` when UNSUBACK may leave. */
  unsubscribe(session: Session, filters: readonly string[]): { readonly known: readonly boolean[]; readonly recorded: number } {
    const known = filters.map((filter) => this.#removeSubscription(session, filter))
    const gone = filters.filter((_, index) => known[index])
    if (gone.length === 0 || !session.isStored) return { known, recorded: -1 }
    const recorded = this.#record({ kind: 'unsubscribed', session, connection: session.connection, filters: gone })
    return { known, recorded: this.#mustBeKept(session, recorded) }
  }

  /** Who would get a message on `topic` now; the answer stays valid until a subscription or the policy changes. */
  route(topic: string): Route<Session> {
    return this.#tree.route(topic)
  }

  /** Hands the message to everyone subscribed. Above QoS 0 the caller has made it durable first. */
  publish(message: Message): void {
    for (const target of this.#tree.route(message.topic)) {
      if (target.group !== undefined) {
        share(target, message)
        continue
      }
      const { subscriber, copy, own } = target
      const how = copy === own || !subscriber.published(message) ? copy : own
      if (how === undefined) continue
      const qos = message.qos < how.qos ? message.qos : how.qos
      subscriber.send(message, qos, how.retainAsPublished && message.retain, how.identifiers)
    }
  }

  /** PUBREL. `recorded`: the offset after which PUBCOMP may leave, -1: at once; undefined: no such identifier. */
  release(session: Session, packetId: number): { readonly recorded: number } | undefined {
    if (!session.received.delete(packetId)) return undefined
    if (!session.isStored) return { recorded: -1 }
    const recorded = this.#record({ kind: 'qos2-released', session, packetId })
    // Told to nobody, so it has not happened: a crash would bring the identifier back.
    if (recorded < 0) session.received.add(packetId)
    return { recorded }
  }

  /** What time brings: sessions end, wills fall due, and what was gathered is told. Call it a few times a second. */
  tick(): void {
    const now = this.#ports.now()
    for (const session of this.#away) {
      if (session.endedAt !== undefined && now >= plus(session.endedAt, session.expirySeconds * 1000)) this.#end(session, 'expired')
      else if (session.willAt !== undefined && now >= session.willAt) this.#sendWill(session)
    }
    this.#settled.flush()
    this.#drops.tellAll(now, this.#door)
  }

  /** Ends every session of an identity that may no longer connect; what waits for it is gone, wills too. */
  forgetOwner(owner: DeviceId): void {
    for (const session of this.#sessions.values()) {
      if (session.owner !== owner) continue
      session.willAt = undefined
      this.#end(session, 'forgotten')
    }
  }

  /** The policy is another: who is routed to is asked again. For what is published before {@link Broker.policyChanged} has judged everyone. */
  forgetRoutes(): void {
    this.#tree.forgetRoutes()
  }

  /** The policy is another: subscriptions that it does not cover go, and so does what waits and may not be had any more. */
  policyChanged(): PolicyEffect {
    this.#tree.forgetRoutes()
    let subscriptionsRemoved = 0
    let messagesDropped = 0
    for (const session of this.#sessions.values()) {
      const effect = this.#judge(session)
      subscriptionsRemoved += effect.subscriptionsRemoved
      messagesDropped += effect.messagesDropped
    }
    let retainedHidden = 0
    for (const { publisher, topic } of this.retained.all()) if (!this.#ports.mayPublish(publisher, topic)) retainedHidden++
    return { subscriptionsRemoved, messagesDropped, retainedHidden }
  }

  /** For a start: brings a session back from its checkpoint. Messages that are not there any more are given up and counted. */
  restore(state: SessionState, messageOf: (offset: number) => Message | undefined): Session {
    const session = this.#create(state.subject, this.#defaults)
    session.wasRecorded = true
    session.connection = state.connection
    session.mqttVersion = state.mqttVersion === 4 ? 4 : 5
    session.expirySeconds = state.expirySeconds
    session.endedAt = state.endedAt ?? this.#ports.now()
    session.will = state.will
    session.willAt = state.willAt
    this.#away.add(session)
    for (const one of state.subscriptions) this.#add(session, one)
    for (const packetId of state.received) session.received.add(packetId)
    refill(session, state, messageOf)
    return session
  }

  #create(subject: Subject, limits: SessionLimits): Session {
    const session = new Session(subject, limits, this.#house)
    this.#sessions.set(sessionKey(session.owner, session.clientId), session)
    this.#perOwner.set(session.owner, this.sessionsOf(session.owner) + 1)
    return session
  }

  /** Ends a session; what it leaves of shared subscriptions goes to other members, and a will that waits is sent now [MQTT-3.1.2-8]. */
  #end(session: Session, reason: 'expired' | 'clean-start' | 'left' | 'forgotten'): void {
    if (!this.#sessions.delete(sessionKey(session.owner, session.clientId))) return
    this.#away.delete(session)
    const others = this.sessionsOf(session.owner) - 1
    if (others > 0) this.#perOwner.set(session.owner, others)
    else this.#perOwner.delete(session.owner)
    for (const filter of session.subscriptions.keys()) this.#removeSubscription(session, filter)
    if (session.willAt !== undefined) this.#sendWill(session)
    for (const delivery of session.outgoing.clear()) this.#handOn(delivery)
    this.#settled.forget(session)
    this.#drops.tell(session, this.#door)
    if (session.wasRecorded) this.#record({ kind: 'session-ended', session, reason })
  }

  #sendWill(session: Session): void {
    const { will } = session
    session.will = undefined
    session.willAt = undefined
    if (will === undefined) return
    this.#door?.publishWill(session, will)
    if (session.isStored) this.#record({ kind: 'will-sent', session })
  }

  /** Removes what the policy of now does not allow this session. */
  #judge(session: Session): Omit<PolicyEffect, 'retainedHidden'> {
    const { subject } = session
    const refused = [...session.subscriptions.keys()].filter((filter) => !this.#ports.maySubscribe(subject, filter))
    if (refused.length > 0) this.unsubscribe(session, refused)
    const { count, left } = session.outgoing.drop('denied', refusing(subject, this.#ports))
    let messagesDropped = count
    for (const delivery of left) {
      if (this.#handOn(delivery)) {
        // Its own no more, but not done: the group has it.
        this.#house.settled(session, { ...delivery, shared: undefined })
        continue
      }
      session.dropped('denied')
      this.#house.settled(session, delivery)
      messagesDropped++
    }
    return { subscriptionsRemoved: refused.length, messagesDropped }
  }

  /** True when it is a shared subscription. */
  #add(session: Session, one: StoredSubscription): boolean {
    const filter = parseTopicFilter(one.filter)
    if (!filter.ok) throw new Error('bug: a filter that the decoder should have refused')
    session.subscriptions.set(one.filter, one)
    this.#tree.add(filter.value.filter, session, one, filter.value.group)
    return filter.value.group !== undefined
  }

  #removeSubscription(session: Session, text: string): boolean {
    const filter = parseTopicFilter(text)
    if (!filter.ok || !session.subscriptions.delete(text)) return false
    return this.#tree.remove(filter.value.filter, session, filter.value.group)
  }

  /** Gives to another member of the same group what a session left behind; false: there is none. */
  #handOn(delivery: Delivery): boolean {
    return handOn(this.#tree, delivery, (change) => this.#record(change))
  }

  /** Passes on what a change of a session was recorded as, if somebody has to wait for it; without room for it the connection must end. */
  #mustBeKept(session: Session, recorded: number): number {
    if (!session.isStored) return -1
    if (recorded < 0 && this.#door !== undefined) session.link?.stuck()
    return recorded
  }

  #record(change: SessionChange): number {
    if ('session' in change && change.session instanceof Session) change.session.changed = true
    return this.#door?.record(change) ?? -1
  }
}

// A device id has no NUL in it, so no client identifier can make two keys collide.
function sessionKey(owner: DeviceId, clientId: string): string {
  return `${owner}\0${clientId}`
}
