import { type Message, messageBytes } from './message.ts'
import type { Link } from './link.ts'

/**
 * One message for one session at QoS 1 or 2. `queued` until it is given a packet identifier; a QoS 2 message of a stored session is
 * `leaving` until the disk knows that identifier; `sent` until PUBACK or PUBREC; `released` from PUBREC to PUBCOMP, without its message.
 */
export type Delivery = {
  message: Message | undefined
  /** Offset of the message's record; outlives `message`. */
  readonly offset: number
  readonly bytes: number
  readonly qos: 1 | 2
  readonly retain: boolean
  readonly identifiers: readonly number[]
  /** The filter of the shared subscription that chose this session, as the client sent it: another member may get what this one left. */
  readonly shared: string | undefined
  phase: 'queued' | 'leaving' | 'sent' | 'released'
  /** The link it went out by, whose window it occupies. */
  link: Link | undefined
  /** Offset of the latest record about it; -1: none, nothing to wait for. */
  recorded: number
}

/** No Subscription Identifier: one array for all, so that deliveries compare by reference. */
export const noIdentifiers: readonly number[] = []

/** A delivery that waits. `message` keeps its payload itself ({@link keep}). */
export function newDelivery(
  message: Message,
  qos: 1 | 2,
  retain: boolean,
  identifiers: readonly number[],
  shared: string | undefined,
): Delivery {
  return {
    message,
    offset: message.offset,
    bytes: messageBytes(message),
    qos,
    retain,
    identifiers,
    shared,
    phase: 'queued',
    link: undefined,
    recorded: -1,
  }
}
