import { type Instant, type Subject, ownBytes } from '#base'
import type { Properties } from '#wire/mqtt'

/** A publication on its way to subscribers. */
export type Message = {
  readonly topic: string
  /** A slice of the receive buffer until {@link keep} is called. */
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  /** As received; the Message Expiry Interval in it is replaced by what is left when the message is sent on [MQTT-3.3.2-6]. */
  readonly properties: Properties | undefined
  /** Who published it. Its identity owns the retained copy; its identity and client identifier are what No Local compares. */
  readonly publisher: Subject
  /** The connection it came by, for the record. */
  readonly from: string
  /** Offset of its journal record; -1 where that is not known any more (a retained message read back from its copy). */
  readonly offset: number
  /** When it expires; undefined: never. */
  readonly expiresAt: Instant | undefined
}

const kept = new WeakMap<Message, Message>()
// A fan-out asks for the same one again and again.
let latest: { readonly message: Message; readonly copy: Message } | undefined

/**
 * The same message with bytes of its own. A slice would keep the whole receive buffer alive for as long as the message waits
 * in a queue. Called again for the same message it gives the same copy, so fan-out to many queues costs one.
 */
export function keep(message: Message): Message {
  if (latest?.message === message) return latest.copy
  const known = kept.get(message)
  if (known !== undefined) return known
  const copy = { ...message, payload: ownBytes(message.payload), properties: ownProperties(message.properties) }
  kept.set(message, copy)
  kept.set(copy, copy)
  latest = { message, copy }
  return copy
}

/** The same properties, none of their bytes a slice of what was received. */
export function ownProperties(properties: Properties | undefined): Properties | undefined {
  const { correlationData } = properties ?? {}
  return correlationData === undefined ? properties : { ...properties, correlationData: ownBytes(correlationData) }
}

/** What a waiting message counts for against byte limits. */
export function messageBytes(message: Message): number {
  return sizeOf(message.topic, message.payload.length)
}

/** The same, before there is a message. */
export function sizeOf(topic: string, payloadBytes: number): number {
  return payloadBytes + topic.length + 96
}

/** Whether the message's time is over. */
export function isExpired(message: Message, now: Instant): boolean {
  return message.expiresAt !== undefined && now >= message.expiresAt
}
