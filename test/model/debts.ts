import type { PublishPacket } from '#wire/mqtt'
import { type How, type Message, type ModelSession, type Place, key, never } from './session.ts'

/*
 * What is owed to whom, and what became of it. Whatever comes must be found here, and whatever must come must not be left here.
 */

/** A message that some session has to get. */
type Owed = {
  readonly message: Message
  /** The shared subscription, where it is one: then any one of `to`. */
  readonly group: string | undefined
  to: Map<ModelSession, How>
  /** Who could have got it when it was sent. */
  could: ReadonlyMap<ModelSession, How>
  /** False: it may be lost. */
  must: boolean
  /** Where it was sent last. */
  sent: { readonly place: Place; readonly packetId: number } | undefined
  /** Who must not get it, because it got the one before and it is another's turn. */
  notTurnOf: ModelSession | undefined
}

/** See above. */
export class Debts {
  readonly problems: string[] = []
  readonly #members: (group: string, message: Message) => readonly [ModelSession, How][]
  #owed: Owed[] = []
  /** What came by shared subscriptions and is done. */
  #delivered: Owed[] = []
  /** The latest message of each shared subscription, who could have got it, and who did. */
  readonly #latest = new Map<string, { readonly owed: Owed; readonly members: string; got: ModelSession | undefined }>()

  /** `members`: who can get a message of a shared subscription now. */
  constructor(members: (group: string, message: Message) => readonly [ModelSession, How][]) {
    this.#members = members
  }

  /** The members of a shared subscription are others: nobody knows whose turn it is. */
  regroup(filter: string): void {
    this.#latest.delete(filter)
  }

  /** What the session may not have any more goes, but for what its connection was sent. */
  judge(session: ModelSession, may: (topic: string) => boolean): void {
    for (const owed of this.#owed) {
      const { message, to, sent } = owed
      if (!to.has(session) || may(message.topic) || (sent !== undefined && sent.place === session.place)) continue
      this.#takeAway(owed, session)
    }
  }

  /** The session is over. */
  end(session: ModelSession): void {
    for (const owed of this.#owed) if (owed.to.has(session)) this.#takeAway(owed, session)
  }

  /** `to` may have the message: all of them, or with a `group` one of those who are able to. */
  owe(message: Message, group: string | undefined, to: readonly [ModelSession, How][], must: boolean): void {
    const able = to.filter(([, { qos, place }]) => qos > 0 || place !== undefined)
    if (able.length === 0) return
    const owed: Owed = { message, group, to: new Map(able), could: new Map(), must, sent: undefined, notTurnOf: undefined }
    if (group !== undefined) {
      const members = JSON.stringify(to.map(([session, { qos }]) => [session.serial, qos]))
      const before = this.#latest.get(group)
      const isReady = able.length > 1 && able.length === to.length && able.every(([session]) => this.#isIdle(session))
      if (isReady && before?.members === members) owed.notTurnOf = before.got
      this.#latest.set(group, { owed, members, got: undefined })
    }
    this.#owed.push(owed)
  }

  #isIdle(session: ModelSession): boolean {
    const { place } = session
    return (
      place !== undefined &&
      place.inflight.size < place.window &&
      !this.#owed.some(({ to, sent }) => to.has(session) && sent?.place !== place)
    )
  }

  /** A PUBLISH reached a client. */
  arrived(place: Place, packet: PublishPacket, now: number): void {
    const { topic, dup, qos, packetId = 0, retain, properties } = packet
    const { session } = place
    const body = packet.payload.toString()
    const say = (what: string) =>
      void this.problems.push(`${key(session.subject)} got ${body || 'nothing'} on ${topic} at QoS ${qos}${dup ? ' again' : ''}: ${what}`)
    const all = this.#owed.filter(({ message, to }) => message.body === body && message.topic === topic && to.has(session))
    const again = all.find(
      ({ sent }) => sent !== undefined && sent.place !== place && sent.packetId === packetId && sent.place.session === session,
    )
    const identifiers = [...(properties?.subscriptionIdentifiers ?? [])].toSorted((one, other) => one - other).join()
    const isAs = (how: How | undefined) =>
      how?.qos === qos && how.retain === retain && (place.version === 4 || how.identifiers === identifiers)
    const fresh = all.filter(({ sent }) => sent === undefined)
    const owed = dup ? again : (narrowest(fresh.filter(({ to }) => isAs(to.get(session)))) ?? this.#exchanged(session, body, topic, isAs))
    if (owed === undefined)
      return say(
        fresh.length > 0
          ? `not as ${JSON.stringify(fresh.map(({ to }) => to.get(session)).map((how) => [how?.qos, how?.retain, how?.identifiers]))}`
          : 'it was not owed',
      )
    const { message, group } = owed
    if (!dup && now >= message.expiresAt) say('it had expired')
    if (!dup && all.length === 1 && owed.notTurnOf === session) say('it was the turn of another member')
    const left = message.expiresAt === never ? undefined : Math.max(0, message.expiresAt - now)
    if (place.version === 5 && properties?.messageExpiryInterval !== left)
      say(`it expires in ${left} s, not ${properties?.messageExpiryInterval}`)
    const latest = group === undefined ? undefined : this.#latest.get(group)
    if (latest?.owed === owed) latest.got = session
    if (!dup) owed.could = owed.to
    if (qos === 0) return this.#done(owed, session)
    if (this.#owed.some(({ sent }) => sent?.place.session === session && sent.packetId === packetId && sent !== owed.sent))
      say(`${packetId} is in use`)
    owed.to = new Map([[session, owed.to.get(session) ?? this.#bug()]])
    owed.sent = { place, packetId }
    place.inflight.add(packetId)
    if (place.inflight.size > place.window) say('the window is full')
  }

  /** PUBACK or PUBREC left the client: the message is its. */
  acknowledged(place: Place, packetId: number): void {
    const owed = this.#owed.find(({ sent }) => sent?.place === place && sent.packetId === packetId)
    if (owed !== undefined) this.#done(owed, place.session)
  }

  /** Everything that had to come at once has come. */
  settle(now: number): void {
    for (const owed of this.#owed) {
      const atOnce = [...owed.to].filter(([, { qos }]) => qos === 0)
      if (atOnce.length === 0) continue
      if (now >= owed.message.expiresAt || atOnce.some(([, { place }]) => place?.isOpen !== true)) owed.must = false
      for (const [session] of atOnce) owed.to.delete(session)
      if (owed.to.size > 0) continue
      this.#forget(owed)
      if (owed.must)
        this.problems.push(`${nameOf(owed)} did not come at QoS 0 to ${atOnce.map(([session]) => key(session.subject)).join(' or ')}`)
    }
  }

  /** What never came, though it had to. */
  lost(now: number): readonly string[] {
    return this.#owed
      .filter(({ must, message, sent }) => must && (sent !== undefined || now < message.expiresAt))
      .map((owed) => `${nameOf(owed)} never came to ${[...owed.to.keys()].map(({ subject }) => key(subject)).join(' or ')}`)
  }

  /** Another member may get what this one cannot have any more, if there is one. */
  #takeAway(owed: Owed, session: ModelSession): void {
    const { message, group, sent, to } = owed
    // It left at once, if it was to.
    if (to.get(session)?.qos === 0) return void (owed.must = false)
    const isWith2 = sent !== undefined && to.get(session)?.qos === 2
    this.#alsoLeft(owed, session)
    to.delete(session)
    if (group === undefined || isWith2) return this.#forget(owed)
    // It may have been by another that the session got it, which is not handed on.
    if (this.#owed.some((one) => one !== owed && one.message === message && one.to.has(session))) owed.must = false
    this.#latest.delete(group)
    owed.sent = undefined
    owed.notTurnOf = undefined
    const others = this.#members(group, message).filter(([one, { qos, place }]) => one !== session && (qos > 0 || place !== undefined))
    if (others.length === 0) owed.must = false
    for (const [other, how] of others) if (!to.has(other)) to.set(other, how)
    if (to.size === 0) this.#forget(owed)
  }

  #done(owed: Owed, session: ModelSession): void {
    this.#forget(owed)
    owed.to = new Map([[session, owed.to.get(session) ?? this.#bug()]])
    if (owed.group !== undefined) this.#delivered.push(owed)
  }

  /**
   * A message of several shared subscriptions says not by which it came. If all that this session could have got it by are taken, one who
   * took one of them may have got it by another.
   */
  #exchanged(session: ModelSession, body: string, topic: string, isAs: (how: How | undefined) => boolean): Owed | undefined {
    const same = [...this.#owed, ...this.#delivered].filter(({ message }) => message.body === body && message.topic === topic)
    for (const taken of same) {
      const [holder] = taken.to.keys()
      const how = holder === undefined ? undefined : taken.could.get(holder)
      if (holder === undefined || how === undefined || holder === session || !isAs(taken.could.get(session))) continue
      const spare = same.find(
        ({ sent, to }) => sent === undefined && isSame(to.get(holder), how) && !this.#delivered.some((one) => one.to === to),
      )
      if (spare === undefined) continue
      const wasDelivered = this.#delivered.includes(taken)
      spare.could = spare.to
      spare.sent = taken.sent
      spare.to = new Map([[holder, how]])
      if (wasDelivered) {
        this.#delivered = this.#delivered.filter((one) => one !== taken)
        this.#done(spare, holder)
        this.#owed.push(taken)
      }
      taken.sent = undefined
      taken.to = new Map(taken.could)
      return taken
    }
    return undefined
  }

  /** What a session got of a message by several shared subscriptions looks the same: what it leaves may be what it seemed to have got. */
  #alsoLeft(owed: Owed, session: ModelSession): void {
    const others = this.#delivered.filter((one) => one.message === owed.message && one.to.has(session))
    for (const { message, group = '' } of others) {
      const to = new Map(this.#members(group, message).filter(([one]) => one !== session))
      if (to.size > 0) this.#owed.push({ message, group, to, could: new Map(), must: false, sent: undefined, notTurnOf: undefined })
    }
  }

  #forget(owed: Owed): void {
    this.#owed = this.#owed.filter((one) => one !== owed)
  }

  #bug(): never {
    throw new Error('bug: the model lost something')
  }
}

function isSame(one: How | undefined, other: How): boolean {
  return one?.qos === other.qos && one.retain === other.retain && one.identifiers === other.identifiers
}

/** That which fewest others could get. */
function narrowest(all: readonly Owed[]): Owed | undefined {
  return all.toSorted((one, other) => one.to.size - other.to.size)[0]
}

function nameOf({ message, group }: Owed): string {
  return `${message.body || 'nothing'} on ${message.topic} at QoS ${message.qos}${group === undefined ? '' : ` for ${group}`}`
}
