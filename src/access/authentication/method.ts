import type { Instant, Refusal } from '#base'
import type { Credentials, Refused } from '../authenticate.ts'
import type { Principal } from '../principal.ts'
import type { MethodName } from './identity.ts'

/** What a method finds out. `unavailable` counts as if the credentials were not its own: the next method is asked (edge.md 1.5). */
export type Outcome =
  | { readonly kind: 'valid'; readonly principal: Principal }
  | { readonly kind: 'invalid'; readonly refused: Refused }
  | { readonly kind: 'unavailable'; readonly refused: Refused }

/** One method of a BrokerAuthentication document, ready to be asked. */
export type Method = {
  readonly name: MethodName
  /** Whether these credentials are of the kind that it judges. */
  isRelevant(credentials: Credentials): boolean
  verify(credentials: Credentials, now: Instant): Outcome | Promise<Outcome>
  /** Proves somebody again who is connected by it (edge.md 1.9); absent where a new connection is needed for that. */
  readonly reauthenticate?: (principal: Principal, method: string, data: Buffer, now: Instant) => Promise<Outcome>
}

/** A method says no. */
export function invalid(error: Refused): Outcome {
  return { kind: 'invalid', refused: error }
}

/** A method says yes, if there is a principal. */
export function outcomeOf(
  made: { readonly ok: true; readonly value: Principal } | { readonly ok: false; readonly error: Refused },
): Outcome {
  return made.ok ? { kind: 'valid', principal: made.value } : invalid(made.error)
}

/** A refusal of somebody else, as one of credentials. */
export function asRefused(refusal: Refusal): Refused {
  return { ...refusal, blame: 'credentials' }
}
