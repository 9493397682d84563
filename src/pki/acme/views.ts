import { isoTime } from '#base'
import { acmePrefix } from './operation.ts'
import type { OrderNow } from './orders.ts'
import type { ChallengeMethod } from './ports.ts'
import { problemOf } from './problem.ts'
import type { AccountRecord, Authorization } from './rows.ts'
import type { AuthorizationState } from './states.ts'

/* Objects of RFC 8555 section 7.1 as clients see them. `base` is `https://host` as the client called it: URLs are made of it. */

/** The directory (section 7.1.1). */
export function directoryView(base: string): unknown {
  const at = (word: string) => `${base}${acmePrefix}${word}`
  return {
    newNonce: at('new-nonce'),
    newAccount: at('new-account'),
    newOrder: at('new-order'),
    revokeCert: at('revoke-cert'),
    keyChange: at('key-change'),
    meta: { externalAccountRequired: true },
  }
}

/** Where an object is. */
export function urlOf(base: string, kind: 'account' | 'order' | 'authorization' | 'certificate', id: string): string {
  return `${base}${acmePrefix}${kind}/${id}`
}

/** Where a challenge is. */
export function challengeUrl(base: string, { id }: Authorization, method: ChallengeMethod): string {
  return `${base}${acmePrefix}challenge/${id}/${method}`
}

/** An account (section 7.1.2). */
export function accountView(base: string, { id, status, contact }: AccountRecord): unknown {
  return { status, contact, orders: `${urlOf(base, 'account', id)}/orders` }
}

/** An order (section 7.1.3). */
export function orderView(base: string, { order, authorizations, state }: OrderNow): unknown {
  return {
    status: state,
    expires: isoTime(order.expiresAt),
    identifiers: order.identifiers,
    authorizations: authorizations.map(({ id }) => urlOf(base, 'authorization', id)),
    finalize: `${urlOf(base, 'order', order.id)}/finalize`,
    ...(state === 'valid' ? { certificate: urlOf(base, 'certificate', order.id) } : {}),
    ...(order.problem === undefined ? {} : { error: problemOf(order.problem) }),
  }
}

/** How an authorization is being proven. */
export type Shown = {
  readonly authorization: Authorization
  readonly state: AuthorizationState
  readonly methods: readonly ChallengeMethod[]
  readonly isLooking: boolean
}

/** The ways to prove one name. Addresses have no entry in the DNS to write to (RFC 8738 section 3). */
export function methodsFor({ identifier }: Authorization, offered: readonly ChallengeMethod[]): readonly ChallengeMethod[] {
  return identifier.type === 'dns' ? offered : offered.filter((one) => one !== 'dns-01')
}

/** An authorization (section 7.1.4). Once it is settled, only the challenge that settled it is shown. */
export function authorizationView(base: string, shown: Shown): unknown {
  const { authorization, state, methods } = shown
  const tried = methods.find((one) => one === authorization.method)
  return {
    identifier: authorization.identifier,
    status: state,
    expires: isoTime(authorization.expiresAt),
    challenges: (tried === undefined ? methods : [tried]).map((method) => challengeView(base, shown, method)),
  }
}

/** A challenge (section 7.1.5). */
export function challengeView(base: string, { authorization, isLooking }: Shown, method: ChallengeMethod): unknown {
  const { status, token, validatedAt, problem } = authorization
  const isTried = authorization.method === method
  return {
    type: method,
    url: challengeUrl(base, authorization, method),
    token,
    status: isTried && (status === 'valid' || status === 'invalid') ? status : isLooking ? 'processing' : 'pending',
    ...(isTried && validatedAt !== undefined ? { validated: isoTime(validatedAt) } : {}),
    ...(isTried && problem !== undefined ? { error: problemOf(problem) } : {}),
  }
}
