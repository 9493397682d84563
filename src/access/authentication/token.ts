import { jwtVerify } from 'jose'
import { type Instant, type Result, instant, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import type { KeySet } from './key-set.ts'

/** Characters of a token. CONNECT has at most 8 KiB in all. */
export const maxTokenCharacters = 8 * 1024
/** How far the clocks of issuer and hub may differ. */
const clockSkewSeconds = 60

/** What a token of a service account says, verified. */
export type TokenClaims = { readonly subject: string; readonly expiresAt: Instant }

/** Whose tokens are taken: the issuer to the letter, and audiences of which one must be named. */
export type TokenRules = { readonly issuer: string; readonly audiences: readonly string[] }

const no = (code: string, detail: string) => refuse(code, 'You may not connect.', detail)

/**
 * Verifies a token (a signed JWT in compact form) by the keys of its issuer (edge.md 1.8). The key decides the algorithm, ES256 or RS256: what the header says must
 * only agree. `exp`, `sub`, `iss` and `aud` must be there; a `crit` header and a `typ` other than `JWT` are refused.
 */
export async function verifyToken(token: string, rules: TokenRules, keys: KeySet, now: Instant): Promise<Result<TokenClaims>> {
  const header = readHeader(token)
  if (!header.ok) return header
  const found = await keys.key(header.value.kid)
  if (!found.ok) return found
  const { key, algorithm } = found.value
  if (header.value.algorithm !== algorithm) return no('access/token-algorithm', 'the token names another algorithm than its key is for')
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [algorithm],
      issuer: rules.issuer,
      audience: [...rules.audiences],
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(now),
      requiredClaims: ['exp', 'sub', 'iss', 'aud'],
    })
    const { sub, exp, iat } = payload
    if (typeof sub !== 'string' || sub === '' || typeof exp !== 'number')
      return no('access/token-refused', 'sub or exp is not as it should be')
    if (typeof iat === 'number' && iat * 1000 > now + clockSkewSeconds * 1000)
      return no('access/token-refused', 'it was issued in the future')
    return ok({ subject: sub, expiresAt: instantOf(exp) })
  } catch (error) {
    const expired = isJoseError(error) && error.code === 'ERR_JWT_EXPIRED'
    if (expired) return no('access/token-expired', 'the token has expired')
    if (isJoseError(error)) return no('access/token-refused', error.code)
    throw error
  }
}

// Beyond the year 9999 a time is as good as never, and would break those who print it.
function instantOf(seconds: number): Instant {
  return instant(Math.min(seconds * 1000, Date.UTC(9999, 11, 31)))
}

function isJoseError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('ERR_J')
}

/** The header, before anything is believed: it only says where to look. */
function readHeader(token: string): Result<{ readonly kid: string; readonly algorithm: string }> {
  if (token.length > maxTokenCharacters || !/^[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}$/.test(token))
    return no('access/token-malformed', 'it is no signed JWT in compact form')
  const read = parseJson(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8'), 4_096, 4)
  if (!read.ok || !isObject(read.value)) return no('access/token-malformed', 'its header is no JSON object')
  const { alg, kid, typ, crit } = read.value
  if (alg !== 'ES256' && alg !== 'RS256') return no('access/token-algorithm', 'only ES256 and RS256 are taken')
  if (typ !== undefined && !(typeof typ === 'string' && /^jwt$/i.test(typ))) return no('access/token-malformed', 'its typ is not JWT')
  if (crit !== undefined) return no('access/token-malformed', 'it has a critical header that is not understood')
  if (typeof kid !== 'string' || kid === '') return no('access/token-key-unknown', 'it names no key')
  return ok({ kid, algorithm: alg })
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The claims of a token that a reviewer has vouched for: when it ends. Undefined when it does not say. */
export function expiryOf(token: string): Instant | undefined {
  const payload = token.split('.')[1] ?? ''
  const read = parseJson(Buffer.from(payload, 'base64url').toString('utf8'), maxTokenCharacters, 16)
  const exp = read.ok && isObject(read.value) ? read.value['exp'] : undefined
  return typeof exp === 'number' && Number.isFinite(exp) && exp > 0 ? instantOf(exp) : undefined
}

/** Whether a refusal means that somebody could not be asked rather than that the token is bad. */
export function isTransient(code: string): boolean {
  return code === 'access/token-keys-unavailable' || code === 'access/token-review-unavailable'
}
