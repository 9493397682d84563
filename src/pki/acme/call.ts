import { type Refusal, type Result, fail, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import type { WebRequest } from '#wire/web'
import type { AcmeAccounts } from './accounts.ts'
import { acmeLimits } from './limits.ts'
import { type AccountKey, type ReadJws, parseJws, readKey, verifyJws } from './jws.ts'
import type { Nonces } from './nonces.ts'
import { type Proof, acmePrefix } from './operation.ts'
import type { Account } from './rows.ts'

/** A signed request, verified: what it carries, and by which key or account. */
export type Signed = {
  readonly jws: ReadJws
  /** Empty: a POST that only asks (section 6.3). */
  readonly payload: Buffer
  readonly account: Account | undefined
  readonly key: AccountKey | undefined
}

/** What a request shows, and what it says when that is good. */
export type Shown = { readonly proof: Proof; readonly signed: Signed | undefined }

/**
 * Reads and verifies a signed request (section 6): its form, the URL that it is for, the key or account, the signature, and the nonce last, which is
 * spent by a message of its owner alone.
 */
export async function readCall(request: WebRequest, url: string, accounts: AcmeAccounts, nonces: Nonces): Promise<Shown> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/jose+json')
    return bad({ code: 'pki/acme-media-type', message: 'The body must be application/jose+json (RFC 8555 section 6.2).' })
  const read = parseJws(request.body)
  if (!read.ok) return bad(read.error)
  const jws = read.value
  if (jws.url !== url) return bad({ code: 'pki/acme-url', message: 'The message is signed for another URL.' })
  const signer = jws.kid === undefined ? await byKey(jws) : await byAccount(jws.kid, url, accounts)
  if (!signer.ok) return bad(signer.error)
  const { account, key } = signer.value
  const jwk = key?.jwk ?? account?.jwk
  if (jwk === undefined) throw new Error('bug: a signer without a key')
  const payload = await verifyJws(jws, jwk)
  if (!payload.ok) return bad(payload.error)
  if (jws.nonce === undefined || !nonces.take(jws.nonce))
    return bad({ code: 'pki/acme-bad-nonce', message: 'This nonce was not given out, or is used or too old.' })
  const signed = { jws, payload: payload.value, account, key }
  if (account === undefined) return { proof: { kind: 'key' }, signed }
  return { proof: { kind: account.record.status === 'valid' ? 'account' : 'ended' }, signed }
}

function bad(error: Refusal): Shown {
  return { proof: { kind: 'bad', error }, signed: undefined }
}

type Signer = Pick<Signed, 'account' | 'key'>

async function byKey({ jwk }: ReadJws): Promise<Result<Signer>> {
  const key = await readKey(jwk)
  return key.ok ? ok({ account: undefined, key: key.value }) : key
}

/** The account that `kid` names, which is its URL as this very client called us. */
async function byAccount(kid: string, url: string, accounts: AcmeAccounts): Promise<Result<Signer>> {
  const base = `${new URL(url).origin}${acmePrefix}account/`
  const account = kid.startsWith(base) ? await accounts.byId(kid.slice(base.length)) : undefined
  return account?.jwk === undefined ? refuse('pki/acme-no-account', 'There is no such account.') : ok({ account, key: undefined })
}

/** The payload as an object. Refuses `pki/acme-malformed` for anything else. */
export function objectOf(payload: Buffer): Result<Json> {
  const json = parseJson(payload.toString('utf8'), acmeLimits.bodyBytes, 8)
  if (!json.ok) return fail(json.error)
  return typeof json.value === 'object' && json.value !== null && !Array.isArray(json.value)
    ? json
    : refuse('pki/acme-malformed', 'The payload must be a JSON object.')
}
