import type { Clock, Grant, Random, Result } from '#base'
import type { JsonFact } from '#journal'
import type { Store } from '#store'
import type { Issued } from '../issue-device.ts'
import type { AuditedCommit, PkiPorts } from '../ports.ts'
import type { CertificateRecord, RevocationReason } from '../row.ts'
import type { ServiceRequest } from './issue-service.ts'
import type { Identifier } from './names.ts'

/** The ways to prove a name (RFC 8555 section 8, RFC 8737). */
export const challengeMethods = ['http-01', 'tls-alpn-01', 'dns-01'] as const

/** One of the {@link challengeMethods}. */
export type ChallengeMethod = (typeof challengeMethods)[number]

/** What is looked for: `keyAuthorization` is the token, a point, and the thumbprint of the account's key (section 8.1). */
export type Sought = {
  readonly method: ChallengeMethod
  readonly identifier: Identifier
  readonly token: string
  readonly keyAuthorization: string
}

/**
 * Looks once whether a name answers as it should, and says at which address. Refuses `pki/acme-unproven` (something else is there), and
 * `pki/acme-unreachable`, `pki/acme-unresolved`, `pki/acme-tls`, `pki/acme-address`.
 */
export type Look = (sought: Sought, signal: AbortSignal) => Promise<Result<string>>

/** What ACME asks of the rest of the house. */
export type AcmePorts = {
  readonly clock: Clock
  readonly random: Random
  readonly store: Pick<Store, 'query' | 'commit'>
  readonly commit: AuditedCommit
  readonly seal: PkiPorts['seal']
  readonly unseal: PkiPorts['unseal']
  /** In whose name certificates are issued and revoked. */
  readonly system: Grant<'certificate.issue'>
  readonly issue: (request: ServiceRequest) => Promise<Result<Issued>>
  readonly revoke: (serial: string, reason: RevocationReason) => Promise<Result<unknown>>
  /** A certificate of ours by its serial number; no DER when it was never handed out. */
  readonly certificate: (serial: string) => Promise<{ readonly record: CertificateRecord; readonly der: Buffer | undefined } | undefined>
  readonly look: Look
  /** The ways that are offered. */
  readonly methods: readonly ChallengeMethod[]
  /** The host names and addresses by which clients may call, lower case. */
  readonly hosts: readonly string[]
  readonly tell: (fact: JsonFact) => void
  readonly trouble: (what: string, error: unknown) => void
}
