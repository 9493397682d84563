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
    const sent = stored.phase === 'released' ? undefined : delivery(stored)
    if (sent !== undefined) session.outgoing.restore(stored.packetId, sent)
    // Without its content a QoS 2 flow ends by PUBREL: the client may know the identifier, so another message must not get it yet.
    else if (stored.qos === 2) session.outgoing.restoreReleased(stored.packetId, stored)
  }
  // What was in flight at QoS 1 is in the queue again, so it may be longer than it was allowed to be: nothing of it is given up for that.
  for (const stored of state.queue) {
    const waiting = delivery(stored)
    if (waiting !== undefined) session.outgoing.putBack(waiting)
  }
}
