import { X509Certificate } from 'node:crypto'
import { type WebAnswer, type WebRequest, type WebSite, jsonAnswer, textAnswer } from '#wire/web'
import type { Sync } from './sync.ts'

const receiptBytes = 8 * 1024
const type = { 'content-type': 'application/jose' }

/**
 * Where edges fetch their documents and leave receipts: `GET /sync/secrets`, `POST /sync/receipts`, and `GET /sync/key` for the public key of the hub. An edge
 * is who its client certificate's key says; TLS has proven that it has that key, and what it gets only that key opens.
 */
export function syncSite(sync: Pick<Sync, 'document' | 'receipt' | 'hubKey'>): WebSite {
  return {
    name: 'sync of secrets',
    serves: (path) => path === '/sync/secrets' || path === '/sync/receipts' || path === '/sync/key',
    maxBodyBytes: (method, path) => (method === 'POST' && path === '/sync/receipts' ? receiptBytes : 0),
    answer: (request) => answer(request, sync),
  }
}

async function answer({ method, path, body, peer }: WebRequest, sync: Pick<Sync, 'document' | 'receipt' | 'hubKey'>): Promise<WebAnswer> {
  if (path === '/sync/key') return method === 'GET' ? jsonAnswer(200, await sync.hubKey()) : textAnswer(405, 'GET alone.', { allow: 'GET' })
  const wanted = path === '/sync/secrets' ? 'GET' : 'POST'
  if (method !== wanted) return textAnswer(405, `${wanted} alone.`, { allow: wanted })
  const [leaf] = peer.certificates
  const spki = leaf === undefined ? undefined : spkiOf(leaf)
  if (spki === undefined) return textAnswer(401, 'An edge shows its client certificate.')
  if (path === '/sync/secrets') {
    const document = await sync.document(spki)
    return document.ok ? { status: 200, headers: { ...type, 'cache-control': 'no-store' }, body: document.value } : said(document.error)
  }
  const kept = await sync.receipt(spki, body.toString('latin1').trim())
  return kept.ok ? { status: 204 } : said(kept.error)
}

function said({ code, message }: { readonly code: string; readonly message: string }): WebAnswer {
  const status = code === 'vault/sync-unknown' ? 403 : code === 'vault/access-denied' ? 403 : code === 'vault/conflict' ? 409 : 422
  return jsonAnswer(status, { code, message })
}

function spkiOf(der: Buffer): Buffer | undefined {
  try {
    return new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' })
  } catch {
    return undefined
  }
}
