import { createHmac } from 'node:crypto'
import { type Instant, type Result, type Secret } from '#base'
import { type RoutedEvent, eventToJson } from '../event.ts'
import { readSettings } from './settings.ts'
import { type TlsSettings, readTls } from './tls-settings.ts'

/** A URL that takes events by POST. */
export type WebhookSettings = TlsSettings & {
  readonly url: string
  /** Names the secret that signs, and what receivers are told of it so that they can exchange it. */
  readonly signingSecret: string
  readonly keyId: string
  /** Names a secret that goes along as `Authorization: Bearer`; undefined: none does. */
  readonly bearerSecret: string | undefined
  readonly timeoutMs: number
}

/** Reads the settings of an endpoint of the kind `webhook`. Refuses `egress/endpoint-malformed`. */
export function parseWebhook(given: unknown): Result<WebhookSettings> {
  return readSettings('webhook', given, (reader) => ({
    ...readTls(reader),
    url: reader.url('url'),
    signingSecret: reader.secret('signingSecret'),
    keyId: reader.optionalText('keyId', { most: 64, pattern: /^[A-Za-z0-9._-]+$/ }) ?? '1',
    bearerSecret: reader.optionalSecret('bearerSecret'),
    timeoutMs: reader.integer('timeoutSeconds', { least: 1, most: 55, otherwise: 20 }) * 1_000,
  }))
}

/** The body of one request: a JSON array of events. */
export function webhookBody(events: readonly RoutedEvent[]): Buffer {
  return Buffer.from(JSON.stringify(events.map(eventToJson)))
}

/**
 * What proves to the receiver that the hub sent these bytes, and when: HMAC-SHA256 over `{timestamp}.{body}`, hexadecimal; the time is in seconds since
 * the epoch, so that a receiver can turn old requests away.
 */
export function webhookHeaders(body: Buffer, now: Instant, keyId: string, key: Secret): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now / 1_000))
  const mac = key.use((bytes) => createHmac('sha256', bytes).update(`${timestamp}.`).update(body).digest('hex'))
  return {
    'thingwall-timestamp': timestamp,
    'thingwall-key-id': keyId,
    'thingwall-signature': `sha256=${mac}`,
  }
}

/** What an answer means: taken, the events' own fault, or later. `Retry-After` counts in seconds only. */
export function judgeStatus(
  status: number,
  retryAfter: string | undefined,
):
  | { readonly kind: 'ok' }
  | { readonly kind: 'poison'; readonly reason: string }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number } {
  if (status >= 200 && status < 300) return { kind: 'ok' }
  const reason = `answered ${status}`
  if (status === 400 || status === 413 || status === 422) return { kind: 'poison', reason }
  if (status >= 300 && status < 400) return { kind: 'retry', reason: `${reason}: redirects are not followed` }
  const seconds = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined
  return seconds === undefined ? { kind: 'retry', reason } : { kind: 'retry', reason, afterMs: seconds * 1_000 }
}
