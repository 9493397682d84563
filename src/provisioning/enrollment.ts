import type { DeviceId, Instant, Secret } from '#base'
import type { Json } from '#wire/json'
import type { IdKey } from './registration-id.ts'

/** A JSON object, bounded, whose keys are somebody else's. */
export type JsonObject = { readonly [key: string]: Json }

/** A certificate that an enrollment holds. */
export type HeldCertificate = {
  readonly der: Buffer
  /** SHA-256 of it, lower-case hex. */
  readonly sha256: string
}

/** A first and perhaps a second of something, so that one can be changed while the other serves. */
export type Pair<T> = { readonly primary: T | null; readonly secondary: T | null }

/** How the devices of an enrollment prove themselves. Keys are not in it: they are kept sealed beside it. */
export type Attestation =
  | { readonly type: 'none' }
  /** The device's own certificate: individual enrollments. */
  | { readonly type: 'clientCertificates'; readonly certificates: Pair<HeldCertificate> }
  /** An authority that signs the certificates of devices: groups. */
  | { readonly type: 'signingCertificates'; readonly certificates: Pair<HeldCertificate> }
  /** Names of verified authorities of the hub. */
  | { readonly type: 'caReferences'; readonly names: Pair<string> }
  | { readonly type: 'symmetricKey' }
  | { readonly type: 'tpm'; readonly endorsementKey: Buffer; readonly storageRootKey: Buffer | undefined }

/** The keys of an enrollment, or of one device of a group. */
export type EnrollmentKeys = { readonly primary: Secret; readonly secondary: Secret }

/** Where devices go (azure-wire 7.5). */
export const allocationPolicies = ['hashed', 'geoLatency', 'static', 'custom'] as const

/** One of {@link allocationPolicies}. */
export type AllocationPolicy = (typeof allocationPolicies)[number]

/** Which certificate a device is given that sends a signing request (azure-wire 6.7). */
export type CertificatePolicy = {
  /** The name by which the operator calls it. */
  readonly name: string
  /** Undefined: as long as the hub's device certificates live. */
  readonly lifetimeMs: number | undefined
}

/** What an enrollment says, without what the room adds. */
export type EnrollmentSpec = {
  readonly kind: 'individual' | 'group'
  /** As it was written; `key` is what is compared. */
  readonly id: string
  readonly key: IdKey
  /** Individual ones only. Undefined: the registration id. */
  readonly deviceId: DeviceId | undefined
  readonly attestation: Attestation
  readonly status: 'enabled' | 'disabled'
  readonly hubHostName: string | undefined
  readonly hubs: readonly string[]
  readonly allocation: AllocationPolicy
  readonly custom: { readonly webhookUrl: string; readonly apiVersion: string } | undefined
  readonly initialTwin: { readonly tags: JsonObject; readonly desired: JsonObject } | undefined
  readonly isEdge: boolean
  readonly reprovision: { readonly updateHubAssignment: boolean; readonly migrateDeviceData: boolean }
  readonly deviceInformation: JsonObject | undefined
  readonly certificatePolicy: CertificatePolicy | undefined
}

/** An enrollment as it is kept. `etag` without quotes. */
export type Enrollment = EnrollmentSpec & {
  readonly etag: string
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** `individual:pump-1`: how audit entries and facts name an enrollment. */
export function enrollmentName({ kind, id }: Pick<EnrollmentSpec, 'kind' | 'id'>): string {
  return `${kind}:${id}`
}
