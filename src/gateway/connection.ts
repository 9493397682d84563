import type { Principal } from '#access'
import { type Instant, never, uuid } from '#base'
import type { Link, Message, Session } from '#broker'
import { telemetryFlags, telemetrySize, writeTelemetry } from '#journal'
import {
  type ConnectPacket,
  FrameReader,
  type Malformed,
  type MqttPacket,
  type PublishPacket,
  type SubscribePacket,
  type UnsubscribePacket,
  encode,
  reasonCodes,
} from '#wire/mqtt'
import type { Acknowledged } from './acknowledgements.ts'
import { type Ticket, freeTicket } from './admission.ts'
import type { Desk } from './desk.ts'
import { type EndReason, disconnectCode, isBanned } from './end-reason.ts'
import type { ListenerLimits } from './listener-limits.ts'
import { type NotOpened, type Opening, acceptance, isDenial, judgeConnect, refusalPacket } from './opening.ts'
import { Outbox } from './outbox.ts'
import type { LiveConnection } from './ports.ts'
import { propertyBytes } from './property-bytes.ts'
import { stampOf, tellConnected, tellDenied, tellDisconnected, tellRefused } from './records.ts'
import type { TopicVerdict } from './topic-verdict.ts'
import type { Transport } from './transport.ts'
import { markedAsWill } from './will.ts'

/*
 * One client's MQTT connection: bytes from a transport in, decisions, records and packets out. Everything here is synchronous: between
 * reading shared state and writing it back nothing else can run. The order of a QoS 1 message's life is fixed: policy, journal, disk,
 * then subscribers and PUBACK together.
 *
 * Phases: `connecting` until CONNECT was judged, `open`, `closed`. A closed connection ignores everything.
 */

type Publication = Pick<PublishPacket, 'payload' | 'retain' | 'dup' | 'properties'>

const nothing = Buffer.alloc(0)

/** See the theory of operation above. */
export class Connection implements Link, Acknowledged {
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
  #phase: 'connecting' | 'open' | 'closed' = 'connecting'
  #opening: Opening | undefined
  #session: Session | undefined
  #will: ConnectPacket['will']
  #stamp: Buffer = nothing
  readonly #aliases: string[] = []
  #inMessages = 0
  #inBytes = 0
  /** PUBLISH packets taken whose PUBACK has not been sent. */
  #unacknowledged = 0
  #paused = false

  /** `limits` are those of the listener that it came by; `ticket` is what admission holds of its socket. */
  constructor(transport: Transport, desk: Desk, limits: ListenerLimits, ticket: Ticket = freeTicket) {
    this.transport = transport
    this.#desk = desk
    this.#limits = limits
    this.#ticket = ticket
    this.#reader = new FrameReader({ role: 'server' }, limits.reader)
    this.#outbox = new Outbox(transport, desk)
    this.id = uuid(desk.ports.random)
    this.#since = desk.ports.clock.now()
    this.lastHeard = desk.ports.clock.monotonic()
  }

  get clientId(): string {
    return this.#opening?.clientId ?? ''
  }

  get principal(): Principal | undefined {
    return this.#opening?.principal
  }

  get isOpen(): boolean {
    return this.#phase === 'open'
  }

  /** Milliseconds of silence after which the peer is taken for dead: 1.5 times keep alive, or the time allowed until CONNECT. */
  get patienceMs(): number {
    return this.#opening === undefined ? this.#limits.connectMs : this.#opening.keepAliveMs * 1.5
  }

  /** Takes bytes from the transport. */
  receive(chunk: Buffer): void {
    if (this.#phase === 'closed') return
    this.lastHeard = this.#desk.tick
    this.#inBytes += chunk.length
    this.#desk.counters.bytesIn += chunk.length
    this.#reader.push(chunk)
    if (!this.#paused) this.#work()
  }

  /** Goes on where {@link Connection.receive} stopped because the disk or this client's own window was full. */
  resume(): void {
    if (!this.#paused || this.#phase === 'closed') return
    this.#paused = false
    this.transport.resume()
    this.#work()
  }

  /** The transport is gone without a goodbye. */
  lost(): void {
    this.#close('peer-left', undefined)
  }

  /** Ends the connection from our side. MQTT 5 is told why [MQTT-4.13]. */
  end(reason: EndReason): void {
    this.#close(reason, disconnectCode(reason))
  }

  takenOver(): void {
    this.#desk.counters.takeovers++
    this.end('taken-over')
  }

  get writable(): boolean {
    return this.#outbox.writable
  }

  deliver(message: Message, qos: 0 | 1, packetId: number, retain: boolean, dup: boolean): void {
    const gathered = this.#outbox.publish(message, qos, packetId, retain, dup)
    if (gathered?.first) this.#desk.flushLater(this)
    // What the client cannot take counts as delivered; not at once, because the session is in the middle of sending.
    if (gathered === undefined && qos === 1) queueMicrotask(() => this.#session?.acknowledge(packetId))
  }

  acknowledge(packetId: number, reasonCode: number): boolean {
    return this.#outbox.acknowledge(packetId, reasonCode)
  }

  flushAcknowledgements(): void {
    const { count, bytes } = this.#outbox.takeAcknowledgements()
    this.#unacknowledged -= count
    if (this.#phase !== 'open') return
    this.#outbox.flush()
    this.#outbox.write(bytes)
    if (this.#paused && !this.#desk.ports.journal.paused) this.resume()
  }

  /** Writes what deliveries gathered. */
  flush(): void {
    if (this.#phase !== 'open') return
    this.#outbox.flush()
    if (this.#outbox.isHopeless) this.#close('too-slow', undefined)
  }

  /** A snapshot for operators; undefined until CONNECT was accepted. */
  describe(): LiveConnection | undefined {
    if (this.#opening === undefined) return undefined
    const { principal, clientId } = this.#opening
    const { type, scope, thumbprint } = principal.authentication
    return {
      id: this.id,
      device: principal.device,
      clientId,
      transport: this.transport.kind,
      mqttVersion: this.#outbox.version,
      address: this.transport.address,
      since: this.#since,
      tls: this.transport.tls(),
      auth: { type, scope, thumbprint },
      inMessages: this.#inMessages,
      outMessages: this.#outbox.messages,
      inBytes: this.#inBytes,
      outBytes: this.#outbox.bytes,
      subscriptions: [...(this.#session?.subscriptions.keys() ?? [])],
    }
  }

  #work(): void {
    const { journal } = this.#desk.ports
    while (this.#phase !== 'closed') {
      // A client beyond its Receive Maximum is slowed down, not cut off: TCP tells it sooner than DISCONNECT 0x93 would.
      if (journal.paused || this.#unacknowledged >= this.#limits.receiveMaximum) {
        this.#paused = true
        this.transport.pause()
        return
      }
      const packet = this.#reader.next()
      if (packet === undefined) return
      this.#take(packet)
    }
  }

  #take(packet: MqttPacket | Malformed): void {
    switch (packet.type) {
      case 'publish':
        return this.#publish(packet)
      case 'puback':
        return this.#session?.acknowledge(packet.packetId)
      case 'pingreq':
        return this.#outbox.write(encode({ type: 'pingresp' }, this.#outbox.version))
      case 'subscribe':
        return this.#subscribe(packet)
      case 'unsubscribe':
        return this.#unsubscribe(packet)
      case 'connect':
        return this.#connect(packet)
      case 'disconnect': {
        // 0x04 asks for the will to be sent all the same (MQTT 5 section 3.14.2.1).
        if (packet.reasonCode !== reasonCodes['disconnect-with-will-message']) this.#will = undefined
        const expiry = packet.properties?.sessionExpiryInterval
        if (expiry !== undefined && this.#session !== undefined && this.#session.expirySeconds > 0)
          this.#session.expirySeconds = Math.min(expiry, this.#limits.sessionExpirySeconds)
        return this.#close('client-disconnected', undefined)
      }
      case 'malformed':
        return this.#malformed(packet)
      case 'pubrec':
      case 'pubrel':
      case 'pubcomp':
      case 'auth':
        return this.#close('unsupported', reasonCodes['protocol-error'])
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
    const judged = judgeConnect(connect, this.transport, this.#desk, this.#limits, this.#ticket)
    if (!judged.ok) return this.#refuse(judged.error, connect.clientId)
    const opening = judged.value
    const { principal, clientId } = opening
    const { broker } = this.#desk.ports
    const { session, present } = broker.attach({
      owner: principal.device,
      clientId,
      cleanStart: connect.cleanStart,
      expirySeconds: opening.expirySeconds,
      receiveMaximum: opening.receiveMaximum,
      link: this,
    })
    this.#opening = opening
    this.#session = session
    this.#will = connect.will
    this.#phase = 'open'
    this.#stamp = stampOf(principal, this.id, this.transport.kind)
    this.#outbox.maxPacketBytes = opening.maxPacketBytes
    this.#reader.allow(this.#limits.maxPacketBytes)
    this.transport.authenticated()
    this.#desk.enter(principal, this)
    const described = this.describe()
    if (described !== undefined) tellConnected(this.#desk, described)
    this.#outbox.write(encode(acceptance(connect, opening, present, this.#limits), this.#outbox.version))
    broker.start(session, this, opening.receiveMaximum)
  }

  #publish(packet: PublishPacket): void {
    const opening = this.#opening
    if (opening === undefined) return
    if (packet.qos === 2) return this.#close('unsupported', reasonCodes['qos-not-supported'])
    const alias = packet.properties?.topicAlias
    const topic = alias === undefined ? packet.topic : this.#resolveAlias(packet.topic, alias)
    if (topic === undefined) return this.#close('malformed', reasonCodes['topic-alias-invalid'])
    this.#inMessages++
    this.#desk.counters.messagesIn++
    if (packet.qos === 0 && this.#desk.overload.dropsQos0) return void this.#desk.counters.droppedQos0++
    const verdict = opening.verdicts.publish(topic)
    if (verdict.rule === undefined) return this.#denyPublish(opening, topic, packet)
    this.#accept(opening, verdict, packet, packet.qos, packet.packetId ?? 0)
  }

  /** Journal first; PUBACK and QoS 1 subscribers when the disk has it, QoS 0 subscribers at once. A `packetId` of 0 wants no PUBACK. */
  #accept(opening: Opening, verdict: TopicVerdict, packet: Publication, qos: 0 | 1, packetId: number): void {
    const { journal, broker, clock } = this.#desk.ports
    const { payload, retain } = packet
    const properties = packet.properties === undefined ? nothing : propertyBytes(packet.properties)
    const at = journal.reserve(telemetrySize(this.#stamp, verdict.bytes, properties, payload))
    // Only who did not heed `paused` gets here; without room on the way to the disk there is no acknowledgement.
    if (at < 0) return this.#close('too-slow', reasonCodes['server-busy'])
    const flags = telemetryFlags(qos, retain, packet.dup, this.#outbox.version)
    writeTelemetry(journal.buffer, at, flags, clock.now(), this.#stamp, verdict.bytes, properties, payload)
    const keeps = retain && !verdict.telemetry
    let code = 0
    let message: Message | undefined
    if (keeps || broker.route(verdict.topic).length > 0) {
      message = {
        topic: verdict.topic,
        payload,
        qos,
        retain,
        properties: packet.properties,
        owner: opening.principal.device,
        from: this.id,
      }
      if (keeps && !broker.retained.set(message)) code = reasonCodes['quota-exceeded']
    }
    if (qos === 1) {
      if (packetId !== 0) this.#unacknowledged++
      this.#desk.acknowledgements.wait(this, packetId, code, journal.end, message)
    } else if (message !== undefined) broker.publish(message)
  }

  #denyPublish(opening: Opening, topic: string, packet: PublishPacket): void {
    const { journal } = this.#desk.ports
    const before = journal.end
    tellDenied(this.#desk, { device: opening.principal.device, clientId: opening.clientId, id: this.id }, 'publish', topic)
    if (packet.packetId === undefined) return
    // In line with the others, so that PUBACKs keep the order of their PUBLISHes [MQTT-4.6.0-2]; it waits for them, not for its own record.
    this.#unacknowledged++
    this.#desk.acknowledgements.wait(this, packet.packetId, reasonCodes['not-authorized'], before, undefined)
    if (journal.durableEnd >= before) this.#desk.acknowledgements.durable(journal.durableEnd)
  }

  #resolveAlias(topic: string, alias: number): string | undefined {
    if (alias > this.#limits.topicAliasMaximum) return undefined
    if (topic === '') return this.#aliases[alias]
    this.#aliases[alias] = topic
    return topic
  }

  #subscribe(packet: SubscribePacket): void {
    const session = this.#session
    const opening = this.#opening
    if (session === undefined || opening === undefined) return
    if (packet.properties?.subscriptionIdentifiers !== undefined)
      return this.#close('unsupported', reasonCodes['subscription-identifiers-not-supported'])
    const codes: number[] = []
    const retained: { readonly message: Message; readonly qos: 0 | 1 }[] = []
    for (const asked of packet.subscriptions) {
      if (opening.verdicts.subscribe(asked.filter) === undefined) {
        tellDenied(this.#desk, { device: opening.principal.device, clientId: opening.clientId, id: this.id }, 'subscribe', asked.filter)
        codes.push(reasonCodes['not-authorized'])
        continue
      }
      const qos = asked.qos === 0 ? 0 : 1
      const { granted, retained: kept } = this.#desk.ports.broker.subscribe(session, { ...asked, qos })
      if (granted === 'too-many') codes.push(reasonCodes['quota-exceeded'])
      else if (granted === 'shared-unsupported') codes.push(reasonCodes['shared-subscriptions-not-supported'])
      else codes.push(granted)
      for (const message of kept) retained.push({ message, qos: message.qos < qos ? message.qos : qos })
    }
    this.#outbox.write(encode({ type: 'suback', packetId: packet.packetId, reasonCodes: codes }, this.#outbox.version))
    for (const { message, qos } of retained) session.send(message, qos, true)
  }

  #unsubscribe(packet: UnsubscribePacket): void {
    const session = this.#session
    if (session === undefined) return
    const known = packet.filters.map((filter) => this.#desk.ports.broker.unsubscribe(session, filter))
    const codes = known.map((was) => (was ? reasonCodes.success : reasonCodes['no-subscription-existed']))
    this.#outbox.write(encode({ type: 'unsuback', packetId: packet.packetId, reasonCodes: codes }, this.#outbox.version))
  }

  #malformed(packet: Malformed): void {
    if (this.#phase === 'open') return this.#close('malformed', packet.reasonCode)
    const version = this.#reader.version
    this.#outbox.version = version ?? 4
    const refused: NotOpened = { code: packet.code, message: packet.message, detail: packet.clause, reasonCode: packet.reasonCode }
    this.#refuse(refused, '', version === 5 || (version === 4 && hasReturnCode(packet.reasonCode)))
  }

  /** `answer` is false for a peer that has not shown that it speaks MQTT: it gets no byte. */
  #refuse(refused: NotOpened, clientId: string, answer = true): void {
    tellRefused(this.#desk, this.transport, refused, clientId)
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

  #close(reason: EndReason, code: number | undefined): void {
    if (this.#phase === 'closed') return
    if (this.#phase === 'open') {
      this.#outbox.flush()
      if (code !== undefined && this.#outbox.version === 5) this.#outbox.write(encode({ type: 'disconnect', reasonCode: code }, 5))
    }
    this.#phase = 'closed'
    if (reason === 'peer-left') this.transport.destroy()
    else this.transport.end()
    const opening = this.#opening
    const described = this.describe()
    if (opening === undefined || described === undefined || this.#session === undefined) return
    this.#desk.leave(opening.principal, this)
    this.#desk.ports.broker.detach(this.#session, this, this.#desk.ports.clock.monotonic())
    tellDisconnected(this.#desk, described, reason)
    if (!isBanned(reason)) this.#publishWill(opening)
  }

  /** A will counts as the device's own message and was judged by the same policy [MQTT-3.1.2-8]. */
  #publishWill(opening: Opening): void {
    const will = this.#will
    this.#will = undefined
    if (will === undefined) return
    const verdict = opening.verdicts.publish(will.topic)
    if (verdict.rule === undefined) return
    const marked = verdict.telemetry ? opening.verdicts.publish(markedAsWill(will.topic)) : verdict
    const { payload, retain, properties } = will
    this.#accept(opening, marked, { payload, retain, dup: false, properties }, will.qos === 0 ? 0 : 1, 0)
  }
}

/** Whether 3.1.1 has a return code for what is wrong with a CONNECT; where it has none, nothing is said [MQTT-3.1.4-1, MQTT-3.2.2-6]. */
function hasReturnCode(reasonCode: number): boolean {
  return reasonCode === reasonCodes['unsupported-protocol-version'] || reasonCode === reasonCodes['client-identifier-not-valid']
}
