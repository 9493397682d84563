import { identityParts, isoTime } from '#base'
import type { DirectDeliveries, Session } from '#broker'
import type { LockedMessage, Outcome } from '#hub'
import { type SystemProperty, encodePropertyBag, messageTopicPrefix } from '#wire/azure'
import type { Desk } from '../desk.ts'
import { toClient } from './to-client.ts'

/*
 * Cloud-to-device messages to one MQTT client (azure-wire 2.8). The hub's queue has the truth: a message is locked for this connection, sent,
 * and settled by PUBACK; at QoS 0 by having been sent. There is no reject and no abandon over 3.1.1, an MQTT 5 client rejects by an error in
 * PUBACK. What was sent and not answered when the connection ends goes back and counts as delivered once more, or a message that kills its
 * device would come for ever. So does one whose lock ends before the answer: it comes again under another identifier.
 *
 * A message is asked for only when there is a place for it in the client's window and the socket takes bytes, so a slow client holds locks on
 * no more than it was sent.
 */

/** MQTT has no longer topics. */
const maxTopicBytes = 65_535

/** The topic of a message with its properties; undefined: they do not fit. */
export function messageTopic(prefix: string, message: LockedMessage): string | undefined {
  const { messageId, correlationId, userId, to, contentType, contentEncoding, expiresAt, ack, properties } = message
  const system = new Map<SystemProperty, string>()
  const set = (name: SystemProperty, value: string | undefined) => value !== undefined && system.set(name, value)
  set('message-id', messageId)
  set('correlation-id', correlationId)
  set('user-id', userId)
  set('to', to)
  set('content-type', contentType)
  set('content-encoding', contentEncoding)
  set('absolute-expiry-time', expiresAt === undefined ? undefined : isoTime(expiresAt))
  const application = new Map<string, string | null>(Object.entries(properties))
  if (ack !== 'none') application.set('iothub-ack', ack)
  const topic = prefix + encodePropertyBag(system, application)
  return topic.length > maxTopicBytes ? undefined : topic
}

/** See the theory of operation above. */
export class MessagesToDevice {
  readonly filter: string
  readonly #desk: Desk
  readonly #session: Session
  readonly #prefix: string
  /** The client came back to a session that it had: then a message that it may have seen has DUP. */
  readonly #isResumed: boolean
  readonly #unlisten: () => void
  /** Locks of what was sent and is not answered. */
  readonly #unanswered = new Set<string>()
  #isAsking = false
  #again = false
  /** Something hindered; {@link wake} goes on. */
  #isHindered = false
  #isOver = false

  constructor(desk: Desk, session: Session, filter: string, isResumed: boolean) {
    const { device, module } = identityParts(session.owner)
    this.filter = filter
    this.#desk = desk
    this.#session = session
    this.#prefix = messageTopicPrefix(device, module)
    this.#isResumed = isResumed
    this.#unlisten = desk.ports.hub.messages.onReady(session.owner, () => this.#pump())
    this.#pump()
  }

  /** Called a few times a second. */
  wake(): void {
    if (this.#isHindered) this.#pump()
  }

  /** The connection ended, or the client wants no more. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#unlisten()
    for (const lock of this.#unanswered) this.#desk.ports.hub.messages.unlock(this.#session.owner, lock, true)
    this.#unanswered.clear()
  }

  #pump(): void {
    this.#again = true
    if (this.#isAsking || this.#isOver) return
    this.#isAsking = true
    this.#isHindered = false
    this.#drain().catch((error: unknown) => {
      this.#isAsking = false
      this.#isHindered = true
      this.#desk.ports.trouble?.('a message to a device could not be fetched', error)
    })
  }

  /** One after the other, so that they leave in the order of the queue. */
  async #drain(): Promise<void> {
    while (this.#again && !this.#isOver) {
      this.#again = false
      while (await this.#next()) if (this.#isOver) break
    }
    this.#isAsking = false
  }

  /** Sends one message. False: there is none, or nothing can be sent now. */
  async #next(): Promise<boolean> {
    const { messages } = this.#desk.ports.hub
    const subscription = this.#session.subscriptions.get(this.filter)
    const direct = this.#session.direct()
    if (subscription === undefined || direct === undefined) return false
    if (this.#session.link?.writable !== true) {
      this.#isHindered = true
      return false
    }
    const isOnce = subscription.qos === 0
    if (!isOnce && !direct.takePlace(() => this.#pump())) return false
    const back = () => (isOnce ? undefined : direct.givePlace())
    let message: LockedMessage | undefined
    try {
      message = await messages.receive(this.#session.owner)
    } catch (error) {
      back()
      throw error
    }
    if (message === undefined) back()
    else if (this.#isOver) messages.unlock(this.#session.owner, message.lockToken)
    else this.#send(message, direct, isOnce, back)
    return message !== undefined
  }

  #send(message: LockedMessage, direct: DirectDeliveries, isOnce: boolean, back: () => void): void {
    const { lockToken, body, expiresAt, deliveryCount } = message
    const topic = messageTopic(this.#prefix, message)
    if (topic === undefined) {
      back()
      return this.#settle(lockToken, 'reject')
    }
    const packet = toClient(this.#session, topic, body, expiresAt)
    if (isOnce) return this.#settle(lockToken, this.#session.sendDirect(this.filter, packet) ? 'complete' : 'abandon')
    const identifier = this.#session.subscriptions.get(this.filter)?.identifier
    const dup = this.#isResumed && deliveryCount > 0
    this.#unanswered.add(lockToken)
    const sent = direct.send({ ...packet, qos: 1 }, dup, identifier === undefined ? [] : [identifier], (reasonCode) => {
      this.#unanswered.delete(lockToken)
      this.#settle(lockToken, reasonCode < 0x80 ? 'complete' : 'reject')
    })
    if (sent === 'sent') return
    this.#unanswered.delete(lockToken)
    // The client said that it takes no packets of this size, so it never will.
    this.#settle(lockToken, sent === 'too-large' ? 'reject' : 'abandon')
  }

  #settle(lockToken: string, outcome: Outcome): void {
    // A lock that has ended meanwhile is no trouble: the message comes again.
    this.#desk.ports.hub.messages.settle(this.#session.owner, lockToken, outcome).catch((error: unknown) => {
      this.#desk.ports.trouble?.('a message to a device could not be settled', error)
    })
  }
}
