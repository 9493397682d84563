import { type Instant, type Result, fail } from '#base'
import type { Credentials, Refused } from '../authenticate.ts'
import type { Principal } from '../principal.ts'
import type { Reauthenticated } from './contract.ts'
import { refuseCredentials } from './identity.ts'
import type { Method, Outcome } from './method.ts'
import { tokenMethodName } from './token-method.ts'

/*
 * Theory of operation (edge.md 1.5, normative). Registered devices come first, always and on every listener: what names a device of the registry
 * is judged by the registry, and by nothing after it. Then the methods of the applied document, in its order: the first one that the
 * credentials are meant for decides; one that cannot be asked is passed over; and when none is left, the answer is no.
 */

/** The method that is built in. Undefined: these credentials do not speak of a registered device. */
export type RegisteredMethod = (credentials: Credentials, now: Instant) => Result<Principal, Refused> | undefined

const badMethod = 0x8c

/** Decides who a client is. Synchronous as long as nobody outside has to be asked. */
export function authenticateBy(
  registered: RegisteredMethod,
  methods: readonly Method[],
  credentials: Credentials,
  now: Instant,
): Result<Principal, Refused> | Promise<Result<Principal, Refused>> {
  const { authenticationMethod } = credentials
  if (authenticationMethod === undefined) {
    const own = registered(credentials, now)
    if (own !== undefined) return own
  } else if (
    !methods.some(({ name }) => name === 'Custom' || (name === 'ServiceAccountToken' && authenticationMethod === tokenMethodName))
  ) {
    const { error } = refuseCredentials('access/bad-authentication-method', 'This authentication method is not served here.')
    return fail({ ...error, reasonCode: badMethod })
  }
  return askFrom(0, methods, credentials, now, undefined)
}

function askFrom(
  at: number,
  methods: readonly Method[],
  credentials: Credentials,
  now: Instant,
  passedOver: Refused | undefined,
): Result<Principal, Refused> | Promise<Result<Principal, Refused>> {
  for (let index = at; index < methods.length; index++) {
    const method = methods[index]
    if (method?.isRelevant(credentials) !== true) continue
    const outcome = method.verify(credentials, now)
    if (outcome instanceof Promise)
      return outcome.then((said) =>
        said.kind === 'unavailable' ? askFrom(index + 1, methods, credentials, now, said.refused) : resultOf(said),
      )
    if (outcome.kind !== 'unavailable') return resultOf(outcome)
    passedOver = outcome.refused
  }
  return fail(passedOver ?? nobodyRelevant(credentials))
}

function resultOf(outcome: Exclude<Outcome, { readonly kind: 'unavailable' }>): Result<Principal, Refused> {
  return outcome.kind === 'valid' ? { ok: true, value: outcome.principal } : fail(outcome.refused)
}

function nobodyRelevant({ certificates }: Credentials): Refused {
  return certificates.length === 0
    ? refuseCredentials('access/no-certificate', 'A client certificate is needed to connect.').error
    : refuseCredentials('access/no-method', 'No authentication method of this hub is meant for these credentials.').error
}

/**
 * Proves somebody again who is connected (edge.md 1.9). `method` must be the one of the CONNECT, which the caller knows and compares; here it must fit how the
 * principal was proven. The name must stay the same; attributes and expiry are replaced.
 */
export async function reauthenticateBy(
  methods: readonly Method[],
  principal: Principal,
  method: string,
  data: Buffer,
  now: Instant,
): Promise<Reauthenticated> {
  const no = (code: string, message: string, protocolError: boolean): Reauthenticated => ({
    kind: 'no',
    refusal: { code, message },
    protocolError,
  })
  const proven = principal.authentication.method
  const again = methods.find(({ name }) => name === proven)?.reauthenticate
  if (proven !== 'ServiceAccountToken' && proven !== 'Custom')
    return no('access/reauthentication-unsupported', 'This credential is proven anew by connecting again.', true)
  if (proven === 'ServiceAccountToken' && method !== tokenMethodName)
    return no('access/reauthentication-method', 'The authentication method may not change.', true)
  if (again === undefined) return no('access/reauthentication-unsupported', 'The method that proved you is not served any more.', false)
  const outcome = await again(principal, method, data, now)
  if (outcome.kind === 'unavailable') return { kind: 'later' }
  if (outcome.kind === 'invalid') return { kind: 'no', refusal: outcome.refused, protocolError: false }
  if (outcome.principal.subject.username !== principal.subject.username)
    return no('access/reauthentication-name', 'Another name cannot take over this connection.', false)
  return { kind: 'ok', principal: { ...outcome.principal, userName: principal.userName } }
}
