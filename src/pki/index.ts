export { type Ceremony } from './authorities/ceremony-door.ts'
export { type ImportedIssuer, type IssuerRequest } from './authorities/ceremony.ts'
export { type AuthorityRecord, type CertificateFilter } from './authorities/listing.ts'
export { type NewIssuer } from './authorities/succession.ts'
export { openOfflineRoot, proveRemoval, signAway } from './authorities/offline-root.ts'
export {
  type AccountRecord as AcmeAccountRecord,
  type Acme,
  AcmeAccounts,
  type ChallengeMethod,
  type LookSettings,
  acmeLimits,
  challengeMethods,
  networkLook,
  openAcme,
} from './acme/index.ts'
export { type TrustBundle, trustBundleSite } from './authorities/trust-bundle.ts'
export {
  type CampaignFact,
  type CampaignPlan,
  type CampaignPorts,
  type CampaignStatus,
  Campaigns,
  type FleetMember,
  type GroupProgress,
  openCampaigns,
} from './campaigns/campaigns.ts'
export { type Campaign, type Exception } from './campaigns/machine.ts'
export { type LeafFacts, type VerifiedLeaf } from './device-chain.ts'
export {
  type CodeRecord,
  type CodeSpec,
  EnrollmentCodes,
  type EstPorts,
  type Standing,
  estLimits,
  estMigrations,
  estSite,
} from './est/index.ts'
export { verifyEndorsement } from './endorsement.ts'
export { type ForeignChain, type ForeignTrust, openForeignTrust } from './foreign-trust.ts'
export { type Revocation } from './inventory.ts'
export { type DeviceRequest, type Issued } from './issue-device.ts'
export { pkiMigrations } from './migrations.ts'
export { Pki, type PkiConfig, openPki } from './pki.ts'
export { type Audited, type AuditedCommit, type PkiPorts } from './ports.ts'
export { type HardwarePlace, openHardwareKeys } from './keys/signer/signer-process.io.ts'
export { askToken } from './keys/signer/token-guard.io.ts'
export { type KeyStore, type KeyStoreState, type SigningKey } from './keys/signing-key.ts'
export { softwareKeys } from './keys/software-keys.ts'
export { type ProfileName } from './profile.ts'
export { type ForeignLists, watchForeignLists } from './revocation/foreign-lists.ts'
export { type Selector } from './revocation/selector.ts'
export { type CertificateRecord, type RevocationReason, revocationReasons } from './row.ts'
export { type ServerCertificate } from './server-certificate.ts'
export { type CampaignEvent, type Readiness, type Step, step as campaignStep } from './campaigns/machine.ts'
export { type RootState } from './authorities/roots.ts'
