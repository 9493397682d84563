export {
  type DeviceProvisioning,
  type Operation,
  type Registrant,
  type RegistrantClaim,
  type RegisterRequest,
  type TpmClaim,
} from './device.ts'
export {
  type AllocationPolicy,
  type Attestation,
  type CertificatePolicy,
  type Enrollment,
  type EnrollmentKeys,
  type JsonObject,
  allocationPolicies,
} from './enrollment.ts'
export type { Attesting, TpmQuestion, TpmShown, WholeProof } from './attestation/attest.ts'
export { type AttestationState, type AttestedDevice, type KeptEvidence, attestationState } from './attestation/device.ts'
export { type Expected, openExpected } from './attestation/expected.ts'
export { attestationLimits } from './attestation/limits.ts'
export type { AttestationPolicy, AttestationPolicySpec } from './attestation/policy.ts'
export type { AttestationPorts } from './attestation/ports.ts'
export { attestationSite } from './attestation/site.ts'
export { attestationJson, enrollmentJson } from './enrollment-json.ts'
export type { QueryPage, QueryRequest } from './enrollment-query.ts'
export { type BulkMode, type BulkProblem, type Enrollments, type OpenEnrollment, bulkModes } from './enrollments.ts'
export { type ExportGrants, type Factory, lotLimits } from './factory/factory.ts'
export { type Lot, type LotProgress, type LotSpec, type LotState, lotStates } from './factory/lot.ts'
export type { Merged, RefusedEntry } from './factory/merge.ts'
export { provisioningLimits } from './limits.ts'
export type {
  AuditedCommit,
  ChainTrust,
  HubIdentity,
  LinkedHub,
  LotPorts,
  MovedTwin,
  Placement,
  PostWebhook,
  ProvenChain,
  ProvisioningConfig,
  ProvisioningPorts,
} from './ports.ts'
export { type Provisioning, openProvisioning, provisioningMigrations } from './provisioning.ts'
export type { Records } from './records.ts'
export { type Registration, registrationJson } from './registration.ts'
export { type TpmSealer, tpmSealer } from './tpm/challenge.ts'
export { type Asked, type Evidence, type Proof, type Quote, type Reference, askTpm, verifyProof, verifyQuote } from './tpm/evidence.ts'
