import type { Delivery } from './delivery.ts'
import type { Message } from './message.ts'
import type { SessionChange } from './session-change.ts'
import type { Session } from './session.ts'
import type { Copy, Shared, SubscriptionTree } from './subscription-tree.ts'

/**
 * Whose turn it is to get a message of a shared subscription, at the lower of `qos` and its own: in turn those who are connected and
 * have room, then those who are connected, then those whose session waits for them. A QoS 0 message is only for who can take it now.
 * Undefined: nobody can.
 */
export function chooseMember(
  shared: Shared<Session>,
  qos: 0 | 1 | 2,
): { readonly subscriber: Session; readonly copy: Copy; readonly qos: 0 | 1 | 2 } | undefined {
  const { group, members } = shared
  let fallback: { readonly subscriber: Session; readonly copy: Copy; readonly qos: 0 | 1 | 2; readonly at: number } | undefined
  for (let step = 0; step < members.length; step++) {
    const at = (group.turn + step) % members.length
    const member = members[at]
    if (member === undefined) continue
    const { subscriber, copy } = member
    const least = qos < copy.qos ? qos : copy.qos
    const isReady = least === 0 ? subscriber.link?.writable === true : subscriber.outgoing.hasRoom
    if (isReady) {
      group.turn = at + 1
      return { subscriber, copy, qos: least }
    }
    if (least === 0) continue
    if (fallback === undefined || (fallback.subscriber.link === undefined && subscriber.link !== undefined))
      fallback = { subscriber, copy, qos: least, at }
  }
  if (fallback !== undefined) group.turn = fallback.at + 1
  return fallback
}

/** Sends a message to the member whose turn it is, if there is one. */
export function share(shared: Shared<Session>, message: Message): void {
  const chosen = chooseMember(shared, message.qos)
  if (chosen === undefined) return
  const { subscriber, copy, qos } = chosen
  subscriber.send(message, qos, copy.retainAsPublished && message.retain, copy.identifiers, shared.group.text)
}

/** Gives to another member what a session left behind [MQTT-4.8.2-5, MQTT-4.8.2-6], and records that; false: there is none. */
export function handOn(
  tree: SubscriptionTree<Session>,
  { message, shared, offset }: Delivery,
  record: (change: SessionChange) => void,
): boolean {
  if (message === undefined || shared === undefined) return false
  const target = tree.route(message.topic).find((one) => one.group?.text === shared)
  const chosen = target?.group === undefined ? undefined : chooseMember(target, message.qos)
  if (chosen === undefined) return false
  const { subscriber, copy, qos } = chosen
  const retain = copy.retainAsPublished && message.retain
  if (qos !== 0 && subscriber.isStored && offset >= 0)
    record({ kind: 'session-queued', session: subscriber, deliveries: [{ offset, qos, retain, identifiers: copy.identifiers }] })
  subscriber.send(message, qos, retain, copy.identifiers, shared)
  return true
}
