import { type KeyObject, createPublicKey, hash } from 'node:crypto'
import { type Clock, type Refusal, type Result, fail, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'

/** An algorithm of JSON Web Signatures that is taken here. */
export type SigningAlgorithm = 'ES256' | 'RS256' | 'PS256' | 'EdDSA'

/** A key that tokens of an issuer may be signed with, and the only algorithm that it is used for. */
export type SigningKey = { readonly key: KeyObject; readonly algorithm: SigningAlgorithm }

/** What tokens of service accounts may be signed with (edge.md 1.8). */
export const accountAlgorithms: readonly SigningAlgorithm[] = ['ES256', 'RS256']

/** What tokens of back ends may be signed with. */
export const serviceAlgorithms: readonly SigningAlgorithm[] = ['ES256', 'RS256', 'PS256', 'EdDSA']

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
export function parseKeySet(text: string, taken: readonly SigningAlgorithm[] = accountAlgorithms): Result<ReadonlyMap<string, SigningKey>> {
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
    const key = signingKey(jwk, taken)
    if (typeof kid !== 'string' || kid === '' || kid.length > keySetLimits.kidCharacters || key === undefined) continue
    if (keys.has(kid)) return refuse('access/key-set-malformed', 'Two keys of the set have the same kid.')
    keys.set(kid, key)
  }
  return keys.size === 0 ? refuse('access/key-set-malformed', `The key set has no key for ${taken.join(' or ')}.`) : ok(keys)
}

/**
 * Reads one public key of a back end from its JWK (RFC 7517), and names it by its thumbprint (RFC 7638, SHA-256 in base64url). Undefined for what is none, is
 * private, too weak, or for another use or algorithm.
 */
export function parsePublicJwk(text: string): (SigningKey & { readonly thumbprint: string; readonly canonical: string }) | undefined {
  const read = parseJson(text, 8_192, 3)
  if (!read.ok || !isObject(read.value) || read.value['d'] !== undefined) return undefined
  const key = signingKey(read.value, serviceAlgorithms)
  if (key === undefined) return undefined
  // Members in the order of their names, as the thumbprint wants them, and nothing that was not looked at.
  const { crv, e, kty, n, x, y } = key.key.export({ format: 'jwk' })
  const members = Object.entries({ crv, e, kty, n, x, y }).filter(([, value]) => value !== undefined)
  const canonical = JSON.stringify({ ...Object.fromEntries(members), alg: key.algorithm })
  return { ...key, canonical, thumbprint: hash('sha256', JSON.stringify(Object.fromEntries(members)), 'base64url') }
}

function signingKey(jwk: { readonly [key: string]: Json }, taken: readonly SigningAlgorithm[]): SigningKey | undefined {
  const algorithm = algorithmOf(jwk)
  if (algorithm === undefined || !taken.includes(algorithm) || (jwk['use'] !== undefined && jwk['use'] !== 'sig')) return undefined
  const material = materialOf(jwk)
  if (material === undefined) return undefined
  try {
    const key = createPublicKey({ key: material, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    return jwk['kty'] === 'RSA' && (bits === undefined || bits < 2048 || bits > 8192) ? undefined : { key, algorithm }
  } catch {
    return undefined // a point off the curve and the like
  }
}

/** The one algorithm of a key: its kind decides, and for RSA its `alg`, RS256 without one. */
function algorithmOf({ kty, crv, alg }: { readonly [key: string]: Json }): SigningAlgorithm | undefined {
  if (kty === 'EC' && crv === 'P-256') return alg === undefined || alg === 'ES256' ? 'ES256' : undefined
  if (kty === 'OKP' && crv === 'Ed25519') return alg === undefined || alg === 'EdDSA' || alg === 'Ed25519' ? 'EdDSA' : undefined
  if (kty !== 'RSA') return undefined
  return alg === undefined || alg === 'RS256' ? 'RS256' : alg === 'PS256' ? 'PS256' : undefined
}

function materialOf({ kty, x, y, n, e }: { readonly [key: string]: Json }): Readonly<Record<string, string>> | undefined {
  if (kty === 'EC') return typeof x === 'string' && typeof y === 'string' ? { kty, crv: 'P-256', x, y } : undefined
  if (kty === 'OKP') return typeof x === 'string' ? { kty, crv: 'Ed25519', x } : undefined
  return typeof n === 'string' && typeof e === 'string' ? { kty: 'RSA', n, e } : undefined
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Keeps the keys of one issuer: read when first needed, again when old or when a `kid` is unknown, and never by two at once. */
export class KeySet {
  readonly #read: () => Promise<string | undefined>
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #taken: readonly SigningAlgorithm[]
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
  constructor(
    read: () => Promise<string | undefined>,
    clock: Pick<Clock, 'monotonic'>,
    taken: readonly SigningAlgorithm[] = accountAlgorithms,
  ) {
    this.#read = read
    this.#taken = taken
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
        text === undefined
          ? refuse('access/token-keys-unavailable', '', 'the keys of the issuer could not be read')
          : parseKeySet(text, this.#taken)
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
