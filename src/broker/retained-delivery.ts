import { noIdentifiers } from './delivery.ts'
import { type Message, isExpired } from './message.ts'
import type { BrokerPorts } from './ports.ts'
import type { RetainedMessages } from './retained.ts'
import type { StoredDelivery, StoredSubscription } from './session-change.ts'
import type { Session } from './session.ts'

/** A retained message for a subscription that has just been made. */
export type RetainedDelivery = { readonly message: Message; readonly qos: 0 | 1 | 2; readonly identifiers: readonly number[] }

/** What is retained for a new subscription: nothing that outlived its publisher's right (CVE-2018-12546) or that the subscriber may not have. */
export function retainedFor(
  session: Session,
  { filter, qos, noLocal, identifier }: StoredSubscription,
  retained: RetainedMessages,
  ports: BrokerPorts,
): readonly RetainedDelivery[] {
  const identifiers = identifier === undefined ? noIdentifiers : [identifier]
  return retained
    .matching(filter)
    .filter(({ publisher, topic }) => ports.mayPublish(publisher, topic) && ports.mayReceive(session.subject, topic))
    .filter((message) => !(noLocal && session.published(message)))
    .map((message) => ({ message, qos: message.qos < qos ? message.qos : qos, identifiers }))
}

/** What of it may be sent now: SUBACK may have waited for the disk, and policy and time went on. */
export function stillWanted(session: Session, found: readonly RetainedDelivery[], ports: BrokerPorts): readonly RetainedDelivery[] {
  const now = ports.now()
  return found.filter(({ message }) => !isExpired(message, now) && ports.mayReceive(session.subject, message.topic))
}

/** The same as the journal keeps it: what can be found again by its offset, above QoS 0. */
export function asStored(retained: readonly RetainedDelivery[]): readonly StoredDelivery[] {
  return retained.flatMap(({ message: { offset }, qos, identifiers }) =>
    qos === 0 || offset < 0 ? [] : [{ offset, qos, retain: true, identifiers }],
  )
}
