import type { Clock, DeviceId, Grant, Instant, Random, Result, Secret } from '#base'
import type { FactOf } from '#journal'
import type { Statement, Store } from '#store'
import type { Certificate } from '#wire/x509'
import type { CertificatePolicy, JsonObject } from './enrollment.ts'

/** What an audited commit says about itself. */
export type Audited = {
  readonly action: string
  readonly resource: string
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

/** Commits rows together with their audit entries: both or neither. */
export type AuditedCommit = (
  grant: Grant,
  what: Audited | readonly Audited[],
  statements: readonly Statement[],
) => Promise<Result<void, 'conflict'>>

/** A chain that reached an authority: which one, and when the first certificate on the way ends. */
export type ProvenChain = {
  /** SHA-256 of the authority's DER, lower-case hex: the one nearest to the leaf. */
  readonly anchorSha256: string
  readonly notAfter: Instant
}

/** Verifies chains (DER, leaf first) to some authorities: path, validity, revocation. */
export type ChainTrust = (presented: readonly Buffer[], now: Instant) => Result<ProvenChain>

/** How a device proves itself to its hub. Thumbprints are SHA-256, lower-case hex. */
export type HubIdentity =
  | { readonly type: 'sas'; readonly primary: Secret; readonly secondary: Secret; readonly isOfTpm: boolean }
  | { readonly type: 'selfSigned'; readonly primary: string; readonly secondary: string | null }
  | { readonly type: 'certificateAuthority' }

/** A device that shall be on a hub. */
export type Placement = {
  readonly deviceId: DeviceId
  readonly identity: HubIdentity
  readonly isEdge: boolean
  /** It was registered there before by the same registration, so its credential may be changed. Else a device that is there must have this credential already. */
  readonly mayChange: boolean
}

/** The parts of a twin that move with a device. */
export type MovedTwin = { readonly tags: JsonObject; readonly desired: JsonObject; readonly reported: JsonObject }

/** A hub that devices can be sent to: this one, or another by its interface for back ends. */
export type LinkedHub = {
  /** What devices are told: a host name, perhaps with a port. Compared without regard to case. */
  readonly hostName: string
  /** Where it is, in the operator's words; for the policy `geoLatency`. */
  readonly region: string | undefined
  /** Whether the hub itself verifies this chain (DER, leaf first). */
  trusts(chain: readonly Buffer[]): boolean
  /** Puts a device there, or brings it up to date. Refuses `provisioning/device-taken` for a device of the name that is somebody else's. */
  place(placement: Placement): Promise<Result<'created' | 'kept'>>
  readTwin(device: DeviceId): Promise<Result<MovedTwin | undefined>>
  /** Replaces all three parts. */
  writeTwin(device: DeviceId, twin: MovedTwin): Promise<Result<void>>
  /** Takes a device away; one that is not there is no refusal. */
  remove(device: DeviceId): Promise<Result<void>>
}

/** Asks a webhook: POST of JSON. Undefined when no answer came in time; the address was checked before anything was sent. */
export type PostWebhook = (url: URL, body: string) => Promise<{ readonly status: number; readonly body: Buffer } | undefined>

/** What lots of factories ask of the PKI. Certificates that are handed over were verified. */
export type LotPorts = {
  /** Makes the issuer of a lot for the key of a signing request (DER), under a root. */
  issue(
    grant: Grant<'certificate.issue'>,
    wish: { readonly lot: string; readonly csr: Buffer; readonly notAfter: Instant },
  ): Promise<Result<{ readonly certificate: Certificate; readonly root: Certificate }>>
  /** Records certificates that were made under such an issuer. */
  adopt(
    grant: Grant<'certificate.issue'>,
    issuer: Certificate,
    made: readonly { readonly device: DeviceId; readonly certificate: Certificate }[],
  ): Promise<Result<void>>
  /** Revokes the issuer and the certificates with these fingerprints, and those that were issued to these devices since. */
  revoke(
    grant: Grant<'certificate.issue'>,
    issuer: Certificate | undefined,
    fingerprints: readonly string[],
    devices: readonly string[],
  ): Promise<Result<void>>
}

/** What this room asks of the rest of the house. */
export type ProvisioningPorts = {
  readonly store: Pick<Store, 'query' | 'commit'>
  readonly clock: Clock
  readonly random: Random
  readonly commit: AuditedCommit
  readonly seal: (purpose: string, plaintext: Uint8Array) => Buffer
  readonly unseal: (purpose: string, sealed: Buffer) => Result<Secret>
  readonly tell: (
    fact: FactOf<
      | 'device-registered'
      | 'registration-failed'
      | 'registration-refused'
      | 'enrollment-changed'
      | 'registration-deleted'
      | 'device-attested'
      | 'attestation-refused'
      | 'tpm-clone-suspected'
      | 'attestation-changed'
      | 'lot-changed'
      | 'lot-reported'
      | 'lot-device-refused'
    >,
  ) => void
  /** The hub's own right to write what a registering device makes of its record. */
  readonly system: Grant<'registration.write'>
  /** Trust in these authorities (DER). Refuses one that is none. */
  readonly openTrust: (anchors: readonly Buffer[]) => Result<ChainTrust>
  /** Verified authorities by name, which enrollments may refer to. */
  readonly authorities?: (() => readonly { readonly name: string; readonly certificate: Buffer }[]) | undefined
  /** The hubs that devices can be sent to, this one first. */
  readonly hubs: () => readonly LinkedHub[]
  /** Issues a certificate for the key of a signing request (DER). Leaf first, then its issuers, DER. */
  readonly issue?: ((device: DeviceId, csr: Buffer, policy: CertificatePolicy) => Promise<Result<readonly Buffer[]>>) | undefined
  /** Verifies the certificate of an endorsement key (DER, leaf first) to manufacturers' authorities (DER). Absent: none is good. */
  readonly verifyEndorsement?: ((anchors: readonly Buffer[], presented: readonly Buffer[], now: Instant) => Result<void>) | undefined
  /** Whether the device is there, enabled, and known by certificates of this hub; else attestation gets it none. Absent: nobody asks. */
  readonly mayBeCertified?: ((device: DeviceId) => boolean) | undefined
  /** Seals a key so that only this TPM opens it. `endorsementKey` and `storageRootKey` are TPM2B_PUBLIC. */
  readonly tpm?: { challenge(endorsementKey: Buffer, storageRootKey: Buffer, key: Secret): Result<Buffer> } | undefined
  /** The key from which the keys of TPMs are made; 32 bytes. */
  readonly tpmSecret?: Secret | undefined
  /** Issuers of lots (factory/). */
  readonly lots?: LotPorts | undefined
  readonly webhook?: PostWebhook | undefined
  /** What the hub would refuse of an initial twin. */
  readonly checkTwin?: ((tags: JsonObject, desired: JsonObject) => Result<void>) | undefined
  /** Told what went wrong in the room itself, for the log. */
  readonly trouble: (what: string, error: unknown) => void
}

/** What the operator says of provisioning. */
export type ProvisioningConfig = {
  /** Undefined: one is made and kept. */
  readonly idScope?: string | undefined
  /** Enrollments with shared keys are taken before this, and never without it. */
  readonly symmetricKeysUntil: Instant | undefined
  /** Hosts of webhooks that may be asked, `host` or `host:port`, lower case. */
  readonly webhookHosts: readonly string[]
  /** The region of this fleet, for the policy `geoLatency`. */
  readonly region?: string | undefined
}
