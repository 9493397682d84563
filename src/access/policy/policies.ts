import { type Grant, type Result, type Subject, ok, refuse, uuid } from '#base'
import type { Problems } from '../documents/problems.ts'
import type { BoundPolicy } from './bound-policy.ts'
import { type Change, type Next, nextOf, setOf } from './policy-change.ts'
import { type Decision, type Question, explain } from './decision.ts'
import { type PolicyEffect, type PolicyPorts, noEffect } from './policy-ports.ts'
import { type LoadedPolicies, type PolicyVersion, changeStatements, digestOf, loadPolicies, readHistory } from './policy-rows.ts'
import type { PolicySet } from './policy-set.ts'
import { type Plan, plan } from './plan.ts'
import { type ShownPolicy, shownPolicies } from './shown-policy.ts'
import type { TestOutcome } from './simulate.ts'

/*
 * Theory of operation.
 * The rows are the truth, the compiled set is their copy for the hot path, and nobody ever sees half of a change: rows and audit entry are one
 * commit on the version they were computed on, the set is exchanged in one assignment after that, and only then are the listeners told, who
 * judge sessions, queues and retained messages again. A change that is refused, or that the disk does not take, leaves the set in force.
 */

/** A plan together with the tests that would run before it. */
export type PlannedChange = { readonly plan: Plan; readonly tests: readonly TestOutcome[] }

/** What really happened. */
export type AppliedChange = {
  readonly version: number
  readonly documents: Plan['documents']
  readonly diff: readonly string[]
  readonly tests: number
  readonly effect: PolicyEffect
}

/** A refused change with its findings; `tests` are those that failed. */
export type ChangeRefused = Problems & { readonly tests?: readonly TestOutcome[] }

/** The policies of this hub: what is in force, and the one way to change it. */
export interface Policies {
  /** The set in force. Another object after each change. */
  readonly current: PolicySet
  /** Patterns that allowed nothing to somebody because a token's value could be read as more than text, since the start. */
  readonly tokensRejected: number
  /** What the subject may do now. Asked again for the same object it costs a lookup. */
  policyOf(subject: Subject): BoundPolicy
  /** Calls `listener` after each change, when {@link Policies.current} is the new set. Its answer becomes part of the receipt. Returns how to stop. */
  onChange(listener: () => PolicyEffect | Promise<PolicyEffect>): () => void
  /** Decides, with the set in force. */
  explain(question: Question): Decision
  /** Every document, built-in ones included, without their texts. */
  list(grant: Grant<'policy.read'>): readonly ShownPolicy[]
  /** One document with its text. Refuses `access/policy-not-found`. */
  show(grant: Grant<'policy.read'>, name: string): Result<ShownPolicy & { readonly text: string }>
  /** The newest changes with their texts, at most 200. */
  history(grant: Grant<'policy.read'>, limit: number): Promise<readonly PolicyVersion[]>
  /** Runs every test of the policies that would be in force after `change`, or of those that are. Refuses as {@link Policies.apply} does for documents. */
  test(grant: Grant<'policy.read'>, change?: Change): Result<readonly TestOutcome[], ChangeRefused>
  /** Decides questions as the policy in force would, or as it would after `change`. Refuses as {@link Policies.apply} does for documents. */
  decide(grant: Grant<'policy.read'>, questions: readonly Question[], change?: Change): Result<readonly Decision[], ChangeRefused>
  /** What `change` would do. Refuses as {@link Policies.apply} does for documents; failing tests are part of the answer. */
  plan(grant: Grant<'policy.read'>, change: Change): Promise<Result<PlannedChange, ChangeRefused>>
  /**
   * Applies `change`. Refuses `access/document-malformed`, `access/policy-invalid`, `access/policy-not-found`, `access/policy-fixed` (a document that
   * belongs to the hub), `access/policies-too-many`, `access/policy-test-failed`, and `access/policy-conflict` when `expected` is not the version in
   * force or another change came first. Throws the store's Faults; the last good set stays in force then.
   */
  apply(grant: Grant<'policy.write'>, change: Change, expected?: number): Promise<Result<AppliedChange, ChangeRefused>>
  /** Reads the rows again. A Fault leaves the set in force; so does a change that comes meanwhile. */
  reload(): Promise<void>
  /** Why the policies are not well; empty: they are. */
  health(): readonly string[]
}

/** Loads what was applied. Documents whose rows are not whole allow nothing, and {@link Policies.health} says so. Throws the store's Faults. */
export async function openPolicies(ports: PolicyPorts, signal: AbortSignal): Promise<Policies> {
  signal.throwIfAborted()
  return new OpenPolicies(ports, await loadPolicies(ports.store))
}

class OpenPolicies implements Policies {
  readonly #ports: PolicyPorts
  readonly #listeners = new Set<() => PolicyEffect | Promise<PolicyEffect>>()
  #loaded: LoadedPolicies
  #current: PolicySet
  #rejected = 0
  #unread: string | undefined

  constructor(ports: PolicyPorts, loaded: LoadedPolicies) {
    this.#ports = ports
    this.#loaded = loaded
    this.#current = this.#compiled(loaded)
  }

  get current(): PolicySet {
    return this.#current
  }

  get tokensRejected(): number {
    return this.#rejected
  }

  policyOf(subject: Subject): BoundPolicy {
    return this.#current.bind(subject)
  }

  onChange(listener: () => PolicyEffect | Promise<PolicyEffect>): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  explain(question: Question): Decision {
    return explain(this.#current, question, uuid(this.#ports.random))
  }

  list(_grant: Grant<'policy.read'>): readonly ShownPolicy[] {
    return shownPolicies(this.#loaded, this.#ports.fixed).map(({ text: _text, ...shown }) => shown)
  }

  show(_grant: Grant<'policy.read'>, name: string): Result<ShownPolicy & { readonly text: string }> {
    const shown = shownPolicies(this.#loaded, this.#ports.fixed).find((one) => one.name === name)
    return shown === undefined ? refuse('access/policy-not-found', `No policy document is called ${name.slice(0, 64)}.`) : ok(shown)
  }

  history(_grant: Grant<'policy.read'>, limit: number): Promise<readonly PolicyVersion[]> {
    return readHistory(this.#ports.store, Math.min(Math.max(1, limit), 200))
  }

  test(_grant: Grant<'policy.read'>, change?: Change): Result<readonly TestOutcome[], ChangeRefused> {
    const next = this.#next(change ?? { apply: undefined })
    return next.ok ? ok(next.value.tests) : next
  }

  decide(_grant: Grant<'policy.read'>, questions: readonly Question[], change?: Change): Result<readonly Decision[], ChangeRefused> {
    const next = change === undefined ? undefined : this.#next(change)
    if (next?.ok === false) return next
    const set = next?.value.set ?? this.#current
    return ok(questions.map((question) => explain(set, question, uuid(this.#ports.random))))
  }

  async plan(_grant: Grant<'policy.read'>, change: Change): Promise<Result<PlannedChange, ChangeRefused>> {
    const scene = await this.#ports.scene()
    const next = this.#next(change)
    return next.ok ? ok({ plan: plan(this.#current, next.value.set, scene), tests: next.value.tests }) : next
  }

  async apply(grant: Grant<'policy.write'>, change: Change, expected?: number): Promise<Result<AppliedChange, ChangeRefused>> {
    const base = this.#loaded
    const next = this.#next(change)
    if (!next.ok) return next
    const { set, put, gone, tests } = next.value
    const failed = tests.filter(({ passed }) => !passed)
    if (failed.length > 0) return testsFailed(failed)
    if (expected !== undefined && expected !== base.version) return conflict()
    // Only what differs is of interest here; who is affected was the question of plan.
    const { documents, diff } = plan(this.#current, set, { sessions: [], retained: [] })
    const { actor } = grant
    const who = `${actor.kind}:${actor.id}`
    const names = [...put.map(({ name }) => name), ...gone]
    const digest = put.length === 0 ? '' : digestOf(put.map(({ text }) => text).join('\0'))
    const action = put.length === 0 ? 'remove' : 'apply'
    const audited = {
      action: `policy.${action}`,
      resource: `policy:${names.join(',').slice(0, 256)}`,
      detail: { version: base.version + 1, digest, documents: names.length },
    }
    const digests = new Map([...base.applied].map(([name, { document }]) => [name, digestOf(document.text)]))
    for (const name of base.broken.keys()) digests.set(name, 'broken')
    for (const { name, text } of put) digests.set(name, digestOf(text))
    for (const name of gone) digests.delete(name)
    const now = this.#ports.clock.now()
    try {
      const outcome = await this.#ports.commit(grant, audited, changeStatements(base.version, { put, gone }, digests, now, who))
      if (!outcome.ok) {
        await this.reload()
        return conflict()
      }
    } catch (error) {
      // Nobody knows whether the disk has it. Until it can be read back, what was in force stays in force.
      await this.reload()
      throw error
    }
    this.#adopt(after(base, { put, gone }, now, who))
    const effect = await this.#tellListeners()
    this.#ports.tell({ kind: 'policy-changed', time: now, actor: who, action, names, version: base.version + 1, digest, effect })
    return ok({ version: base.version + 1, documents, diff, tests: tests.length, effect })
  }

  async reload(): Promise<void> {
    const before = this.#loaded
    try {
      const loaded = await loadPolicies(this.#ports.store)
      this.#unread = undefined
      if (this.#loaded !== before || loaded.version === before.version) return
      this.#adopt(loaded)
      await this.#tellListeners()
    } catch (error) {
      this.#unread = error instanceof Error ? error.message : 'they cannot be read'
    }
  }

  health(): readonly string[] {
    const reasons = [...this.#loaded.broken].map(([name, why]) => `policy ${name} allows nothing: ${why}`)
    if (this.#loaded.headless) reasons.unshift('policies allow nothing: their head row is missing or damaged')
    if (this.#unread !== undefined)
      reasons.push(`policies could not be read again, version ${this.#loaded.version} stays in force: ${this.#unread}`)
    return reasons
  }

  #next(change: Change): Result<Next, ChangeRefused> {
    return nextOf(change, this.#loaded, this.#ports.fixed)
  }

  #compiled(loaded: LoadedPolicies): PolicySet {
    return setOf(loaded, this.#ports.fixed, () => void (this.#rejected += 1))
  }

  #adopt(loaded: LoadedPolicies): void {
    this.#loaded = loaded
    this.#current = this.#compiled(loaded)
  }

  async #tellListeners(): Promise<PolicyEffect> {
    let sum = noEffect
    // All are begun in this turn, so that nothing is judged by the old set after the exchange.
    for (const effect of await Promise.all([...this.#listeners].map(async (listener) => await listener()))) {
      sum = {
        sessionsClosed: sum.sessionsClosed + effect.sessionsClosed,
        subscriptionsRemoved: sum.subscriptionsRemoved + effect.subscriptionsRemoved,
        messagesDropped: sum.messagesDropped + effect.messagesDropped,
        retainedHidden: sum.retainedHidden + effect.retainedHidden,
      }
    }
    return sum
  }
}

/** What the rows say after a change, without asking the disk again. */
function after(base: LoadedPolicies, { put, gone }: Pick<Next, 'put' | 'gone'>, appliedAt: number, actor: string): LoadedPolicies {
  const applied = new Map(base.applied)
  const broken = new Map(base.broken)
  const version = base.version + 1
  for (const name of gone) applied.delete(name)
  for (const document of put) applied.set(document.name, { document, version, appliedAt, actor })
  for (const name of [...gone, ...put.map((document) => document.name)]) broken.delete(name)
  return { version, applied, broken, headless: false }
}

function conflict(): { readonly ok: false; readonly error: ChangeRefused } {
  const message = 'The policy was changed by somebody else meanwhile. Plan again.'
  return { ok: false, error: { code: 'access/policy-conflict', message, problems: [] } }
}

function testsFailed(tests: readonly TestOutcome[]): { readonly ok: false; readonly error: ChangeRefused } {
  const [first] = tests
  const said = first === undefined ? '' : `: ${first.test.id} (${first.test.name}) expects ${first.test.expect}`
  const message = `${tests.length} of the policy's tests fail${said}.`
  return { ok: false, error: { code: 'access/policy-test-failed', message, problems: [], tests } }
}
