import type { Clock, DeviceId, Grant, Instant, Random, Result } from '#base'
import type { JsonFact } from '#journal'
import type { Store } from '#store'
import type { VerifiedLeaf } from '../device-chain.ts'
import type { DeviceRequest, Issued } from '../issue-device.ts'
import type { AuditedCommit } from '../ports.ts'

/**
 * How a device stands in the registry, for EST: `ready` may have certificates of ours; `disabled` may not now; `other-proof` proves itself in
 * another way than by our authorities. Undefined: there is no such device.
 */
export type Standing = 'ready' | 'disabled' | 'other-proof'

/** What EST asks of the rest of the house. */
export type EstPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly store: Pick<Store, 'query' | 'commit'>
  readonly commit: AuditedCommit
  /** Every root and issuer in force, cross-signed ones included, DER. */
  readonly authorities: () => readonly Buffer[]
  /** Verifies what a device presented in TLS, revocation included. */
  readonly verify: (presented: readonly Buffer[], now: Instant) => Result<VerifiedLeaf>
  readonly standing: (device: DeviceId) => Standing | undefined
  readonly issue: (request: DeviceRequest) => Promise<Result<Issued>>
  /** In whose name codes are spent. */
  readonly system: Grant<'certificate.issue'>
  readonly tell: (fact: JsonFact) => void
}
