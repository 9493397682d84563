import type { Clock, Grant, Random, Result, Secret } from '#base'
import type { Statement, Store } from '#store'
import type { KeyStore } from './keys/signing-key.ts'
import type { RevocationFact } from './revocation/revocations.ts'

/** What an audited commit says about itself. */
export type Audited = {
  readonly action: string
  readonly resource: string
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

/** Commits rows together with their audit entries: both or neither. The program wires the audit room to it. */
export type AuditedCommit = (
  grant: Grant,
  what: Audited | readonly Audited[],
  statements: readonly Statement[],
) => Promise<Result<void, 'conflict'>>

/** What the PKI asks of the rest of the house. */
export type PkiPorts = {
  readonly store: Pick<Store, 'query' | 'commit'>
  readonly commit: AuditedCommit
  /** The vault's: keys leave this room sealed, for a purpose that names the certificate they belong to. */
  readonly seal: (purpose: string, plaintext: Uint8Array) => Buffer
  readonly unseal: (purpose: string, sealed: Buffer) => Result<Secret>
  /** Where keys of new authorities are made. Left out: in the memory of this process, sealed by the vault. */
  readonly keys?: KeyStore
  readonly clock: Clock
  readonly random: Random
  /** The hub's own right to certificates that nobody asks for: its issuers and its server certificate. */
  readonly system: Grant<'certificate.issue'>
  /** Where the HTTPS listener is reached from outside, `https://hub.example`; undefined while nobody knows: then certificates name no lists. */
  readonly publicUrl?: () => string | undefined
  /** Tells the journal about lists and responders. */
  readonly tell?: (fact: RevocationFact) => void
  /** Told when a renewal that runs by itself failed; it is tried again. */
  readonly trouble: (what: string, error: unknown) => void
}
