import { type Instant, type Result, refuse } from '#base'
import type { Caller } from '../grant.ts'

/**
 * What asks: the peer's address, and by which way its token came: an HTTP header, AMQP's put-token, put-token of an Event Hubs client, or an HTTP header
 * for the secrets.
 */
export type ServiceRequest = { readonly address: string; readonly kind: 'http' | 'cbs' | 'event-hubs' | 'key-vault' }

/** A back end that has proven who it is. */
export type ServiceCaller = {
  readonly caller: Caller
  /** When the token ends; what was opened with it ends then, unless another token came. Undefined: it does not end. */
  readonly expiresAt: Instant | undefined
  /** The host or the longer resource that the token covers, percent-decoded, without a scheme: whole leading segments of what it may be used for. */
  readonly scope: string
}

/** Who the back ends are (azure-wire 1.3, 1.6, 1.10). */
export interface Services {
  /**
   * Proves a back end by the value of an HTTP `Authorization` header or the body of a put-token: `SharedAccessSignature ...`, `Bearer {jwt}`, or the
   * bare token. Refuses `access/service-refused` with the reason in the detail alone, and `access/too-many-attempts` after many failures from one address.
   */
  authenticate(token: string, about: ServiceRequest): Promise<Result<ServiceCaller>>
  /**
   * Called when the rights of some callers end before their tokens do, because a service or a policy was removed: whatever was opened by a caller that is
   * not `good` any more must be closed now. Returns how to be told no more.
   */
  onRevoked(told: (isGood: (caller: ServiceCaller) => boolean) => void): () => void
}

/** What a back end hears, whatever was wrong with its token. */
export function refuseService(detail: string): { readonly ok: false; readonly error: { code: string; message: string; detail?: string } } {
  return refuse('access/service-refused', 'The token does not open this hub.', detail)
}

/** Knows nobody: every token is refused. */
export const noServices: Services = {
  authenticate: async () => refuseService('this hub knows no services'),
  onRevoked: () => () => {},
}
