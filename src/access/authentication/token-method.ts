import type { Instant, Result } from '#base'
import type { Credentials, Refused } from '../authenticate.ts'
import type { Principal } from '../principal.ts'
import { principalOf, refuseCredentials } from './identity.ts'
import { type Method, type Outcome, asRefused, invalid } from './method.ts'
import { type TokenClaims, isTransient } from './token.ts'

/** The Authentication Method of service account tokens (edge.md 1.8). */
export const tokenMethodName = 'K8S-SAT'

/** Proves a token: by the keys of its issuer, or by review. */
export type VerifyToken = (token: string, now: Instant) => Promise<Result<TokenClaims>>

/** Method ServiceAccountToken: the name is the token's `sub`, attributes are those that the account's annotations give (edge.md 1.8). */
export function tokenMethod(verify: VerifyToken, accounts: ReadonlyMap<string, ReadonlyMap<string, string>>): Method {
  const prove = async (token: string, credentials: Credentials, now: Instant): Promise<Result<Principal, Refused>> => {
    const claims = await verify(token, now)
    if (!claims.ok) return { ok: false, error: asRefused(claims.error) }
    const { subject, expiresAt } = claims.value
    return principalOf('ServiceAccountToken', { username: subject, attributes: accounts.get(subject) ?? new Map(), expiresAt }, credentials)
  }
  return {
    name: 'ServiceAccountToken',
    isRelevant: ({ mqttVersion, authenticationMethod }) => mqttVersion === 5 && authenticationMethod === tokenMethodName,
    async verify(credentials, now) {
      const token = credentials.authenticationData?.use((bytes) => bytes.toString('latin1'))
      if (token === undefined)
        return invalid(refuseCredentials('access/token-missing', 'The token is missing: send it as Authentication Data.').error)
      return settle(await prove(token, credentials, now), false)
    },
    async reauthenticate(principal, _method, data, now) {
      const credentials = { ...nobody, clientId: principal.subject.clientId, userName: principal.userName }
      return settle(await prove(data.toString('latin1'), credentials, now), true)
    },
  }
}

const nobody = {
  password: undefined,
  authenticationMethod: tokenMethodName,
  authenticationData: undefined,
  mqttVersion: 5,
  peerAddress: '',
  certificates: [],
} as const

/** Who connects is denied when the keys cannot be had; who is connected may try again later, for the old token still holds. */
function settle(made: Result<Principal, Refused>, again: boolean): Outcome {
  if (made.ok) return { kind: 'valid', principal: made.value }
  return again && isTransient(made.error.code) ? { kind: 'unavailable', refused: made.error } : invalid(made.error)
}
