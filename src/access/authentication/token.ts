import { type JWTPayload, jwtVerify } from 'jose'
import { type Instant, type Result, instant, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import { type KeySet, type SigningAlgorithm, type SigningKey, accountAlgorithms } from './key-set.ts'

/** Characters of a token. CONNECT has at most 8 KiB in all. */
export const maxTokenCharacters = 8 * 1024
/** How far the clocks of issuer and hub may differ. */
const clockSkewSeconds = 60

/** What a token of a service account says, verified. */
export type TokenClaims = { readonly subject: string; readonly expiresAt: Instant }

/** Whose tokens are taken: the issuer to the letter, and audiences of which one must be named. */
export type TokenRules = { readonly issuer: string; readonly audiences: readonly string[] }

/** A signed token before anything of it is believed: what its header says, and whose it says it is. */
export type ReadToken = {
  readonly text: string
  readonly kid: string | undefined
  readonly algorithm: SigningAlgorithm
  readonly issuer: string | undefined
}

const no = (code: string, detail: string) => refuse(code, 'You may not connect.', detail)

/**
 * Verifies a token (a signed JWT in compact form) by the keys of its issuer (edge.md 1.8). The key decides the algorithm, ES256 or RS256: what the header says must
 * only agree. `exp`, `sub`, `iss` and `aud` must be there; a `crit` header and a `typ` other than `JWT` are refused.
 */
export async function verifyToken(token: string, rules: TokenRules, keys: KeySet, now: Instant): Promise<Result<TokenClaims>> {
  const read = readToken(token, accountAlgorithms, /^jwt$/i)
  if (!read.ok) return read
  if (read.value.kid === undefined) return no('access/token-key-unknown', 'it names no key')
  const found = await keys.key(read.value.kid)
  if (!found.ok) return found
  const payload = await verifyRead(read.value, rules, found.value, now)
  if (!payload.ok) return payload
  const { sub, exp } = payload.value
  if (typeof sub !== 'string' || sub === '' || typeof exp !== 'number')
    return no('access/token-refused', 'sub or exp is not as it should be')
  return ok({ subject: sub, expiresAt: instantOf(exp) })
}

/**
 * Verifies a token that was read by one key: signature, `iss`, `aud`, `exp`, `nbf` and `iat`. `exp`, `sub`, `iss` and `aud` must be there. Refuses
 * `access/token-algorithm`, `access/token-expired`, `access/token-refused`.
 */
export async function verifyRead(token: ReadToken, rules: TokenRules, signer: SigningKey, now: Instant): Promise<Result<JWTPayload>> {
  const { key, algorithm } = signer
  if (token.algorithm !== algorithm) return no('access/token-algorithm', 'the token names another algorithm than its key is for')
  try {
    const { payload } = await jwtVerify(token.text, key, {
      // The same by its newer name (RFC 9864).
      algorithms: algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm],
      issuer: rules.issuer,
      audience: [...rules.audiences],
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(now),
      requiredClaims: ['exp', 'sub', 'iss', 'aud'],
    })
    const { iat } = payload
    return typeof iat === 'number' && iat * 1000 > now + clockSkewSeconds * 1000
      ? no('access/token-refused', 'it was issued in the future')
      : ok(payload)
  } catch (error) {
    const expired = isJoseError(error) && error.code === 'ERR_JWT_EXPIRED'
    if (expired) return no('access/token-expired', 'the token has expired')
    if (isJoseError(error)) return no('access/token-refused', error.code)
    throw error
  }
}

/** The time of a claim, in seconds since the epoch, as an {@link Instant}. */
export function instantOf(seconds: number): Instant {
  // Beyond the year 9999 a time is as good as never, and would break those who print it.
  return instant(Math.min(seconds * 1000, Date.UTC(9999, 11, 31)))
}

function isJoseError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('ERR_J')
}

/**
 * Reads the header of a signed JWT in compact form, and the issuer that it names, before anything is believed: they only say where to look. Refuses
 * `access/token-malformed` and `access/token-algorithm`; `types` is what a `typ` may be.
 */
export function readToken(token: string, taken: readonly SigningAlgorithm[], types: RegExp): Result<ReadToken> {
  const parts = /^([A-Za-z0-9_-]{2,})\.([A-Za-z0-9_-]{2,})\.[A-Za-z0-9_-]{2,}$/.exec(token.length > maxTokenCharacters ? '' : token)
  if (parts === null) return no('access/token-malformed', 'it is no signed JWT in compact form')
  const header = objectIn(parts[1] ?? '', 4_096, 4)
  if (header === undefined) return no('access/token-malformed', 'its header is no JSON object')
  const { alg, kid, typ, crit } = header
  const algorithm = taken.find((one) => one === alg || (one === 'EdDSA' && alg === 'Ed25519'))
  if (algorithm === undefined) return no('access/token-algorithm', `only ${taken.join(' and ')} are taken`)
  if (typ !== undefined && !(typeof typ === 'string' && types.test(typ))) return no('access/token-malformed', 'its typ is not JWT')
  if (crit !== undefined) return no('access/token-malformed', 'it has a critical header that is not understood')
  const iss = objectIn(parts[2] ?? '', maxTokenCharacters, 16)?.['iss']
  return ok({
    text: token,
    algorithm,
    kid: typeof kid === 'string' && kid !== '' ? kid : undefined,
    issuer: typeof iss === 'string' ? iss : undefined,
  })
}

function objectIn(base64url: string, maxCharacters: number, depth: number): { readonly [key: string]: Json } | undefined {
  const read = parseJson(Buffer.from(base64url, 'base64url').toString('utf8'), maxCharacters, depth)
  return read.ok && isObject(read.value) ? read.value : undefined
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The claims of a token that a reviewer has vouched for: when it ends. Undefined when it does not say. */
export function expiryOf(token: string): Instant | undefined {
  const exp = objectIn(token.split('.')[1] ?? '', maxTokenCharacters, 16)?.['exp']
  return typeof exp === 'number' && Number.isFinite(exp) && exp > 0 ? instantOf(exp) : undefined
}

/** Whether a refusal means that somebody could not be asked rather than that the token is bad. */
export function isTransient(code: string): boolean {
  return code === 'access/token-keys-unavailable' || code === 'access/token-review-unavailable'
}
