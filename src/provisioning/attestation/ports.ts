import type { ProvisioningPorts } from '../ports.ts'

/** What attestation asks of the rest of the house. */
export type AttestationPorts = Pick<
  ProvisioningPorts,
  'store' | 'clock' | 'random' | 'commit' | 'tell' | 'system' | 'openTrust' | 'verifyEndorsement' | 'issue' | 'mayBeCertified'
>
