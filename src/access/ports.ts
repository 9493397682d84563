import type { CertificateProof, DeviceId, Instant, Result } from '#base'
import type { SasPort } from './authentication/sas.ts'

/** What authentication needs to know about a registered device, or about a module: then `id` is `{device}/{module}`, and it is as enabled as its device. */
export type RegisteredDevice = {
  readonly id: DeviceId
  readonly generationId: string
  /** Another one after every change of this device or module; undefined where nothing can change. A verified token is remembered with it. */
  readonly etag?: string | undefined
  readonly status: 'enabled' | 'disabled'
  readonly authentication:
    | { readonly type: 'certificateAuthority' }
    | { readonly type: 'sas' }
    /** A module whose device connects for it. */
    | { readonly type: 'none' }
    | { readonly type: 'selfSigned'; readonly primaryThumbprint: string | null; readonly secondaryThumbprint: string | null }
}

/** A leaf whose chain to one of our trust anchors was verified at the given time, revocation included. */
export type VerifiedLeaf = {
  readonly commonName: string
  readonly serial: string
  readonly fingerprintSha256: string
  /** The earliest end of everything in the chain (edge.md 1.6, 10). */
  readonly chainNotAfter: Instant
  /** What a revocation would know it by; undefined: none can. */
  readonly proof?: CertificateProof | undefined
}

/** What a certificate says about itself; nothing about it has been trusted yet. */
export type LeafFacts = {
  readonly fingerprintSha256: string
  readonly commonName: string | undefined
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly proof?: CertificateProof | undefined
}

/** What `access` asks of the registry and of the PKI. */
export type AuthenticationPorts = {
  /** A device, or a module by `{device}/{module}`. */
  find(id: DeviceId): RegisteredDevice | undefined
  /** Devices and modules that name this SHA-256 thumbprint (64 lower-case hex). More than one is a shared credential. */
  withThumbprint(sha256: string): readonly DeviceId[]
  verifyChain(presented: readonly Buffer[], now: Instant): Result<VerifiedLeaf>
  leafFacts(leaf: Buffer): Result<LeafFacts>
  /** Whether a certificate that somebody else signed was revoked here, by its fingerprint, its key or its issuer. */
  judgeProof?(proof: CertificateProof): Result<void>
  /** Whether the host part of an Azure user name is a name of ours (port ignored, case ignored). */
  isOurHost(host: string): boolean
  /** Shared access signatures: undefined where the hub was not told to take them. */
  readonly sas?: SasPort | undefined
}
