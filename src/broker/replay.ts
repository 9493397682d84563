import { type Instant, type Subject, never, plus } from '#base'
import { parseTopicFilter } from '#wire/mqtt'
import type { SessionChange, SessionKey, SessionState } from './session-change.ts'
import { type HeldDelivery, ReplaySession } from './replay-session.ts'
import type { StoredSession } from './stored-session.ts'
import { type Shared, SubscriptionTree } from './subscription-tree.ts'

/*
 * Stored sessions as they were, from their rows and the journal after them. The same tree routes the same telemetry as in life, so there
 * is no record for a message in a queue; what a session settled is taken out again. Messages are offsets here, nobody holds a payload.
 *
 * Rows and the journal overlap: what a row has already ({@link StoredSession}) is passed over for that session alone, so it does not
 * matter when a row was written, as long as the journal is read from a place that no row lies before.
 *
 * What comes out holds everything that life held, and may hold more: what was settled a moment before the process died. That comes again,
 * which QoS 1 allows; QoS 2 steps are never gathered, each is a record before its packet leaves.
 */

/** What the telemetry of one message says to a queue. */
export type ReplayedMessage = {
  readonly offset: number
  readonly topic: string
  readonly qos: 1 | 2
  readonly retain: boolean
  /** The connection it came by. */
  readonly connection: string
  /** Of a QoS 2 message to a stored session; 0: none. */
  readonly packetId: number
}

/** Bounds and questions of a replay. */
export type ReplayPorts = {
  /** The policy of now: who may not receive a topic gets nothing published to it. */
  mayReceive(subject: Subject, topic: string): boolean
  /** Messages of one session, and of all together, beyond which the oldest are given up, and counted. */
  readonly heldPerSession: number
  readonly heldTogether: number
}

type Waiting = { readonly qos: 1 | 2; readonly retain: boolean; readonly members: Shared<ReplaySession>['members'] }

/** See the theory of operation above. */
export class Replay {
  readonly #ports: ReplayPorts
  readonly #sessions = new Map<string, ReplaySession>()
  readonly #byConnection = new Map<string, ReplaySession>()
  readonly #tree: SubscriptionTree<ReplaySession>
  /** By the text of the shared subscription: what its group was given and has not settled, while it has stored members. */
  readonly #groups = new Map<string, { readonly waiting: Map<number, Waiting>; members: number }>()
  /** Below this offset a row may hold what its group is given again. */
  #rowsTo = 0
  #held = 0
  #lost = 0

  constructor(rows: readonly StoredSession[], ports: ReplayPorts) {
    this.#ports = ports
    this.#tree = new SubscriptionTree((session, topic) => ports.mayReceive(session.subject, topic))
    for (const row of rows) {
      const { state } = row
      const session = new ReplaySession(row)
      this.#rowsTo = Math.max(this.#rowsTo, row.routedTo)
      this.#sessions.set(keyOf(state), session)
      this.#byConnection.set(state.connection, session)
      for (const { filter } of state.subscriptions) this.#addToTree(session, filter)
      this.#held += session.held.size
    }
  }

  /** False: no stored session wants telemetry, so nobody has to decode it. */
  get wantsTelemetry(): boolean {
    return this.#tree.size > 0
  }

  /** Whom the connection belonged to, when it was one of a stored session. */
  subjectOf(connection: string): Subject | undefined {
    return this.#byConnection.get(connection)?.subject
  }

  /** Number of sessions now. */
  get size(): number {
    return this.#sessions.size
  }

  /** Takes one recorded change; `at` is its offset. Changes of sessions that are not stored are passed over. */
  change(change: SessionChange, at: number): void {
    if (change.kind === 'group-progress') {
      const group = this.#groups.get(change.filter)
      for (const offset of change.offsets) if (group?.waiting.delete(offset) === true) this.#held--
      return
    }
    const session = this.#sessions.get(keyOf(change.session))
    if (session !== undefined && at < session.changesTo) return
    if (change.kind === 'session-opened') return this.#open(change, session)
    if (session !== undefined) this.#apply(change, session)
  }

  /** Takes one message of QoS 1 or 2. */
  message(message: ReplayedMessage): void {
    const { offset, packetId, qos, retain } = message
    if (packetId !== 0) {
      const from = this.#byConnection.get(message.connection)
      if (from !== undefined && offset >= from.changesTo) from.received.add(packetId)
    }
    for (const part of this.#tree.route(message.topic)) {
      if (part.group === undefined) {
        const { subscriber, copy, own } = part
        const mine = copy === own || this.#byConnection.get(message.connection) !== subscriber ? copy : own
        if (mine === undefined || mine.qos === 0 || offset < subscriber.routedTo) continue
        this.#hold(subscriber, offset, {
          qos: qos < mine.qos ? qos : mine.qos,
          retain: mine.retainAsPublished && retain,
          identifiers: mine.identifiers,
        })
      } else if (part.members.some(({ copy }) => copy.qos > 0)) this.#holdFor(part, message)
    }
  }

  /**
   * The sessions at the start, at `now`: a connection that was open has been lost now, so its will waits from now on. `lost`: messages
   * that did not fit into the bounds, of one session or of no one in particular.
   */
  finish(now: Instant): {
    readonly sessions: readonly { readonly state: SessionState; readonly lost: number }[]
    readonly lost: number
  } {
    for (const [text, { waiting }] of this.#groups) this.#handOut(text, waiting)
    const sessions: { readonly state: SessionState; readonly lost: number }[] = []
    for (const session of this.#sessions.values()) {
      if (session.endedAt === undefined) {
        session.endedAt = now
        session.willAt = session.will && plus(now, Math.min(session.will.delaySeconds, session.expirySeconds) * 1000)
      }
      sessions.push({ state: session.state(), lost: session.lost })
    }
    return { sessions, lost: this.#lost }
  }

  #open(change: Extract<SessionChange, { readonly kind: 'session-opened' }>, known: ReplaySession | undefined): void {
    if (known !== undefined && (change.cleanStart || change.expirySeconds === 0)) this.#forget(known)
    if (change.expirySeconds === 0) return
    const { subject, connection, expirySeconds, mqttVersion, will } = change
    const { owner, clientId } = change.session
    const resumed = change.cleanStart ? undefined : known
    if (resumed !== undefined) {
      this.#byConnection.delete(resumed.connection)
      const { subject: before } = resumed
      resumed.open(change)
      // Routes leave out who may not receive, and that was asked about the subject of then.
      if (before !== subject) this.#tree.forgetRoutes()
      this.#byConnection.set(connection, resumed)
      return
    }
    const fresh = { subject, connection, expirySeconds, mqttVersion, will, endedAt: undefined, willAt: undefined }
    const state = { owner, clientId, ...fresh, subscriptions: [], queue: [], inflight: [], received: [] }
    const session = new ReplaySession({ state, routedTo: 0, changesTo: 0 })
    this.#sessions.set(keyOf(change.session), session)
    this.#byConnection.set(connection, session)
  }

  #apply(
    change: Exclude<SessionChange, { readonly kind: 'session-opened' } | { readonly kind: 'group-progress' }>,
    session: ReplaySession,
  ): void {
    switch (change.kind) {
      case 'session-left':
        if (change.expirySeconds === 0) return this.#forget(session)
        return session.leave(change)
      case 'will-sent':
        session.will = undefined
        session.willAt = undefined
        return
      case 'session-ended':
        return this.#forget(session)
      case 'subscribed':
        for (const one of change.filters) {
          session.subscriptions.set(one.filter, one)
          this.#addToTree(session, one.filter)
        }
        return
      case 'unsubscribed':
        for (const filter of change.filters) if (session.subscriptions.delete(filter)) this.#removeFromTree(session, filter)
        return
      case 'qos2-released':
        session.received.delete(change.packetId)
        return
      case 'qos2-sent': {
        const before = session.held.size
        const held = session.takeHeld(change.offset) ?? this.#takeFromGroup(session, change.offset)
        this.#held += session.held.size - before
        return session.send(change.packetId, change.offset, held)
      }
      case 'qos2-pubrec':
        return session.release(change.packetId)
      case 'qos2-completed':
        return session.complete(change.packetId)
      case 'session-queued':
        for (const { offset, ...delivery } of change.deliveries) {
          this.#takeFromGroup(session, offset)
          this.#hold(session, offset, delivery)
        }
        return
      case 'session-progress': {
        const before = session.held.size
        for (const offset of change.offsets) session.settle(offset)
        this.#held += session.held.size - before
        return
      }
      default:
        return never(change)
    }
  }

  #hold(session: ReplaySession, offset: number, delivery: HeldDelivery): void {
    const before = session.held.size
    if (before >= this.#ports.heldPerSession || (this.#held >= this.#ports.heldTogether && before > 0)) session.giveUpOldest()
    session.held.set(offset, delivery)
    this.#held += session.held.size - before
  }

  #holdFor({ group, members }: Shared<ReplaySession>, { offset, qos, retain }: ReplayedMessage): void {
    const waiting = this.#groups.get(group.text)?.waiting
    if (waiting === undefined) return
    if (this.#held >= this.#ports.heldTogether) {
      this.#lost++
      return
    }
    waiting.set(offset, { qos, retain, members })
    this.#held++
  }

  #addToTree(session: ReplaySession, filter: string): void {
    const options = session.subscriptions.get(filter)
    const parsed = parseTopicFilter(filter)
    if (options === undefined || !parsed.ok) return
    const { group: share, filter: topics } = parsed.value
    const isNew = this.#tree.add(topics, session, options, share)
    if (share === undefined || !isNew) return
    const text = groupText(share, topics)
    const group = this.#groups.get(text)
    if (group === undefined) this.#groups.set(text, { waiting: new Map(), members: 1 })
    else group.members++
  }

  #removeFromTree(session: ReplaySession, filter: string): void {
    const parsed = parseTopicFilter(filter)
    if (!parsed.ok) return
    const { group: share, filter: topics } = parsed.value
    if (!this.#tree.remove(topics, session, share) || share === undefined) return
    const text = groupText(share, topics)
    const group = this.#groups.get(text)
    if (group === undefined || --group.members > 0) return
    this.#groups.delete(text)
    this.#held -= group.waiting.size
  }

  #takeFromGroup(session: ReplaySession, offset: number): HeldDelivery | undefined {
    if (this.#groups.size === 0) return undefined
    for (const filter of session.subscriptions.keys()) {
      const waiting = this.#groups.get(filter)?.waiting
      const found = waiting?.get(offset)
      if (waiting === undefined || found === undefined) continue
      waiting.delete(offset)
      this.#held--
      return deliveryTo(session, found)
    }
    return undefined
  }

  #handOut(text: string, waiting: ReadonlyMap<number, Waiting>): void {
    let turn = 0
    for (const [offset, message] of waiting) {
      const members = message.members
        .map(({ subscriber }) => subscriber)
        .filter((member) => member.subscriptions.has(text) && this.#isHere(member))
      if (offset < this.#rowsTo && members.some((member) => member.has(offset))) continue
      const delivery = members.map((member) => [member, deliveryTo(member, message)] as const)
      const [member, held] = delivery[turn++ % Math.max(1, delivery.length)] ?? []
      if (member !== undefined && held !== undefined) this.#hold(member, offset, held)
    }
  }

  #isHere(session: ReplaySession): boolean {
    return this.#sessions.get(keyOf(session)) === session
  }

  #forget(session: ReplaySession): void {
    this.#sessions.delete(keyOf(session))
    if (this.#byConnection.get(session.connection) === session) this.#byConnection.delete(session.connection)
    for (const filter of session.subscriptions.keys()) this.#removeFromTree(session, filter)
    this.#held -= session.held.size
  }
}

/** How this member gets a shared message; undefined: at QoS 0, or not at all, so not from a queue. */
function deliveryTo(member: ReplaySession, { qos, retain, members }: Waiting): HeldDelivery | undefined {
  const copy = members.find(({ subscriber }) => subscriber === member)?.copy
  if (copy === undefined || copy.qos === 0) return undefined
  return { qos: qos < copy.qos ? qos : copy.qos, retain: copy.retainAsPublished && retain, identifiers: copy.identifiers }
}

/** The group of a shared subscription, as `ShareGroup` and its members spell it. */
const groupText = (share: string, filter: string) => `$share/${share}/${filter}`

// An identity has no NUL in it, so no client identifier can make two keys collide.
function keyOf({ owner, clientId }: SessionKey): string {
  return `${owner}\0${clientId}`
}
