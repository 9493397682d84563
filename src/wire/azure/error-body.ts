import { type Instant, type Refusal, isoTime } from '#base'
import { azureError } from './error-codes.ts'

/** A refusal as IoT Hub writes it over HTTPS: status, headers, and the text of the body. */
export type AzureErrorReply = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }

/** Seconds after which a client that was too fast, or found the hub busy, may come again. */
const usualRetrySeconds = 10

/**
 * Writes a refusal in the old form (azure-wire 5.12): Node understands no other, and C# wants the name in the header to be that of the body. Only the
 * name and our own sentence leave; whatever a peer may have put into it is taken out.
 */
export function azureErrorReply(
  refusal: Refusal,
  trackingId: string,
  now: Instant,
  retryAfterSeconds = usualRetrySeconds,
): AzureErrorReply {
  const { name, status } = azureError(refusal)
  const said = refusal.message.replaceAll(/[^ -~]|[<>&";]/g, ' ').slice(0, 300)
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'iothub-errorcode': name,
      'x-ms-request-id': trackingId,
      ...(status === 401 ? { 'www-authenticate': 'SharedAccessSignature' } : {}),
      ...(status === 429 || status === 503 ? { 'retry-after': String(retryAfterSeconds) } : {}),
    },
    body: JSON.stringify({
      Message: `ErrorCode:${name};${said}`,
      ExceptionMessage: `Tracking ID:${trackingId}-TimeStamp:${trackingTime(now)}`,
    }),
  }
}

/** `11/23/2025 10:00:00`, as tracking lines have it. */
function trackingTime(at: Instant): string {
  const [date = '', time = ''] = isoTime(at).split('T')
  const [year, month, day] = date.split('-')
  return `${month}/${day}/${year} ${time.slice(0, 8)}`
}
