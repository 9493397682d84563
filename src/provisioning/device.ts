import type { Brand, Instant, Result } from '#base'
import type { Json } from '#wire/json'

/** What a device that wants to register says about itself, by whatever protocol it came. */
export type RegistrantClaim = {
  readonly idScope: string
  /** As sent; compared lower-case. */
  readonly registrationId: string
  /** `SharedAccessSignature ...`; undefined where a certificate shall prove it. */
  readonly token: string | undefined
  /** The chain sent in TLS, DER, leaf first; empty without one. */
  readonly certificates: readonly Buffer[]
  readonly address: string
}

/** Proof that a device has shown that it may register. Only this room mints one. */
export type Registrant = Brand<
  {
    readonly registrationId: string
    readonly proof: 'x509' | 'symmetricKey' | 'tpm'
    /** When the proof ends, and with it the right to go on over the same connection. */
    readonly expiresAt: Instant
  },
  'Registrant'
>

/** What a registering device may send along (azure-wire 6.2, 6.7). */
export type RegisterRequest = {
  readonly payload?: Json | undefined
  /** PKCS #10, DER. */
  readonly csr?: Buffer | undefined
  readonly force?: boolean | undefined
  /** The `api-version` that it speaks, such as `2019-03-31`. */
  readonly apiVersion: string
}

/** Where a registration stands (azure-wire 6.1, 6.5). `registrationState` is JSON as clients read it. */
export type Operation = {
  readonly operationId: string
  readonly status: 'assigning' | 'assigned' | 'failed' | 'disabled'
  readonly registrationState?: Json
  /** Seconds after which to ask again; present while it is assigning. */
  readonly retryAfterSeconds?: number
}

/** The keys of a TPM that a device shows first (azure-wire 6.8): TPM2B_PUBLIC each. */
export type TpmClaim = {
  readonly idScope: string
  readonly registrationId: string
  readonly endorsementKey: Buffer
  readonly storageRootKey: Buffer
  readonly address: string
}

/**
 * What devices that register may ask (azure-wire 6). Whatever is wrong with a credential, an enrollment or an id scope, the refusal is
 * `provisioning/unauthorized`, with the reason in the detail alone; `provisioning/too-many-attempts` after many of one address.
 */
export interface DeviceProvisioning {
  readonly idScope: string
  /** Proves a registering device (azure-wire 7.4). */
  authenticate(claim: RegistrantClaim): Promise<Result<Registrant>>
  /** A blob that only this TPM opens; inside is the key that signs its token. Nothing is registered yet. */
  challenge(claim: TpmClaim): Promise<Result<Buffer>>
  /** Begins a registration. Always `assigning`; the same operation while one is under way. */
  register(registrant: Registrant, request: RegisterRequest): Promise<Result<Operation>>
  /** Refuses `provisioning/no-such-operation` for one that is unknown, of another device, or older than a day. */
  operation(registrant: Registrant, operationId: string): Promise<Result<Operation>>
  /** The registration record; `provisioning/not-registered` without one. */
  lookup(registrant: Registrant): Promise<Result<Json>>
}
