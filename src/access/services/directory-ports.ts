import type { Clock, Instant, Random, Result, Secret } from '#base'
import type { Store } from '#store'
import type { CommitAudited } from '../policy/policy-ports.ts'

/** What the journal is told when a back end or a shared access policy comes or goes. */
export type ServiceChanged = {
  readonly kind: 'service-added' | 'service-removed'
  readonly time: Instant
  readonly actor: string
  readonly what: 'service' | 'shared-access-policy'
  readonly name: string
  /** Roles or permissions. */
  readonly rights: readonly string[]
  /** Its end, milliseconds since the epoch. */
  readonly until: number
}

/** What the directory of back ends asks of others. */
export type DirectoryPorts = {
  readonly store: Store
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly commit: CommitAudited
  /** The vault's. */
  readonly seal: (purpose: string, plaintext: Uint8Array) => Buffer
  readonly unseal: (purpose: string, sealed: Buffer) => Result<Secret>
  /** Tells the journal what has become durable. */
  tell(fact: ServiceChanged): void
}
