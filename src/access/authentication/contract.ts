import type { DeviceId, Refusal, Result } from '#base'
import type { Credentials, Refused } from '../authenticate.ts'
import type { Principal } from '../principal.ts'

/** Proves an identity. A Promise only where somebody else must be asked: a webhook, a token review, a key set that was not fetched yet. */
export type Authenticate = (credentials: Credentials) => Result<Principal, Refused> | Promise<Result<Principal, Refused>>

/**
 * What came of an AUTH packet with reason 0x19 (edge.md 1.9): `ok` replaces attributes and expiry and is AUTH 0x00; `later` means that whom we
 * asked could not be reached, AUTH 0x18; `no` ends the connection: DISCONNECT 0x82 where `protocolError`, 0x87 otherwise.
 */
export type Reauthenticated =
  | { readonly kind: 'ok'; readonly principal: Principal }
  | { readonly kind: 'later' }
  | { readonly kind: 'no'; readonly refusal: Refusal; readonly protocolError: boolean }

/** Proves an identity again, on a live connection. `method` is the Authentication Method of the AUTH packet; `data` is copied at once. */
export type Reauthenticate = (principal: Principal, method: string, data: Buffer) => Promise<Reauthenticated>

/** Who a request or a link says it is from, where there is no CONNECT: HTTPS, and AMQP by SASL PLAIN, put-token or a certificate. */
export type DeviceClaim = {
  /** The device of the path or address, or `{device}/{module}`. */
  readonly identity: DeviceId
  /** The whole shared access signature, as it was sent; undefined where a certificate is to prove it. */
  readonly token: string | undefined
  /** The chain that the client sent, DER, leaf first; empty without a certificate. */
  readonly certificates: readonly Buffer[]
  /** Where the peer is. */
  readonly address: string
  /** The host that was asked for, as sent; undefined where the protocol did not say. */
  readonly host: string | undefined
}

/** Proves a registered device or module where there is no CONNECT. At once, and as {@link Authenticate} would. A verified token is remembered while it lives. */
export type AuthenticateDevice = (claim: DeviceClaim) => Result<Principal, Refused>
