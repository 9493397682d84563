import type { DeviceId } from '#base'
import type { Properties } from '#wire/mqtt'

/** A publication on its way to subscribers. */
export type Message = {
  readonly topic: string
  /** A slice of the receive buffer until {@link keep} is called. */
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly properties: Properties | undefined
  /** The authenticated identity that published it; owns the retained copy. */
  readonly owner: DeviceId
  /** The connection it came by, for the option No Local. */
  readonly from: string
}

const kept = new WeakMap<Message, Message>()

/**
 * The same message with a payload of its own. A slice would keep the whole receive buffer alive for as long as the message waits
 * in a queue. Called again for the same message it gives the same copy, so fan-out to many queues costs one.
 */
export function keep(message: Message): Message {
  const known = kept.get(message)
  if (known !== undefined) return known
  const copy = { ...message, payload: Buffer.from(message.payload) }
  kept.set(message, copy)
  kept.set(copy, copy)
  return copy
}

/** What a waiting message counts for against byte limits. */
export function messageBytes(message: Message): number {
  return message.payload.length + message.topic.length + 96
}
