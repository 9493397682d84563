import type { Clock, Grant, Instant, Random, Result } from '#base'
import type { Statement, Store } from '#store'
import type { PolicyDocument } from './model.ts'
import type { PlanScene } from './plan.ts'

/** What a change of policy really did to those who were there. */
export type PolicyEffect = {
  /** Live sessions that may not connect any more, or lost a live subscription, and were told so. */
  readonly sessionsClosed: number
  readonly subscriptionsRemoved: number
  readonly messagesDropped: number
  readonly retainedHidden: number
}

/** Nothing happened to anybody. */
export const noEffect: PolicyEffect = { sessionsClosed: 0, subscriptionsRemoved: 0, messagesDropped: 0, retainedHidden: 0 }

/** What the journal is told of an applied change. */
export type PolicyChanged = {
  readonly kind: 'policy-changed'
  readonly time: Instant
  readonly actor: string
  readonly action: 'apply' | 'remove'
  readonly names: readonly string[]
  readonly version: number
  /** SHA-256 of the texts that were applied, hexadecimal; empty for a removal. */
  readonly digest: string
  readonly effect: PolicyEffect
}

/** Commits rows together with their audit entry: both or neither. The program wires the audit room to it. */
export type CommitAudited = (
  grant: Grant,
  what: {
    readonly action: string
    readonly resource: string
    readonly detail?: Readonly<Record<string, string | number | boolean | null>>
  },
  statements: readonly Statement[],
) => Promise<Result<void, 'conflict'>>

/** What the policies ask of others. */
export type PolicyPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly commit: CommitAudited
  /** Documents that are always in force and that nobody can replace. */
  readonly fixed: readonly PolicyDocument[]
  /** Tells the journal what has become durable. */
  tell(fact: PolicyChanged): void
  /** Who is connected or has a stored session, and who owns retained messages; for plans. */
  scene(): Promise<PlanScene>
}
