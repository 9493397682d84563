import type { Static } from 'typebox'
import {
  type AppliedChange,
  type ChangeRefused,
  type Decision,
  type PlannedChange,
  type PolicyVersion,
  type ShownPolicy,
  type TestOutcome,
  placed,
} from '#access'
import { fail, instant, isoTime } from '#base'
import type { appliedPolicy, decision, policyPlan, policyRow, policyVersions, testResults } from './policy-schema.ts'
import type { Refused } from './problem.ts'

/** A decision as the API shows it. */
export function decisionView(decided: Decision): Static<typeof decision> {
  const { subject, patch, checked } = decided
  return {
    ...decided,
    device: subject.identity,
    subject: { ...subject, attributes: { ...subject.attributes } },
    patch: patch === null ? null : { ...patch },
    checked: checked.map(({ rule, topics, matched }) => ({ rule, topics: [...topics], matched })),
  }
}

/** A document without its text. */
export function policyView(policy: ShownPolicy): Static<typeof policyRow> {
  const { name, kind, origin, rules, tests, version, appliedAt, actor, digest, trouble } = policy
  const when = appliedAt === null ? null : isoTime(instant(appliedAt))
  return { name, kind, origin, rules, tests, version, appliedAt: when, actor, digest, trouble }
}

/** Changes of the past. */
export function versionsView(versions: readonly PolicyVersion[]): Static<typeof policyVersions> {
  return { versions: versions.map((one) => ({ ...one, appliedAt: isoTime(instant(one.appliedAt)) })) }
}

/** Outcomes of tests, those that failed first. */
export function testsView(outcomes: readonly TestOutcome[]): Static<typeof testResults> {
  const failed = outcomes.filter(({ passed }) => !passed)
  const tests = [...failed, ...outcomes.filter(({ passed }) => passed)].map(({ test, passed, decision: decided }) => {
    const { id, name, as, expect, action, topic } = test
    const { rule, reason, change } = decided
    const { method, username, clientId, attributes } = as
    const who = { method, username, clientId, attributes: Object.fromEntries(attributes) }
    return { id, name, passed, as: who, expect, action, topic, rule, reason, change }
  })
  return { passed: outcomes.length - failed.length, failed: failed.length, tests }
}

/** A plan with its tests. */
export function planView({ plan, tests }: PlannedChange): Static<typeof policyPlan> {
  return {
    ...plan,
    documents: [...plan.documents],
    diff: [...plan.diff],
    affected: plan.affected.map((one) => ({
      ...one,
      subscriptionsLost: [...one.subscriptionsLost],
      publishesLost: [...one.publishesLost],
      rightsLost: [...one.rightsLost],
      rightsGained: [...one.rightsGained],
    })),
    tests: testsView(tests),
  }
}

/** The receipt of a change. */
export function appliedView(applied: AppliedChange, elapsedMs: number): Static<typeof appliedPolicy> {
  const { version, documents, diff, tests, effect } = applied
  return { version, documents: [...documents], diff: [...diff], tests, effect: { ...effect }, elapsedMs }
}

/** A refused change with everything that is wrong: each problem on its line of `text`, and each test that fails. */
export function changeRefused(refused: ChangeRefused, text: string): { readonly ok: false; readonly error: Refused } {
  const { code, message, problems, tests = [] } = refused
  const failed = tests.map(({ test, decision: decided }) => ({
    path: test.id,
    code: 'test-failed',
    message: `${test.name}: expects ${test.expect}. ${decided.reason}`,
  }))
  return fail({ code, message, errors: [...placed(text, problems), ...failed] })
}
