import { time } from '../api.ts'
import { anything, flag, list, maybe, number, object, text } from '../shape.ts'

/** Every policy document, without texts. */
export const policyList = object({
  version: number,
  policies: list(
    object({
      name: text,
      kind: text,
      origin: text,
      rules: number,
      tests: number,
      version: number,
      appliedAt: maybe(time),
      actor: maybe(text),
      trouble: maybe(text),
    }),
  ),
  health: list(text),
})

/** One document with its text. */
export const policyDetail = object({ name: text, origin: text, version: number, appliedAt: maybe(time), actor: maybe(text), text })

/** How tests came out. */
export const testResults = object({
  passed: number,
  failed: number,
  tests: list(object({ id: text, name: text, passed: flag, expect: text, action: text, topic: text, reason: text, change: maybe(text) })),
})
/** See {@link testResults}. */
export type TestResults = ReturnType<typeof testResults>

const documents = list(object({ name: text, change: text }))

/** What a change would do. */
export const policyPlan = object({
  from: number,
  documents,
  diff: list(text),
  sessions: object({ judged: number, closed: number, losing: number, gaining: number }),
  subscriptionsLost: number,
  publishesLost: number,
  retainedHidden: number,
  queuedAtRisk: number,
  affected: list(
    object({
      identity: text,
      clientId: text,
      connected: flag,
      closed: flag,
      subscriptionsLost: list(text),
      publishesLost: list(text),
      rightsLost: list(text),
      rightsGained: list(text),
    }),
  ),
  tests: testResults,
})
/** See {@link policyPlan}. */
export type PolicyPlan = ReturnType<typeof policyPlan>

/** The receipt of a change. */
export const appliedPolicy = object({
  version: number,
  documents,
  tests: number,
  effect: object({ sessionsClosed: number, subscriptionsRemoved: number, messagesDropped: number, retainedHidden: number }),
  elapsedMs: number,
})
/** See {@link appliedPolicy}. */
export type AppliedPolicy = ReturnType<typeof appliedPolicy>

/** How far a search for unused rights is. */
export const shrinkProgress = object({ share: number })

/** What it proposes. */
export const shrinkProposal = object({
  version: number,
  days: number,
  since: maybe(time),
  records: number,
  uses: number,
  unexplained: number,
  documents: list(object({ name: text, cuts: list(object({ rule: text, from: text, to: list(text) })), text: maybe(text) })),
})

/** Answers to questions, in their order; see `decision` in api.ts. */
export const decisions = object({ decisions: list(anything) })

/** Changes of the past. */
export const policyVersions = object({
  versions: list(object({ version: number, name: text, text: maybe(text), appliedAt: time, actor: text })),
})
