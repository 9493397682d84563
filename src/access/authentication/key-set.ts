import { type KeyObject, createPublicKey } from 'node:crypto'
import { type Clock, type Refusal, type Result, fail, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'

/** A key that tokens of an issuer may be signed with, and the only algorithm that it is used for. */
export type SigningKey = { readonly key: KeyObject; readonly algorithm: 'ES256' | 'RS256' }

/** Bounds of a key set and of how often it is read. */
export const keySetLimits = {
  bytes: 256 * 1024,
  keys: 100,
  kidCharacters: 256,
  /** Keys older than this are read again when they are next used; older than `stalestMs` they are used no more. */
  freshMs: 10 * 60_000,
  stalestMs: 24 * 60 * 60_000,
  /** An unknown `kid` reads the set again, but no more often than this: anybody can invent one. */
  rereadMs: 30_000,
} as const

/**
 * Reads a JSON Web Key Set (RFC 7517). Keys of other kinds, for other uses, too weak or without a `kid` are left out, as the RFC asks; refused are
 * sets that are none, have no key for us, or hold a private or secret one: whoever publishes that has lost it.
 */
export function parseKeySet(text: string): Result<ReadonlyMap<string, SigningKey>> {
  const read = parseJson(text, keySetLimits.bytes, 8)
  if (!read.ok) return read
  const list = isObject(read.value) ? read.value['keys'] : undefined
  if (!Array.isArray(list) || list.length > keySetLimits.keys)
    return refuse('access/key-set-malformed', `A key set is an object with a list of at most ${keySetLimits.keys} keys.`)
  const keys = new Map<string, SigningKey>()
  for (const jwk of list) {
    if (!isObject(jwk)) return refuse('access/key-set-malformed', 'A key of the set is no object.')
    if (jwk['d'] !== undefined || jwk['kty'] === 'oct')
      return refuse(
        'access/key-set-malformed',
        'The key set holds a private or secret key. Publish the public ones alone, and replace this one.',
      )
    const { kid } = jwk
    const key = signingKey(jwk)
    if (typeof kid !== 'string' || kid === '' || kid.length > keySetLimits.kidCharacters || key === undefined) continue
    if (keys.has(kid)) return refuse('access/key-set-malformed', 'Two keys of the set have the same kid.')
    keys.set(kid, key)
  }
  return keys.size === 0 ? refuse('access/key-set-malformed', 'The key set has no key for ES256 or RS256.') : ok(keys)
}

function signingKey(jwk: { readonly [key: string]: Json }): SigningKey | undefined {
  const { kty, crv, x, y, n, e, use, alg } = jwk
  const algorithm = kty === 'EC' && crv === 'P-256' ? 'ES256' : kty === 'RSA' ? 'RS256' : undefined
  if (algorithm === undefined || (use !== undefined && use !== 'sig') || (alg !== undefined && alg !== algorithm)) return undefined
  const material =
    algorithm === 'ES256'
      ? typeof x === 'string' && typeof y === 'string' && { kty: 'EC', crv: 'P-256', x, y }
      : typeof n === 'string' && typeof e === 'string' && { kty: 'RSA', n, e }
  if (material === false) return undefined
  try {
    const key = createPublicKey({ key: material, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    return algorithm === 'RS256' && (bits === undefined || bits < 2048 || bits > 8192) ? undefined : { key, algorithm }
  } catch {
    return undefined // a point off the curve and the like
  }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Keeps the keys of one issuer: read when first needed, again when old or when a `kid` is unknown, and never by two at once. */
export class KeySet {
  readonly #read: () => Promise<string | undefined>
  readonly #clock: Pick<Clock, 'monotonic'>
  #keys: ReadonlyMap<string, SigningKey> = new Map()
  #readAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined
  #trouble: Refusal = {
    code: 'access/token-keys-unavailable',
    message: 'You may not connect.',
    detail: 'the keys of the issuer were not read yet',
  }

  /** `read` resolves to the text of the set; undefined when it could not be had. */
  constructor(read: () => Promise<string | undefined>, clock: Pick<Clock, 'monotonic'>) {
    this.#read = read
    this.#clock = clock
  }

  /** The key named `kid`. `access/token-keys-unavailable` when there are no keys to look in, `access/token-key-unknown` when it is not among them. */
  async key(kid: string): Promise<Result<SigningKey>> {
    const now = this.#clock.monotonic()
    if (now - this.#readAt > keySetLimits.freshMs || !this.#keys.has(kid)) {
      const pause = this.#readAt === Number.NEGATIVE_INFINITY ? 1_000 : keySetLimits.rereadMs
      if (now - this.#triedAt >= pause) this.#reading ??= this.#reread(now)
      // An old set is good while the new one comes; only a key that it does not have waits.
      if (this.#reading !== undefined && !this.#keys.has(kid)) await this.#reading
    }
    if (this.#clock.monotonic() - this.#readAt > keySetLimits.stalestMs) return fail(this.#trouble)
    const found = this.#keys.get(kid)
    return found === undefined
      ? refuse('access/token-key-unknown', 'You may not connect.', 'the token names a key that the issuer does not have')
      : ok(found)
  }

  async #reread(now: number): Promise<void> {
    this.#triedAt = now
    try {
      const text = await this.#read()
      const parsed =
        text === undefined ? refuse('access/token-keys-unavailable', '', 'the keys of the issuer could not be read') : parseKeySet(text)
      if (parsed.ok) {
        this.#keys = parsed.value
        this.#readAt = this.#clock.monotonic()
      } else
        this.#trouble = {
          code: 'access/token-keys-unavailable',
          message: 'You may not connect.',
          detail: parsed.error.detail ?? parsed.error.message,
        }
    } finally {
      this.#reading = undefined
    }
  }
}
