import type { Session } from './session.ts'
import type { Copy, Shared } from './subscription-tree.ts'

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
