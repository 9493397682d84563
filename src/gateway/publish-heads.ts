import type { Clock } from '#base'
import type { Message } from '#broker'
import { type ProtocolVersion, type PublishHead, type QoS, publishHead } from '#wire/mqtt'

/**
 * The encoded head of a delivery, made once for all who get the message in the same way. Only the latest is remembered: a fan-out asks
 * for the same one again and again.
 */
export class PublishHeads {
  readonly #clock: Clock
  #message: Message | undefined
  #key = 0
  #identifiers: readonly number[] = []
  #secondsLeft: number | undefined
  #head: PublishHead = { bytes: Buffer.alloc(0), packetIdAt: 0 }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * The head for these options; `alias` 0 is none, and `isNamed` says whether the topic itself goes out (with a new alias, or without one).
   * The Message Expiry Interval in it is what is left of it now [MQTT-3.3.2-6].
   */
  of(
    message: Message,
    qos: QoS,
    retain: boolean,
    version: ProtocolVersion,
    identifiers: readonly number[],
    alias: number,
    isNamed: boolean,
  ): PublishHead {
    const key = version + qos * 8 + (retain ? 32 : 0) + (isNamed ? 64 : 0) + alias * 128
    const secondsLeft = message.expiresAt === undefined ? undefined : this.#secondsTo(message.expiresAt)
    const isSame = this.#message === message && this.#key === key && this.#identifiers === identifiers && this.#secondsLeft === secondsLeft
    if (isSame) return this.#head
    const { topicAlias: _, subscriptionIdentifiers: __, messageExpiryInterval: ___, ...rest } = message.properties ?? {}
    const properties = {
      ...rest,
      ...(secondsLeft === undefined ? {} : { messageExpiryInterval: secondsLeft }),
      ...(alias === 0 ? {} : { topicAlias: alias }),
      ...(identifiers.length === 0 ? {} : { subscriptionIdentifiers: identifiers }),
    }
    const topic = isNamed ? message.topic : ''
    this.#head = publishHead({ topic, payloadBytes: message.payload.length, qos, retain, properties }, version)
    this.#message = message
    this.#key = key
    this.#identifiers = identifiers
    this.#secondsLeft = secondsLeft
    return this.#head
  }

  #secondsTo(at: number): number {
    return Math.max(0, Math.ceil((at - this.#clock.now()) / 1000))
  }
}
