import { type DeviceId, limits } from '#base'
import { parseTopicFilter } from '#wire/mqtt'
import type { Message } from './message.ts'
import { type RetainedLimits, RetainedMessages } from './retained.ts'
import { type Link, Session } from './session.ts'
import { type Route, type SubscriptionOptions, SubscriptionTree } from './subscription-tree.ts'

/*
 * The MQTT engine: who is subscribed to what, and who gets which message. It does no IO, knows no clock and no socket; the same
 * engine will serve the hub and the edge. It assumes that whoever calls it has authenticated the identity and authorized the act:
 * the gateway asks `access` first. Sessions are keyed by identity *and* client identifier, so nobody can resume, erase or inherit
 * another's session by choosing its client identifier.
 */

/** What a client asks for when it connects. */
export type Attach = {
  readonly owner: DeviceId
  readonly clientId: string
  readonly cleanStart: boolean
  readonly expirySeconds: number
  /** Unacknowledged QoS 1 messages that the client takes at a time. */
  readonly receiveMaximum: number
  readonly link: Link
}

/** One filter of a SUBSCRIBE that was allowed. */
export type Subscribe = SubscriptionOptions & { readonly filter: string; readonly retainHandling: 0 | 1 | 2 }

/** What became of a filter: granted QoS, or why not. */
export type Subscribed = 0 | 1 | 'too-many' | 'shared-unsupported'

/** See the theory of operation above. */
export class Broker {
  readonly #tree = new SubscriptionTree<Session>()
  readonly #sessions = new Map<string, Session>()
  readonly retained: RetainedMessages

  constructor(retainedLimits: RetainedLimits) {
    this.retained = new RetainedMessages(retainedLimits)
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get subscriptions(): number {
    return this.#tree.size
  }

  /** Opens or resumes the session of this identity and client identifier; a connection that holds it now is taken over [MQTT-3.1.4-3]. */
  attach(asked: Attach): { readonly session: Session; readonly present: boolean } {
    const key = sessionKey(asked.owner, asked.clientId)
    let session = this.#sessions.get(key)
    session?.link?.takenOver()
    if (session !== undefined && asked.cleanStart) {
      this.#forget(key, session)
      session = undefined
    }
    const present = session !== undefined
    if (session === undefined) {
      session = new Session(asked.owner, asked.clientId)
      this.#sessions.set(key, session)
    }
    session.expirySeconds = asked.expirySeconds
    return { session, present }
  }

  /** Lets messages flow; called after CONNACK was written, so that nothing overtakes it. */
  start(session: Session, link: Link, receiveMaximum: number): void {
    session.attach(link, receiveMaximum)
  }

  /** The connection is gone. A session without expiry ends with it. `now` is monotonic milliseconds. */
  detach(session: Session, link: Link, now: number): void {
    if (session.link !== link) return
    session.detach(now)
    if (session.expirySeconds === 0) this.#forget(sessionKey(session.owner, session.clientId), session)
  }

  /** Adds a subscription that was authorized. Retained messages it asks for are returned, to be sent after SUBACK. */
  subscribe(session: Session, asked: Subscribe): { readonly granted: Subscribed; readonly retained: readonly Message[] } {
    const filter = parseTopicFilter(asked.filter)
    if (!filter.ok || filter.value.group !== undefined) return { granted: 'shared-unsupported', retained: [] }
    const known = session.subscriptions.has(asked.filter)
    if (!known && session.subscriptions.size >= limits.subscriptionsPerSession) return { granted: 'too-many', retained: [] }
    const options = { qos: asked.qos, noLocal: asked.noLocal, retainAsPublished: asked.retainAsPublished }
    session.subscriptions.set(asked.filter, options)
    this.#tree.add(filter.value.filter, session, options)
    const wants = asked.retainHandling === 0 || (asked.retainHandling === 1 && !known)
    return { granted: asked.qos, retained: wants ? this.retained.matching(filter.value.filter) : [] }
  }

  /** False when there was no such subscription. */
  unsubscribe(session: Session, filter: string): boolean {
    if (!session.subscriptions.delete(filter)) return false
    return this.#tree.remove(filter, session)
  }

  /** Who would get a message on `topic` now; the answer stays valid until a subscription changes. */
  route(topic: string): Route<Session> {
    return this.#tree.route(topic)
  }

  /** Hands the message to everyone subscribed. For QoS 1 the caller has made it durable first. */
  publish(message: Message): void {
    for (const { subscriber, options } of this.#tree.route(message.topic)) {
      if (options.noLocal && subscriber.link?.id === message.from) continue
      subscriber.send(message, message.qos < options.qos ? message.qos : options.qos, options.retainAsPublished && message.retain)
    }
  }

  /** Ends sessions whose time is over. `now` is monotonic milliseconds. */
  expire(now: number): void {
    for (const [key, session] of this.#sessions) {
      if (session.endedAt !== undefined && now - session.endedAt >= session.expirySeconds * 1000) this.#forget(key, session)
    }
  }

  /** Ends every session of an identity that may no longer connect; what waits for it is gone. */
  forgetOwner(owner: DeviceId): void {
    for (const [key, session] of this.#sessions) if (session.owner === owner) this.#forget(key, session)
  }

  #forget(key: string, session: Session): void {
    if (this.#sessions.get(key) === session) this.#sessions.delete(key)
    for (const filter of session.subscriptions.keys()) this.#tree.remove(filter, session)
    session.subscriptions.clear()
  }
}

// A device id has no NUL in it, so no client identifier can make two keys collide.
function sessionKey(owner: DeviceId, clientId: string): string {
  return `${owner}\0${clientId}`
}
