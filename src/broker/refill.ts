import { type Delivery, newDelivery } from './delivery.ts'
import { type Message, keep } from './message.ts'
import type { SessionState, StoredDelivery } from './session-change.ts'
import type { Session } from './session.ts'

/** Gives a session back what waited for its client and what was in flight. A message that is not there any more is given up, and counted. */
export function refill(session: Session, state: SessionState, messageOf: (offset: number) => Message | undefined): void {
  const delivery = ({ offset, qos, retain, identifiers }: StoredDelivery): Delivery | undefined => {
    const message = messageOf(offset)
    if (message !== undefined) return newDelivery(keep(message), qos, retain, identifiers, undefined)
    session.dropped('retention')
    return undefined
  }
  for (const stored of state.inflight) {
    if (stored.phase === 'released') session.outgoing.restoreReleased(stored.packetId, stored)
    else {
      const sent = delivery(stored)
      if (sent !== undefined) session.outgoing.restore(stored.packetId, sent)
    }
  }
  for (const stored of state.queue) {
    const waiting = delivery(stored)
    if (waiting !== undefined) session.outgoing.enqueue(waiting)
  }
}
