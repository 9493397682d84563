import type { Result } from '#base'
import { type WebAnswer, type WebRequest, type WebSite, textAnswer } from '#wire/web'
import { x509Limits } from '#wire/x509'
import { type RevocationLists, wholeShard } from './lists.ts'
import type { Responder } from './responder.ts'
import { shardCount } from './revoked-serials.ts'

/** Where lists lie: `/pki/crl/{key identifier}.crl` for all shards of an issuer, `/pki/crl/{key identifier}/{shard}.crl`, and `.delta.crl`. */
export const listPrefix = '/pki/crl/'
/** Where the responder answers. */
export const responderPath = '/pki/ocsp'

const listPath = /^\/pki\/crl\/([0-9a-f]{40})(?:\/([0-9]{1,2}))?(\.delta)?\.crl$/

/**
 * Lists and answers for whoever wants to know what we revoked; nobody has to say who they are. A request is answered if it is one of these:
 * GET or HEAD of a list; POST of an OCSP request; GET of one in base64 behind the path (RFC 6960 appendix A.1).
 */
export function revocationSite(lists: Pick<RevocationLists, 'complete' | 'delta'>, responder: Pick<Responder, 'answer'>): WebSite {
  return {
    name: 'revocation',
    serves: (path) => path.startsWith(listPrefix) || path === responderPath || path.startsWith(`${responderPath}/`),
    maxBodyBytes: (method, path) => (method === 'POST' && path === responderPath ? x509Limits.ocspRequestBytes : 0),
    async answer(request) {
      if (request.path.startsWith(listPrefix)) return list(request, lists)
      if (request.path === responderPath)
        return request.method === 'POST' && isOcsp(request) ? ask(request.body, request, responder) : notThisWay('POST')
      if (request.method !== 'GET') return notThisWay('GET')
      const body = fromPath(request.path.slice(responderPath.length + 1))
      return body === undefined ? textAnswer(400, 'The path is no request in base64.\n') : ask(body, request, responder)
    },
  }
}

async function list(request: WebRequest, lists: Pick<RevocationLists, 'complete' | 'delta'>): Promise<WebAnswer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return notThisWay('GET, HEAD')
  const [, keyId, shardText, delta] = listPath.exec(request.path) ?? []
  const shard = shardText === undefined ? wholeShard : Number(shardText)
  // A delta list is one of a shard: the list of all has none. 07 is no shard: a list has one address.
  const isNone = keyId === undefined || shard >= shardCount || (delta !== undefined && shard === wholeShard)
  if (isNone || (shardText !== undefined && shardText !== `${shard}`)) return textAnswer(404, 'There is no such list.\n')
  const made: Result<Buffer> = delta === undefined ? mapDer(await lists.complete(keyId, shard)) : await lists.delta(keyId, shard)
  if (!made.ok) {
    const status = made.error.code === 'pki/unknown-authority' ? 404 : made.error.code === 'pki/list-too-long' ? 413 : 503
    return textAnswer(status, `${made.error.message}\n`)
  }
  return { status: 200, headers: { 'content-type': 'application/pkix-crl', 'cache-control': 'max-age=60' }, body: made.value }
}

function mapDer(made: Result<{ readonly der: Buffer }>): Result<Buffer> {
  return made.ok ? { ok: true, value: made.value.der } : made
}

async function ask(body: Buffer, { method }: WebRequest, responder: Pick<Responder, 'answer'>): Promise<WebAnswer> {
  const { der, maxAgeMs } = await responder.answer(body)
  const cache =
    method === 'GET' && maxAgeMs > 0 ? `max-age=${Math.floor(maxAgeMs / 1000)}, public, no-transform, must-revalidate` : 'no-store'
  return { status: 200, headers: { 'content-type': 'application/ocsp-response', 'cache-control': cache }, body: der }
}

function isOcsp({ headers }: WebRequest): boolean {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() === 'application/ocsp-request'
}

function fromPath(text: string): Buffer | undefined {
  if (text.length > x509Limits.ocspRequestBytes * 4) return undefined
  let plain: string
  try {
    plain = decodeURIComponent(text)
  } catch {
    return undefined
  }
  return /^[A-Za-z0-9+/]+={0,2}$/.test(plain) ? Buffer.from(plain, 'base64') : undefined
}

function notThisWay(allow: string): WebAnswer {
  return textAnswer(405, 'This address does not answer to this method.\n', { allow })
}
