import { createPublicKey } from 'node:crypto'
import { type JWK, calculateJwkThumbprint, flattenedVerify } from 'jose'
import { type Result, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import { importPublicKey, parsePublicKey, refuseWeakKey } from '#wire/x509'
import { acmeLimits } from './limits.ts'
import { memberOf } from './names.ts'

/** Algorithms of account keys (RFC 8555 section 6.2). `none` and MACs are not among them. */
export const accountAlgorithms = ['ES256', 'ES384', 'RS256', 'EdDSA', 'Ed25519'] as const
const macAlgorithms = ['HS256', 'HS384', 'HS512'] as const

/** A public key that was looked at: a JWK of its public members alone, its RFC 7638 thumbprint, and its SubjectPublicKeyInfo. */
export type AccountKey = { readonly jwk: JWK; readonly thumbprint: string; readonly spki: Buffer }

/** A signed message before anything of it is believed. */
export type ReadJws = {
  readonly flattened: { readonly protected: string; readonly payload: string; readonly signature: string }
  readonly algorithm: string
  readonly url: string
  readonly nonce: string | undefined
  /** Exactly one of these two stands in a header. */
  readonly kid: string | undefined
  readonly jwk: Json | undefined
}

const malformed = (detail: string) => refuse('pki/acme-malformed', 'That is not a signed message of ACME (RFC 8555 section 6.2).', detail)

/** Reads a body. */
export function parseJws(body: Buffer): Result<ReadJws> {
  const json = parseJson(body.toString('utf8'), acmeLimits.bodyBytes, 8)
  return json.ok ? readJws(json.value) : json
}

/**
 * Reads a flattened JWS. Refuses unprotected headers, several signatures, `crit` and `b64`, which section 6.2 leaves out; both `kid` and `jwk`; and an
 * algorithm that is not of `algorithms`.
 */
export function readJws(json: Json, algorithms: readonly string[] = accountAlgorithms): Result<ReadJws> {
  const [head, payload, signature] = [memberOf(json, 'protected'), memberOf(json, 'payload'), memberOf(json, 'signature')]
  if (typeof head !== 'string' || typeof payload !== 'string' || typeof signature !== 'string') return malformed('not flattened')
  if (memberOf(json, 'header') !== undefined || memberOf(json, 'signatures') !== undefined) return malformed('unprotected')
  if (!/^[A-Za-z0-9_-]+$/.test(head)) return malformed('header')
  const header = parseJson(Buffer.from(head, 'base64url').toString('utf8'), acmeLimits.bodyBytes, 8)
  if (!header.ok) return header
  const [algorithm, url, nonce] = [memberOf(header.value, 'alg'), memberOf(header.value, 'url'), memberOf(header.value, 'nonce')]
  const [kid, jwk] = [memberOf(header.value, 'kid'), memberOf(header.value, 'jwk')]
  if (memberOf(header.value, 'crit') !== undefined || memberOf(header.value, 'b64') !== undefined) return malformed('crit')
  if (typeof algorithm !== 'string' || !algorithms.includes(algorithm))
    return refuse('pki/acme-algorithm', `Messages are signed with one of ${algorithms.join(', ')}.`)
  if (typeof url !== 'string' || (nonce !== undefined && typeof nonce !== 'string')) return malformed('url or nonce')
  if ((kid === undefined) === (jwk === undefined)) return malformed('kid and jwk')
  if (kid !== undefined && typeof kid !== 'string') return malformed('kid')
  return ok({ flattened: { protected: head, payload, signature }, algorithm, url, nonce, kid, jwk })
}

/** The same for an external account binding: signed with a MAC, names a key by `kid`, has no nonce (section 7.3.4). */
export function readBinding(json: Json): Result<ReadJws & { readonly kid: string }> {
  const read = readJws(json, macAlgorithms)
  if (!read.ok) return read
  const { kid, nonce } = read.value
  return kid === undefined || nonce !== undefined ? malformed('binding') : ok({ ...read.value, kid })
}

/** Verifies a message by the key of its account, or by the MAC key of a binding; what it carries comes as bytes. */
export async function verifyJws({ flattened, algorithm }: ReadJws, key: JWK | Uint8Array): Promise<Result<Buffer>> {
  try {
    const { payload } = await flattenedVerify(flattened, key, { algorithms: [algorithm] })
    return ok(Buffer.from(payload))
  } catch {
    return refuse('pki/acme-signature', 'The signature does not fit.')
  }
}

/** Reads a public key. Refuses `pki/acme-weak-key` for private, symmetric, weak and unknown ones. */
export async function readKey(json: Json | undefined): Promise<Result<AccountKey>> {
  const weak = refuse('pki/acme-weak-key', 'A key is P-256, P-384, Ed25519, or RSA of 2048 bits or more, and public.')
  const member = (name: string): string => {
    const found = memberOf(json, name)
    return typeof found === 'string' ? found : ''
  }
  if (memberOf(json, 'd') !== undefined) return weak
  const kty = member('kty')
  const jwk: JWK | undefined =
    kty === 'EC'
      ? { kty, crv: member('crv'), x: member('x'), y: member('y') }
      : kty === 'OKP'
        ? { kty, crv: member('crv'), x: member('x') }
        : kty === 'RSA'
          ? { kty, n: member('n'), e: member('e') }
          : undefined
  if (jwk === undefined) return weak
  try {
    const spki = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'der' })
    const parsed = parsePublicKey(spki)
    if (!parsed.ok || !refuseWeakKey(parsed.value).ok || importPublicKey(parsed.value) === undefined) return weak
    return ok({ jwk, thumbprint: await calculateJwkThumbprint(jwk, 'sha256'), spki })
  } catch {
    return weak
  }
}
