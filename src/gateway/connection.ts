import type { Principal, Reauthenticated } from '#access'
import { type Instant, type Result, never, uuid } from '#base'
import type { Link, Message, Session } from '#broker'
import {
  type AuthPacket,
  type ConnectPacket,
  type DisconnectPacket,
  FrameReader,
  type Malformed,
  type MqttPacket,
  encode,
  reasonCodes,
} from '#wire/mqtt'
import { acknowledgement } from './acknowledgements.ts'
import { type Ticket, freeTicket } from './admission.ts'
import { describeConnection } from './describe.ts'
import type { Desk } from './desk.ts'
import { type EndReason, disconnectCode, isBanned } from './end-reason.ts'
import type { InboundConnection } from './inbound.ts'
import type { ListenerLimits } from './listener-limits.ts'
import { type Live, becomes, mayStay, openLive, startLive } from './live.ts'
import type { Member } from './member.ts'
import { type NotOpened, type Opening, acceptance, isAnswered, isDenial, judgeConnect, notJudged, refusalPacket } from './opening.ts'
import { Outbox, gathered } from './outbox.ts'
import type { LiveConnection } from './ports.ts'
import { type Registering, judgeRegistration } from './provisioning/judge-connect.ts'
import { RegistrationConversation } from './provisioning/mqtt-conversation.ts'
import { afterReauthentication, askedAgain, notJudgedAgain } from './reauthentication.ts'
import { encodeExplained, endReasonString, inWords } from './reason-string.ts'
import { tellConnected, tellDisconnected, tellRefused } from './records.ts'
import { tellRefusedTakeover, tellTakeover } from './takeover-facts.ts'
import { type Outcome, subscribe, unsubscribe } from './subscribing.ts'
import { TopicAliases } from './topic-aliases.ts'
import type { Transport } from './transport.ts'

/*
 * One client's MQTT connection: bytes from a transport in, decisions, records and packets out. Everything here is synchronous: between
 * reading shared state and writing it back nothing else can run. The one exception is a credential that somebody else must be asked about:
 * until there is an answer the client is not read, and then everything is judged by what is true at that moment.
 *
 * Phases: `connecting` until CONNECT has come, `judging` while somebody is asked about it, `open`, `closed`. A closed connection ignores
 * everything.
 */

/** See the theory of operation above. */
export class Connection implements Link, InboundConnection, Member {
  readonly id: string
  readonly transport: Transport
  /** Monotonic milliseconds of the last bytes, as exact as the desk's tick. */
  lastHeard: number
  readonly #desk: Desk
  readonly #outbox: Outbox
  readonly #limits: ListenerLimits
  readonly #ticket: Ticket
  readonly #reader: FrameReader
  readonly #since: Instant
  #phase: 'connecting' | 'judging' | 'open' | 'closed' = 'connecting'
  #live: Live | undefined
  /** Set when it has become the conversation of a device that registers: then this is closed. */
  #registration: RegistrationConversation | undefined
  #inBytes = 0
  #paused = false

  /** `limits` are those of the listener that it came by; `ticket` is what admission holds of its socket. */
  constructor(transport: Transport, desk: Desk, limits: ListenerLimits, ticket: Ticket = freeTicket) {
    this.transport = transport
    this.#desk = desk
    this.#limits = limits
    this.#ticket = ticket
    this.#reader = new FrameReader({ role: 'server' }, limits.reader)
    this.#outbox = new Outbox(transport, desk)
    this.#outbox.unsentBytes = limits.unsentBytes
    this.id = uuid(desk.ports.random)
    this.#since = desk.ports.clock.now()
    this.lastHeard = desk.ports.clock.monotonic()
  }

  get clientId(): string {
    return this.#live?.opening.clientId ?? ''
  }

  get principal(): Principal | undefined {
    return this.#live?.opening.principal
  }

  get isOpen(): boolean {
    return this.#live !== undefined && this.#phase !== 'closed'
  }

  /** Milliseconds of silence after which the peer is taken for dead: 1.5 times keep alive, or the time allowed until CONNECT. */
  get patienceMs(): number {
    return this.#live === undefined ? this.#limits.connectMs : this.#live.opening.keepAliveMs * 1.5
  }

  /** Takes bytes from the transport. */
  receive(chunk: Buffer): void {
    if (this.#registration === undefined && this.#phase === 'closed') return
    this.lastHeard = this.#desk.tick
    this.#inBytes += chunk.length
    this.#desk.counters.bytesIn += chunk.length
    if (this.#registration !== undefined) return this.#registration.receive(chunk)
    this.#reader.push(chunk)
    if (!this.#paused) this.#work()
  }

  /** Goes on where {@link Connection.receive} stopped because the disk or this client's own window was full. */
  resume(): void {
    if (!this.#paused || this.#phase === 'closed' || this.#phase === 'judging') return
    this.#paused = false
    this.transport.resume()
    this.#work()
  }

  /** Called a few times a second: a client that published too fast goes on. */
  wake(): void {
    this.#live?.inbound.wake()
    if (this.#live?.inbound.rate !== undefined) this.resume()
  }

  /** The transport is gone without a goodbye. */
  lost(): void {
    this.#close('peer-left', undefined)
  }

  /** Ends the connection from our side. MQTT 5 is told why [MQTT-4.13]. */
  end(reason: EndReason): void {
    this.#close(reason, disconnectCode(reason))
  }

  fail(reason: EndReason, code: number): void {
    this.#close(reason, code)
  }

  takenOver(): void {
    this.#desk.counters.takeovers++
    this.end('taken-over')
  }

  stuck(): void {
    this.#close('too-slow', reasonCodes['server-busy'])
  }

  /** Ends a connection whose credential has ended, without a word (edge.md 1.9). */
  endIfExpired(now: Instant): void {
    if (now >= (this.principal?.expiresAt ?? Number.POSITIVE_INFINITY)) this.#close('credential-expired', undefined)
  }

  /** Judges the client by the policy of now, and its next packets too. False: it lost its place or a subscription, and was cut off. */
  judgeAgain(): boolean {
    if (this.#live === undefined || !this.isOpen || mayStay(this.#desk, this.#live)) return true
    this.end('policy-changed')
    return false
  }

  get writable(): boolean {
    return this.#outbox.writable
  }

  deliver(message: Message, qos: 0 | 1 | 2, packetId: number, retain: boolean, dup: boolean, identifiers: readonly number[]): boolean {
    const what = this.#outbox.publish(message, qos, packetId, retain, dup, identifiers)
    if (what === gathered.first) this.#desk.flushLater(this)
    return what !== gathered.tooLarge
  }

  release(packetId: number, known: boolean): void {
    this.answer(packetId, acknowledgement.pubrel | (known ? 0 : reasonCodes['packet-identifier-not-found']))
  }

  answer(packetId: number, answer: number): void {
    if (this.#outbox.acknowledge(packetId, answer)) this.#desk.flushLater(this)
  }

  acknowledge(packetId: number, answer: number): boolean {
    return this.#outbox.acknowledge(packetId, answer)
  }

  flushAcknowledgements(): void {
    this.flush()
    if (this.#paused && this.isOpen && !this.#desk.ports.journal.paused) this.resume()
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.#live === undefined || !this.isOpen) return
    this.#live.inbound.unacknowledged -= this.#outbox.flush()
    if (this.#outbox.isHopeless) this.#close('too-slow', undefined)
  }

  /** A snapshot for operators; undefined until CONNECT was accepted. */
  describe(): LiveConnection | undefined {
    if (this.#live === undefined) return undefined
    const { opening, inbound, session } = this.#live
    const [id, transport, since] = [this.id, this.transport, this.#since]
    const [inBytes, outBytes, outMessages] = [this.#inBytes, this.#outbox.bytes, this.#outbox.messages]
    const traffic = { inMessages: inbound.messages, outMessages, inBytes, outBytes }
    return describeConnection({ id, transport, opening, since, session, traffic, mqttVersion: this.#outbox.version })
  }

  #work(): void {
    const { journal } = this.#desk.ports
    while (this.#phase !== 'closed') {
      const isFull = journal.paused || this.#live?.inbound.isFull === true
      // A client beyond its Receive Maximum is slowed down, not cut off: TCP tells it sooner than DISCONNECT 0x93 would.
      if (isFull || this.#phase === 'judging') {
        this.#paused = true
        this.transport.pause()
        return
      }
      const packet = this.#reader.next()
      if (packet === undefined) return
      if (this.#live === undefined) this.#open(packet)
      else this.#take(packet, this.#live)
    }
  }

  /** The first packet. The reader lets nothing pass but CONNECT. */
  #open(packet: MqttPacket | Malformed): void {
    if (packet.type === 'connect') this.#connect(packet)
    else if (packet.type === 'malformed') this.#malformed(packet)
    else this.#close('malformed', undefined)
  }

  #take(packet: MqttPacket | Malformed, live: Live): void {
    switch (packet.type) {
      case 'publish':
        return live.inbound.publish(packet)
      case 'puback':
        return live.session.acknowledge(packet.packetId, packet.reasonCode)
      case 'pubrec':
        return live.session.outgoing.received(packet.packetId, packet.reasonCode)
      case 'pubrel':
        return live.inbound.release(packet.packetId)
      case 'pubcomp':
        return live.session.outgoing.completed(packet.packetId)
      case 'pingreq':
        return this.#outbox.write(encode({ type: 'pingresp' }, this.#outbox.version))
      case 'subscribe':
        return this.#answerWhenRecorded(subscribe(this.#desk, live.inbound, live.session, packet, this.#outbox), live.session)
      case 'unsubscribe':
        return this.#answerWhenRecorded(unsubscribe(this.#desk, live.inbound, live.session, packet, this.#outbox.version), live.session)
      case 'disconnect':
        return this.#disconnect(packet, live)
      case 'auth':
        return this.#authenticateAgain(packet, live)
      case 'malformed':
        return this.#close('malformed', packet.reasonCode, { why: inWords(packet) })
      case 'connect':
      case 'connack':
      case 'suback':
      case 'unsuback':
      case 'pingresp':
        return this.#close('malformed', reasonCodes['protocol-error'])
      default:
        return never(packet)
    }
  }

  #connect(connect: ConnectPacket): void {
    this.#outbox.version = connect.version
    const registering = judgeRegistration(connect, this.transport, this.#desk, this.#ticket)
    if (registering !== undefined) return this.#ask(registering, (answer) => this.#register(connect, answer))
    const judged = judgeConnect(connect, this.transport, this.#desk, this.#limits, this.#ticket)
    if (!(judged instanceof Promise)) return this.#judged(connect, judged)
    this.#ask(judged, (answer) => this.#judged(connect, answer, true))
  }

  #ask<T>(judged: Promise<Result<T, NotOpened>>, then: (answer: Result<T, NotOpened>) => void): void {
    this.#phase = 'judging'
    judged
      .catch((error: unknown) => notJudged(this.#desk, error))
      .then((answer) => this.#answered(() => then(answer)))
      .catch((error: unknown) => this.#bug(error))
  }

  #register(connect: ConnectPacket, judged: Result<Registering, NotOpened>): void {
    if (!judged.ok) return this.#refuse(judged.error, connect.clientId)
    this.#phase = 'closed'
    const parts = { connect, reader: this.#reader, transport: this.transport, desk: this.#desk, limits: this.#limits }
    this.#registration = new RegistrationConversation({ ...judged.value, ...parts })
    this.#registration.start()
  }

  /** Goes on after somebody was asked. */
  #answered(then: () => void): void {
    if (this.#phase !== 'judging') return
    this.#phase = this.#live === undefined ? 'connecting' : 'open'
    then()
    this.resume()
  }

  /** `isLate`: between the judgement and now something else may have run, and the policy may be another. */
  #judged(connect: ConnectPacket, judged: Result<Opening, NotOpened>, isLate = false): void {
    if (!judged.ok) return this.#refuse(judged.error, connect.clientId)
    const opening = judged.value
    const { principal } = opening
    tellTakeover(this.#desk, this, principal, opening.expirySeconds)
    const live = openLive(this.#desk, this.#limits, this, connect, opening)
    live.inbound.rate = this.#desk.rates.of(principal.device, this.#limits.publishesPerSecondPerIdentity, this.#desk.tick)
    this.#live = live
    this.#phase = 'open'
    this.#outbox.maxPacketBytes = opening.maxPacketBytes
    this.#outbox.explains = connect.properties?.requestProblemInformation !== false
    this.#outbox.aliases = new TopicAliases(Math.min(connect.properties?.topicAliasMaximum ?? 0, this.#limits.topicAliasesSent))
    this.#reader.allow(this.#limits.maxPacketBytes)
    this.transport.authenticated()
    this.#desk.enter(principal, this)
    const described = this.describe()
    if (described !== undefined) tellConnected(this.#desk, described, principal.subject, connect.will?.topic)
    this.#outbox.write(encode(acceptance(connect, opening, live.present, this.#limits), connect.version))
    if (!isLate || this.judgeAgain()) startLive(this.#desk, live, this)
  }

  #disconnect(packet: DisconnectPacket, { session, opening }: Live): void {
    const expiry = packet.properties?.sessionExpiryInterval
    // A session that was to end with its connection cannot be kept after all [MQTT-3.14.2-2].
    if (expiry !== undefined && expiry > 0 && opening.expirySeconds === 0) return this.#close('malformed', reasonCodes['protocol-error'])
    if (expiry !== undefined) session.expirySeconds = Math.min(expiry, this.#limits.sessionExpirySeconds)
    // 0x04 asks for the will to be sent all the same (MQTT 5 section 3.14.2.1).
    const keepsWill = packet.reasonCode === reasonCodes['disconnect-with-will-message']
    this.#close('client-disconnected', undefined, { will: keepsWill ? 'publish' : 'discard' })
  }

  /** AUTH on a live connection: the credential is judged again, and nothing is read meanwhile (edge.md 1.9). */
  #authenticateAgain(packet: AuthPacket, live: Live): void {
    const { reauthenticate } = this.#desk.ports
    const asked = askedAgain(packet, live.method)
    if (asked === undefined || reauthenticate === undefined) return this.#close('malformed', reasonCodes['protocol-error'])
    const { principal } = live.opening
    const goOn = (outcome: Reauthenticated) => {
      const next = afterReauthentication(outcome, principal.device)
      if (next.ends) return this.#close('credential', next.code, { why: next.why })
      const properties = { authenticationMethod: asked.method }
      this.#outbox.write(encode({ type: 'auth', reasonCode: next.code, properties }, 5))
      if (next.principal !== undefined) becomes(this.#desk, live, next.principal, this.transport)
    }
    this.#phase = 'judging'
    reauthenticate(principal, asked.method, asked.data)
      .catch((error: unknown) => notJudgedAgain(this.#desk, error))
      .then((outcome) => this.#answered(() => goOn(outcome)))
      .catch((error: unknown) => this.#bug(error))
  }

  /** A bug must not leave a connection half open. */
  #bug(error: unknown): void {
    this.#close('unsupported', reasonCodes['implementation-specific-error'])
    this.#desk.ports.trouble?.('a connection failed', error)
  }

  /** Answers when the record is on disk, if somebody has to wait for it. */
  #answerWhenRecorded(outcome: Outcome, session: Session): void {
    const go = () => {
      if (this.isOpen) this.#outbox.write(outcome.answer)
      outcome.after()
    }
    if (outcome.recorded < 0) go()
    else session.whenDurable(outcome.recorded, go)
  }

  #malformed(packet: Malformed): void {
    const { code, message, clause: detail, reasonCode } = packet
    this.#outbox.version = this.#reader.version ?? 4
    this.#refuse({ code, message, detail, reasonCode }, '', isAnswered(this.#reader.version, reasonCode))
  }

  /** `answer` is false for a peer that has not shown that it speaks MQTT: it gets no byte. */
  #refuse(refused: NotOpened, clientId: string, answer = true): void {
    tellRefused(this.#desk, this.transport, refused, clientId)
    if (isDenial(refused)) tellRefusedTakeover(this.#desk, this, clientId)
    this.#phase = 'closed'
    const finish = () => {
      if (answer) this.#outbox.write(encode(refusalPacket(refused, this.#outbox.version), this.#outbox.version))
      this.transport.end()
    }
    // Whoever guesses waits for each answer, and counts as a stranger all the while.
    const waitMs = isDenial(refused) ? this.#ticket.denied() : 0
    if (waitMs === 0) finish()
    else this.#desk.ports.clock.after(waitMs, finish)
  }

  #close(reason: EndReason, code: number | undefined, more: { will?: 'publish' | 'discard'; why?: string | undefined } = {}): void {
    if (this.#phase === 'closed') return
    if (this.#live !== undefined) {
      this.#outbox.flush()
      if (code !== undefined && this.#outbox.version === 5) {
        const why = more.why ?? endReasonString(reason, code)
        this.#outbox.write(encodeExplained({ type: 'disconnect', reasonCode: code }, why, this.#outbox.maxPacketBytes))
      }
    }
    this.#phase = 'closed'
    if (reason === 'peer-left') this.transport.destroy()
    else this.transport.end()
    const described = this.describe()
    if (this.#live === undefined || described === undefined) return
    const { opening, session, inbound } = this.#live
    inbound.end()
    this.#desk.leave(opening.principal, this)
    tellDisconnected(this.#desk, described, reason)
    this.#desk.ports.broker.detach(session, this, more.will ?? (isBanned(reason) ? 'discard' : 'publish'))
  }
}
