import { type Instant, type Result, ok, refuse } from '#base'

/*
 * The states of orders and authorizations (RFC 8555 section 7.1.6), and what each message may do in each, as two tables. Whether an order is ready
 * is not kept: it follows from its authorizations, and so does its end when one of them is lost.
 */

/** What is kept of an order. */
export const keptOrderStates = ['open', 'processing', 'valid', 'invalid'] as const
/** What an order is to its client. */
export const orderStates = ['pending', 'ready', 'processing', 'valid', 'invalid'] as const
/** What is kept of an authorization. */
export const keptAuthorizationStates = ['pending', 'valid', 'invalid', 'deactivated'] as const
/** What an authorization is to its client. */
export const authorizationStates = [...keptAuthorizationStates, 'expired'] as const

/** One of the {@link keptOrderStates}. */
export type KeptOrderState = (typeof keptOrderStates)[number]
/** One of the {@link orderStates}. */
export type OrderState = (typeof orderStates)[number]
/** One of the {@link keptAuthorizationStates}. */
export type KeptAuthorizationState = (typeof keptAuthorizationStates)[number]
/** One of the {@link authorizationStates}. */
export type AuthorizationState = (typeof authorizationStates)[number]

/** What a client may want of an order. */
export type OrderMessage = 'show' | 'finalize' | 'download'
/** What a client may want of an authorization. `respond`: begin to look. */
export type AuthorizationMessage = 'show' | 'respond' | 'deactivate'

const no = undefined

/** `go`, `as-is` (the answer is what stands, nothing is done), or undefined: refused. */
export const orderTable: Readonly<Record<OrderMessage, Readonly<Record<OrderState, 'go' | undefined>>>> = {
  show: { pending: 'go', ready: 'go', processing: 'go', valid: 'go', invalid: 'go' },
  finalize: { pending: no, ready: 'go', processing: no, valid: no, invalid: no },
  download: { pending: no, ready: no, processing: no, valid: 'go', invalid: no },
}

/** The same for authorizations. */
export const authorizationTable: Readonly<Record<AuthorizationMessage, Readonly<Record<AuthorizationState, 'go' | 'as-is' | undefined>>>> =
  {
    show: { pending: 'go', valid: 'go', invalid: 'go', deactivated: 'go', expired: 'go' },
    // A client that answers twice is told how it stands.
    respond: { pending: 'go', valid: 'as-is', invalid: 'as-is', deactivated: no, expired: no },
    deactivate: { pending: 'go', valid: 'go', invalid: no, deactivated: 'as-is', expired: no },
  }

/** Whether a message may do its work. `pki/acme-not-ready` when not. */
export function stepOrder(message: OrderMessage, state: OrderState): Result<void> {
  return orderTable[message][state] === 'go' ? ok(undefined) : refuse('pki/acme-not-ready', `The order is ${state}.`)
}

/** Whether a message may do its work, or nothing is to be done. `pki/acme-authorization-over` when it may not. */
export function stepAuthorization(message: AuthorizationMessage, state: AuthorizationState): Result<'go' | 'as-is'> {
  const said = authorizationTable[message][state]
  return said === undefined ? refuse('pki/acme-authorization-over', `The authorization is ${state}.`) : ok(said)
}

/** How an authorization stands now. */
export function authorizationState(kept: KeptAuthorizationState, expiresAt: Instant, now: Instant): AuthorizationState {
  return now >= expiresAt && (kept === 'pending' || kept === 'valid') ? 'expired' : kept
}

/** How an order stands now, its authorizations regarded. */
export function orderState(kept: KeptOrderState, authorizations: readonly AuthorizationState[]): OrderState {
  if (kept !== 'open') return kept
  if (authorizations.some((one) => one !== 'pending' && one !== 'valid')) return 'invalid'
  return authorizations.length > 0 && authorizations.every((one) => one === 'valid') ? 'ready' : 'pending'
}
