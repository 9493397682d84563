import type { Session } from '#broker'
import type { Offset } from '#journal'
import { parseDeviceTopic } from '#wire/azure'
import { type PublishPacket, reasonCodes } from '#wire/mqtt'
import { type Acknowledged, acknowledgement } from './acknowledgements.ts'
import type { Desk } from './desk.ts'
import type { EndReason } from './end-reason.ts'
import type { ListenerLimits } from './listener-limits.ts'
import { type Publisher, isKept, takePublication } from './publication.ts'
import { DeviceOperations } from './operations/operations.ts'
import { interestOf, wantsNothing } from './operations/interest.ts'
import { tellDenied } from './records.ts'
import type { TokenBucket } from './token-bucket.ts'
import type { TopicVerdict, TopicVerdicts } from './topic-verdict.ts'

/*
 * What a client publishes. The order of a message's life is fixed: policy, journal, disk, then subscribers and the acknowledgement
 * together. At QoS 2 the message is delivered when it is taken (method B of the standard), and its identifier is kept until PUBREL: in the
 * session, and for a stored session in the very record of the message, so that no crash comes between them.
 */

/** What {@link Inbound} asks of its connection. */
export interface InboundConnection extends Acknowledged {
  /** Sends an acknowledgement at the end of this turn; it does not wait for the disk. */
  answer(packetId: number, answer: number): void
  fail(reason: EndReason, code: number): void
  /** There may be room for more: goes on reading. */
  resume(): void
}

/** See the theory of operation above. */
export class Inbound {
  /** What policy says about topics; replaced when the policy changes. */
  verdicts: TopicVerdicts
  /** Who publishes, with the stamp of this connection; replaced when the client has authenticated again. */
  publisher: Publisher
  /** PUBLISH packets taken. */
  messages = 0
  /** PUBLISH packets taken whose PUBACK or PUBREC has not been sent. */
  unacknowledged = 0
  /** How fast this identity may publish; undefined: it has no bound. */
  rate: TokenBucket | undefined
  readonly #desk: Desk
  readonly #limits: ListenerLimits
  readonly #session: Session
  readonly #connection: InboundConnection
  readonly #aliases: string[] = []
  /** The session was there before this connection. */
  readonly #isResumed: boolean
  /** What the client does beside publishing and subscribing; most do nothing. */
  #operations: DeviceOperations | undefined
  #messagesTold = 0
  #isOver = false

  constructor(
    desk: Desk,
    limits: ListenerLimits,
    verdicts: TopicVerdicts,
    publisher: Publisher,
    session: Session,
    connection: InboundConnection,
    isResumed: boolean,
  ) {
    this.#desk = desk
    this.#limits = limits
    this.verdicts = verdicts
    this.publisher = publisher
    this.#session = session
    this.#connection = connection
    this.#isResumed = isResumed
  }

  /** Whether the client has to wait: too much is on its way to the disk, or it publishes too fast. */
  get isFull(): boolean {
    if (this.unacknowledged >= this.#limits.receiveMaximum || this.#operations?.isFull === true) return true
    return this.rate?.has(this.#desk.tick) === false
  }

  /** HOT PATH. Takes a PUBLISH. */
  publish(packet: PublishPacket): void {
    const alias = packet.properties?.topicAlias
    const topic = alias === undefined ? packet.topic : this.#resolveAlias(packet.topic, alias)
    if (topic === undefined) return this.#connection.fail('malformed', reasonCodes['topic-alias-invalid'])
    this.messages++
    this.#desk.counters.messagesIn++
    this.rate?.take(this.#desk.tick)
    const packetId = packet.packetId ?? 0
    if (packet.qos === 0) {
      if (this.#desk.overload.dropsQos0) return void this.#desk.counters.droppedQos0++
    } else if (packet.qos === 2 && this.#session.received.has(packetId))
      // Until PUBREL it is the same message, whatever it says now [MQTT-4.3.3-10].
      return this.#answerInLine(packetId, acknowledgement.pubrec, this.#desk.ports.journal.end)
    const verdict = this.verdicts.publish(topic)
    if (verdict.rule === undefined) return this.#operate(topic, packet, packetId)
    this.#take(verdict, packet, packetId)
  }

  /** The session's subscriptions may be others than before. */
  refresh(): void {
    if (this.#isOver) return
    if (this.#operations === undefined && wantsNothing(interestOf(this.#session))) return
    this.#operationsOf().refresh()
  }

  /** Called a few times a second. */
  wake(): void {
    this.#operations?.wake()
    if (this.messages === this.#messagesTold) return
    this.#messagesTold = this.messages
    this.#desk.ports.hub.presence.active(this.#session.owner)
  }

  /** The connection is gone. */
  end(): void {
    this.#isOver = true
    this.#operations?.end()
  }

  /** Takes a PUBREL: the identifier is free again when PUBCOMP leaves. */
  release(packetId: number): void {
    const released = this.#desk.ports.broker.release(this.#session, packetId)
    if (released === undefined)
      return this.#connection.answer(packetId, acknowledgement.pubcomp | reasonCodes['packet-identifier-not-found'])
    if (!this.#session.isStored) return this.#connection.answer(packetId, acknowledgement.pubcomp)
    if (released.recorded < 0) return this.#connection.fail('too-slow', reasonCodes['server-busy'])
    this.#desk.acknowledgements.wait(this.#connection, packetId, acknowledgement.pubcomp, released.recorded + 1, undefined)
  }

  #take(verdict: TopicVerdict, packet: PublishPacket, packetId: number): void {
    const { journal, broker } = this.#desk.ports
    const { qos } = packet
    let answer: number = qos === 2 ? acknowledgement.pubrec : acknowledgement.puback
    let keeps = isKept(verdict, packet)
    if (keeps && !broker.retained.hasRoom(verdict.topic, packet.payload.length)) {
      keeps = false
      answer |= reasonCodes['quota-exceeded']
    }
    // An identifier that is answered with an error is not held (MQTT 5 section 4.3.3).
    const isHeld = qos === 2 && (answer & 0xff) === 0
    if (isHeld && this.#isOverReceiveMaximum()) return this.#connection.fail('malformed', reasonCodes['receive-maximum-exceeded'])
    const heldId = isHeld && this.#session.isStored ? packetId : 0
    const message = takePublication(this.#desk, this.publisher, verdict, packet, heldId, keeps)
    // Only who did not heed `paused` gets here; without room on the way to the disk there is no acknowledgement.
    if (message === false) return this.#connection.fail('too-slow', reasonCodes['server-busy'])
    if (isHeld) this.#session.take(packetId)
    if (qos === 0) {
      if (message !== undefined) broker.publish(message)
      return
    }
    this.unacknowledged++
    this.#desk.acknowledgements.wait(this.#connection, packetId, answer, journal.end, message)
  }

  /** A topic of IoT Hub's operations: the device asks something of the hub, or answers. Everything else is denied. */
  #operate(topic: string, packet: PublishPacket, packetId: number): void {
    const operation = this.verdicts.operate(topic) ? parseDeviceTopic(topic) : undefined
    if (operation === undefined || operation.kind === 'telemetry') return this.#deny(topic, packet)
    if (packet.qos === 0) return this.#operationsOf().take(operation, packet.payload, undefined)
    if (packet.qos === 2 && this.#isOverReceiveMaximum()) return this.#connection.fail('malformed', reasonCodes['receive-maximum-exceeded'])
    if (packet.qos === 2) this.#session.take(packetId)
    const answer = packet.qos === 2 ? acknowledgement.pubrec : acknowledgement.puback
    const done = () => this.#answerInLine(packetId, answer, this.#desk.ports.journal.end)
    this.#operationsOf().take(operation, packet.payload, done)
  }

  #operationsOf(): DeviceOperations {
    this.#operations ??= new DeviceOperations(this.#desk, this.#session, this.#isResumed, () => this.#connection.resume())
    return this.#operations
  }

  /** MQTT 3.1.1 has no Receive Maximum, and its identifiers are bound enough. */
  #isOverReceiveMaximum(): boolean {
    return this.publisher.mqttVersion === 5 && this.#session.received.size >= this.#limits.receiveMaximum
  }

  #deny(topic: string, packet: PublishPacket): void {
    const before = this.#desk.ports.journal.end
    tellDenied(this.#desk, this.publisher, 'publish', topic)
    if (packet.packetId === undefined) return
    const kind = packet.qos === 2 ? acknowledgement.pubrec : acknowledgement.puback
    this.#answerInLine(packet.packetId, kind | reasonCodes['not-authorized'], before)
  }

  /** In line with the others, so that answers keep the order of their PUBLISHes [MQTT-4.6.0-2, -3]; it waits for them alone. */
  #answerInLine(packetId: number, answer: number, needs: Offset): void {
    const { acknowledgements, ports } = this.#desk
    this.unacknowledged++
    acknowledgements.wait(this.#connection, packetId, answer, needs, undefined)
    if (ports.journal.durableEnd >= needs) acknowledgements.durable(ports.journal.durableEnd)
  }

  #resolveAlias(topic: string, alias: number): string | undefined {
    if (alias > this.#limits.topicAliasMaximum) return undefined
    if (topic === '') return this.#aliases[alias]
    this.#aliases[alias] = topic
    return topic
  }
}
