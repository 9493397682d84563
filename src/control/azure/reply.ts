import type { Instant, Refusal } from '#base'
import { azureErrorReply } from '#wire/azure'

/** What a route answers: a status, JSON or nothing, and headers besides the usual ones. */
export type Reply = {
  readonly status: 200 | 201 | 202 | 204
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer as it goes on the wire. */
export type Written = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }

/** JSON with status 200; with an etag the header that goes with it. */
export function json(value: unknown, etag?: string): Reply {
  return etag === undefined ? { status: 200, json: value } : { status: 200, json: value, headers: { etag: quoted(etag) } }
}

/** Done, and nothing to say. */
export const noContent: Reply = { status: 204 }

/** An etag as a header has it: in quotes. */
export function quoted(etag: string): string {
  return `"${etag}"`
}

/** Headers of every answer. Nothing here is for browsers, and no other origin is let in. */
export const alwaysHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
}

const jsonType = 'application/json; charset=utf-8'

/** Writes an answer. Node's clients parse a body only under this content type (azure-wire 5). */
export function writtenReply(reply: Reply, requestId: string): Written {
  const headers = { ...alwaysHeaders, 'x-ms-request-id': requestId, ...reply.headers }
  if (reply.json === undefined) return { status: reply.status, headers, body: '' }
  return { status: reply.status, headers: { ...headers, 'content-type': jsonType }, body: JSON.stringify(reply.json) }
}

/** A refusal as it is answered; some know when to come again, and some carry a whole result in place of a sentence. */
export type AzureRefusal = Refusal & { readonly retryAfterSeconds?: number; readonly result?: unknown }

/** Writes a refusal as {@link azureErrorReply} does, with the headers of every answer. */
export function writtenRefusal(refusal: AzureRefusal, requestId: string, now: Instant): Written {
  const { status, headers, body } = azureErrorReply(refusal, requestId, now, refusal.retryAfterSeconds)
  return { status, headers: { ...alwaysHeaders, ...headers }, body: refusal.result === undefined ? body : JSON.stringify(refusal.result) }
}
