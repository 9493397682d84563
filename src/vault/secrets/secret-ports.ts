import type { Action, Clock, Grant, Instant, Random, Result } from '#base'
import type { Statement, Store } from '#store'
import type { KeyWrapper } from './key-wrapper.ts'
import type { DueReason } from './rotation.ts'

/** What an audited act on a secret says about itself. Never a value. */
export type AuditedSecret = {
  readonly action: string
  readonly resource: string
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
  readonly outcome?: 'done' | 'refused'
}

/** What the journal is told of secrets. */
export type SecretFact =
  | {
      readonly kind: 'secret-changed'
      readonly time: Instant
      readonly actor: string
      readonly name: string
      readonly version: string | null
      readonly what: 'set' | 'updated' | 'deleted' | 'recovered' | 'purged' | 'restored' | 'retired' | 'rotation'
    }
  | {
      readonly kind: 'secret-rotated'
      readonly time: Instant
      readonly actor: string
      readonly name: string
      readonly version: string
      readonly previous: string
      readonly why: DueReason | 'asked'
    }
  | {
      readonly kind: 'secret-due'
      readonly time: Instant
      readonly name: string
      readonly version: string
      readonly why: DueReason
      readonly expires: number | null
    }
  | {
      readonly kind: 'secret-access-changed'
      readonly time: Instant
      readonly actor: string
      readonly principal: string
      readonly secrets: string
      readonly rights: readonly string[]
    }

/** What secrets ask of the rest of the house. */
export type SecretPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly wrapper: KeyWrapper
  /** How long a deleted secret can be recovered, milliseconds. */
  readonly retentionMs: number
  /** Commits rows together with their audit entries: both or neither. */
  readonly commit: (
    grant: Grant,
    what: AuditedSecret | readonly AuditedSecret[],
    statements: readonly Statement[],
  ) => Promise<Result<void, 'conflict'>>
  /** The hub's own grant, for rotations and the end of deleted secrets. */
  readonly system: <A extends Action>(action: A, resource: string) => Grant<A>
  /** Tells the journal what has become durable. */
  readonly tell: (fact: SecretFact) => void
  /** Told what went wrong in work that nobody waits for. */
  readonly trouble: (what: string, error: unknown) => void
}
