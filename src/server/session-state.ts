import type { Clock, Subject } from '#base'
import { Broker, type BrokerPorts } from '#broker'
import { followState } from '#gateway'
import type { Journal } from '#journal'
import type { Store } from '#store'
import type { HubLimits } from './hub-limits.ts'
import { stateRows } from './session-rows.ts'

/** What the policy of now says of a subject: the part that the engine asks for. */
type Judge = (subject: Subject) => {
  publish(topic: string): string | undefined
  subscribe(filter: string): string | undefined
  receive(topic: string): string | undefined
}

/** The engine of this hub. `policyOf` is not called before sessions are brought back. */
export function createBroker(hub: HubLimits, clock: Clock, policyOf: Judge): Broker {
  const { queueMessages, queueBytes, queueStrategy, subscriptionsPerSession, messageExpirySeconds } = hub.mqtt
  const session = { queueMessages, queueBytes, queueStrategy, subscriptionsPerSession, messageExpirySeconds }
  return new Broker({ retained: hub.retained, totalQueueBytes: hub.totalQueueBytes, session }, brokerPorts(clock, policyOf))
}

function brokerPorts(clock: Clock, policyOf: Judge): BrokerPorts {
  return {
    now: () => clock.now(),
    mayReceive: (subject, topic) => policyOf(subject).receive(topic) !== undefined,
    maySubscribe: (subject, filter) => policyOf(subject).subscribe(filter) !== undefined,
    mayPublish: (subject, topic) => policyOf(subject).publish(topic) !== undefined,
  }
}

/** Brings sessions and retained messages back, and keeps their copy. Returns how to save for the last time. */
export function openState(
  hub: HubLimits,
  rooms: { readonly journal: Journal; readonly broker: Broker; readonly store: Store; readonly clock: Clock },
  policyOf: Judge,
  routedTo: () => number,
  trouble: (what: string, error: unknown) => void,
): Promise<() => Promise<void>> {
  const { journal, broker, store, clock } = rooms
  return followState({
    journal,
    broker,
    clock,
    store: stateRows(store),
    mayReceive: (subject, topic) => policyOf(subject).receive(topic) !== undefined,
    routedTo,
    messageExpirySeconds: hub.mqtt.messageExpirySeconds,
    totalQueueBytes: hub.totalQueueBytes,
    trouble,
  })
}
