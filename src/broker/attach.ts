import type { Subject } from '#base'
import type { Link } from './link.ts'
import type { StoredWill } from './session-change.ts'
import type { SessionLimits } from './session-limits.ts'

/** What a client asks for when it connects. */
export type Attach = {
  /** Its identity and the client identifier in it name the session. */
  readonly subject: Subject
  readonly cleanStart: boolean
  readonly expirySeconds: number
  readonly limits: SessionLimits
  readonly mqttVersion: 4 | 5
  readonly will: StoredWill | undefined
  readonly link: Link
}

/** What became of a filter: the granted QoS, or why not. */
export type Granted = 0 | 1 | 2 | 'too-many'

/** What a change of policy took away. */
export type PolicyEffect = { readonly subscriptionsRemoved: number; readonly messagesDropped: number; readonly retainedHidden: number }

/** Whether a policy that is asked about one subject would say the same of the other, of the same identity and client identifier. */
export function haveSameAttributes({ username, attributes }: Subject, other: Subject): boolean {
  const names = Object.keys(attributes)
  if (username !== other.username || names.length !== Object.keys(other.attributes).length) return false
  return names.every((name) => attributes[name] === other.attributes[name])
}
