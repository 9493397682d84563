import { noIdentifiers } from './delivery.ts'
import type { Message } from './message.ts'
import type { BrokerPorts } from './ports.ts'
import type { RetainedMessages } from './retained.ts'
import type { StoredSubscription } from './session-change.ts'
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
