import type { Subject } from '#base'
import { allows, filterMatches, withoutShare } from './authority.ts'
import { Debts } from './debts.ts'
import type { Publication, Step } from './history.ts'
import { type Asked, type How, type Message, type ModelSession, type Place, key, never } from './session.ts'

/*
 * What a hub has to do, as lists that are searched from end to end. What it may do besides is spelt out:
 *  - QoS 0 is for who is connected now; QoS 1 and 2 wait for stored sessions.
 *  - A message that was sent and not acknowledged may come again on a later connection, with its packet identifier and DUP.
 *  - A message reaches queues when it is on disk. Who subscribed after it was taken and before that may get it or not.
 *  - A message of a shared subscription goes to any one member; what a session leaves behind goes to another, unless it was sent at QoS 2.
 *  - What has expired before it was sent is not sent; what was sent may be sent again.
 *  - A policy takes away what waits, and what was sent on earlier connections; what this connection was sent may be acknowledged on it.
 *  - Nothing else: what is owed and never comes is lost, what comes and is not owed is a leak or a duplicate.
 */

type Retained = { readonly filter: string; readonly message: Message; readonly how: Omit<How, 'place'> }
type Pending =
  | { readonly message: Message; readonly seen: ReadonlySet<ModelSession | string> }
  | { readonly session: ModelSession; readonly retained: readonly Retained[] }

const least = (a: 0 | 1 | 2, b: 0 | 1 | 2) => (a < b ? a : b)

/** See the specification above. */
export class Expected {
  now = 0
  policy: number
  readonly sessions: ModelSession[] = []
  /** Everything that was taken, in order. */
  readonly taken: Message[] = []
  /** What is owed because of it. */
  readonly debts = new Debts((group, message) => this.#members(group, message))
  /** Connections in the order in which a change of policy meets them. */
  readonly #places = new Map<string, Place[]>()
  #away: ModelSession[] = []
  readonly #retained = new Map<string, Message>()
  #pending: Pending[] = []
  #serial = 0

  constructor(policy: number) {
    this.policy = policy
  }

  /** Somebody who may not do it is refused and nothing changes. */
  connect(
    subject: Subject,
    asked: Extract<Step, { readonly do: 'connect' }>,
    willBody: string,
  ): { readonly place: Place; readonly present: boolean } | undefined {
    const { will, cleanStart, expirySeconds, version, window, credentialSeconds } = asked
    if (!this.#may(subject, 'connect', '') || (will !== undefined && !this.#may(subject, 'publish', will.topic))) return undefined
    const old = this.find(subject)
    if (old?.place !== undefined) this.leave(old.place, 0x8e, true)
    let session = this.find(subject)
    if (session !== undefined && cleanStart) {
      this.#end(session)
      session = undefined
    }
    const present = session !== undefined
    session ??= this.#newSession(subject)
    const until = credentialSeconds === 0 ? never : this.now + credentialSeconds
    const place: Place = {
      serial: ++this.#serial,
      version,
      window,
      session,
      until,
      isOpen: true,
      goodbye: undefined,
      inflight: new Set(),
      answers: [],
    }
    session.subject = subject
    session.expirySeconds = expirySeconds
    session.will = will && { ...will, body: will.isEmpty ? '' : willBody }
    session.willAt = undefined
    session.place = place
    this.#away = this.#away.filter((one) => one !== session)
    this.#judge(session)
    this.#places.set(subject.identity, [...(this.#places.get(subject.identity) ?? []), place])
    return { place, present }
  }

  /** The session of this identity and client identifier. */
  find(subject: Subject): ModelSession | undefined {
    return this.sessions.find((session) => key(session.subject) === key(subject))
  }

  /** Every connection that is open. */
  open(): readonly Place[] {
    return [...this.#places.values()].flat()
  }

  /** The connection ends. */
  leave(place: Place, goodbye: number | undefined, withWill: boolean): void {
    const { session } = place
    const others = this.open().filter((one) => one !== place && one.session.subject.identity === session.subject.identity)
    if (others.length === 0) this.#places.delete(session.subject.identity)
    else this.#places.set(session.subject.identity, others)
    place.isOpen = false
    place.goodbye = goodbye
    session.place = undefined
    session.endedAt = this.now
    const will = withWill ? session.will : undefined
    const delay = Math.min(will?.delaySeconds ?? 0, session.expirySeconds)
    session.will = delay > 0 ? will : undefined
    session.willAt = delay > 0 ? this.now + delay : undefined
    if (will !== undefined && delay === 0) this.#sendWill(session, will)
    if (session.expirySeconds === 0) this.#end(session)
    else this.#away.push(session)
  }

  /** Judges each filter by itself; returns the codes of SUBACK. */
  subscribe({ session, version }: Place, filters: readonly string[], asked: Asked): readonly number[] {
    const retained: Retained[] = []
    const codes = filters.map((filter) => {
      if (!this.#may(session.subject, 'subscribe', filter)) return version === 5 ? 0x87 : 0x80
      const isNew = !session.subscriptions.has(filter)
      session.subscriptions.set(filter, asked)
      this.debts.regroup(filter)
      const isShared = filter.startsWith('$share/')
      if (!isShared && (asked.retainHandling === 0 || (asked.retainHandling === 1 && isNew)))
        retained.push(...this.#retainedFor(session, filter, asked))
      return asked.qos
    })
    const isGranted = codes.some((code) => code < 0x80)
    if (isGranted && session.expirySeconds > 0) this.#pending.push({ session, retained })
    else this.#sendRetained(session, retained)
    return codes
  }

  /** Returns the codes of UNSUBACK. */
  unsubscribe({ session }: Place, filter: string): readonly number[] {
    this.debts.regroup(filter)
    return [session.subscriptions.delete(filter) ? 0 : 0x11]
  }

  /** A PUBLISH of a client; returns the code of its answer. */
  publish({ session, version }: Place, publication: Publication, packetId: number, body: string): number {
    if (publication.qos === 2 && session.received.has(packetId)) return 0
    if (!this.#may(session.subject, 'publish', publication.topic)) return version === 5 ? 0x87 : 0
    if (publication.qos === 2) session.received.add(packetId)
    this.#take(session.subject, publication, publication.isEmpty ? '' : body)
    return 0
  }

  /** Another policy is in force. */
  change(policy: number): void {
    this.policy = policy
    for (const place of this.open()) {
      const { subject, subscriptions } = place.session
      const keeps =
        this.#may(subject, 'connect', '') && [...subscriptions.keys()].every((filter) => this.#may(subject, 'subscribe', filter))
      if (!keeps) this.leave(place, 0x98, true)
    }
    for (const session of this.sessions) this.#judge(session)
  }

  /** Time passes: credentials end, wills fall due, sessions expire. */
  wait(seconds: number): void {
    this.now += seconds
    for (const place of this.open()) if (this.now >= place.until) this.leave(place, undefined, true)
    for (const session of this.#away) {
      if (this.now >= session.endedAt + session.expirySeconds) this.#end(session)
      else if (session.willAt !== undefined && this.now >= session.willAt) this.#sendWill(session, session.will)
    }
  }

  /** The disk has everything: messages go to their subscribers, and what was retained follows SUBACK. */
  flush(): void {
    for (const one of this.#pending.splice(0)) {
      if ('message' in one) this.#route(one.message, one.seen)
      else this.#sendRetained(one.session, one.retained)
    }
  }

  #may(subject: Subject, action: 'connect' | 'publish' | 'subscribe' | 'receive', text: string): boolean {
    return allows(this.policy, subject, action, text)
  }

  #newSession(subject: Subject): ModelSession {
    const session: ModelSession = {
      serial: ++this.#serial,
      subject,
      expirySeconds: 0,
      endedAt: 0,
      isOver: false,
      will: undefined,
      willAt: undefined,
      place: undefined,
      subscriptions: new Map(),
      received: new Set(),
    }
    this.sessions.push(session)
    return session
  }

  #take(publisher: Subject, publication: Publication, body: string): void {
    const { topic, qos, retain, isEmpty, expirySeconds } = publication
    const message: Message = { ...publication, body, publisher, expiresAt: expirySeconds === 0 ? never : this.now + expirySeconds }
    this.taken.push(message)
    if (retain && isEmpty) this.#retained.delete(topic)
    else if (retain) this.#retained.set(topic, message)
    if (qos === 0) return this.#route(message, undefined)
    const seen = new Set<ModelSession | string>()
    for (const session of this.sessions)
      for (const filter of this.#matching(session, topic)) seen.add(filter.startsWith('$share/') ? filter : session)
    this.#pending.push({ message, seen })
  }

  /** The filters of a session that a topic matches, if it may have it. */
  #matching({ subject, subscriptions }: ModelSession, topic: string): readonly string[] {
    return [...subscriptions.keys()].filter((filter) => filterMatches(withoutShare(filter), topic) && this.#may(subject, 'receive', topic))
  }

  /** `seen`: whom it was for when it was taken; only they can complain. */
  #route(message: Message, seen: ReadonlySet<ModelSession | string> | undefined): void {
    const groups = new Set<string>()
    for (const session of this.sessions) {
      const all = this.#matching(session, message.topic)
      for (const filter of all) if (filter.startsWith('$share/')) groups.add(filter)
      const isOwn = key(session.subject) === key(message.publisher)
      const asked = all
        .filter((filter) => !filter.startsWith('$share/'))
        .map((filter) => session.subscriptions.get(filter) ?? bug())
        .filter(({ noLocal }) => !(noLocal && isOwn))
      if (asked.length > 0)
        this.debts.owe(message, undefined, [[session, howOf(session, message, asked)]], seen === undefined || seen.has(session))
    }
    for (const group of groups) this.debts.owe(message, group, this.#members(group, message), seen === undefined || seen.has(group))
  }

  /** Who can get a message of a shared subscription now. */
  #members(group: string, message: Message): readonly [ModelSession, How][] {
    return this.sessions
      .filter((session) => session.subscriptions.has(group) && this.#may(session.subject, 'receive', message.topic))
      .map((session) => [session, howOf(session, message, [session.subscriptions.get(group) ?? bug()])])
  }

  #retainedFor(session: ModelSession, filter: string, { qos, noLocal, identifier }: Asked): readonly Retained[] {
    return [...this.#retained.values()]
      .filter(({ topic, expiresAt }) => filterMatches(filter, topic) && this.now < expiresAt)
      .filter(({ topic, publisher }) => this.#may(publisher, 'publish', topic) && this.#may(session.subject, 'receive', topic))
      .filter(({ publisher }) => !(noLocal && key(publisher) === key(session.subject)))
      .map((message) => ({ filter, message, how: { qos: least(qos, message.qos), retain: true, identifiers: `${identifier ?? ''}` } }))
  }

  /** What is retained follows SUBACK, if it may still be had then. */
  #sendRetained(session: ModelSession, retained: readonly Retained[]): void {
    const { place, subject, subscriptions, isOver } = session
    if (isOver) return
    for (const { message, how, filter } of retained)
      if (this.#may(subject, 'receive', message.topic))
        this.debts.owe(message, undefined, [[session, { ...how, place }]], subscriptions.has(filter))
  }

  #sendWill(session: ModelSession, will: ModelSession['will']): void {
    session.will = undefined
    session.willAt = undefined
    if (will !== undefined && this.#may(session.subject, 'publish', will.topic)) this.#take(session.subject, will, will.body)
  }

  /** Takes away what the session may not have any more. */
  #judge(session: ModelSession): void {
    const { subject, subscriptions } = session
    for (const filter of subscriptions.keys()) {
      if (this.#may(subject, 'subscribe', filter)) continue
      subscriptions.delete(filter)
      this.debts.regroup(filter)
    }
    this.debts.judge(session, (topic) => this.#may(subject, 'receive', topic))
  }

  #end(session: ModelSession): void {
    session.isOver = true
    this.sessions.splice(this.sessions.indexOf(session), 1)
    this.#away = this.#away.filter((one) => one !== session)
    for (const filter of session.subscriptions.keys()) this.debts.regroup(filter)
    if (session.willAt !== undefined) this.#sendWill(session, session.will)
    this.debts.end(session)
  }
}

function howOf({ place }: ModelSession, message: Message, asked: readonly Asked[]): How {
  const qos = asked.reduce<0 | 1 | 2>((most, one) => (one.qos > most ? one.qos : most), 0)
  const identifiers = asked.map(({ identifier }) => identifier).filter((identifier) => identifier !== undefined)
  const retain = message.retain && asked.some(({ retainAsPublished }) => retainAsPublished)
  return { qos: least(qos, message.qos), retain, identifiers: identifiers.toSorted((one, other) => one - other).join(), place }
}

function bug(): never {
  throw new Error('bug: the model lost something')
}
