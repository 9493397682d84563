import type { Instant } from '#base'
import type { Assurance, Evidence, Method, Subject } from './evidence.ts'
import type { Policy } from './policy.ts'

/** The outcome of a control. `unknown` is never a pass: it says that we could not see. `na` is always computed, never ticked. */
export type Verdict = 'pass' | 'fail' | 'unknown' | 'na'

/** How bad a failure is; `info` marks a note on a pass that does not earn full points. */
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info'

/**
 * One thing said about one subject. `rule` is stable within a control (`plaintext-answered`). A ruling with the verdict `pass`
 * is a full pass unless `capped` says that its evidence is not strong enough for that.
 */
export type Ruling = {
  readonly verdict: 'pass' | 'fail' | 'unknown'
  readonly rule: string
  readonly subject: Subject
  readonly reason: string
  readonly observed?: string
  readonly expected?: string
  readonly severity?: Severity
  readonly capped?: boolean
  readonly evidence: readonly string[]
}

/** What a control concludes from evidence: one verdict, one sentence, and every ruling that is not a full pass. */
export type Judgement = {
  readonly verdict: Verdict
  readonly reason: string
  readonly findings: readonly Ruling[]
  readonly capped: boolean
}

/** A rule about subjects, stable for ever. `judge` is pure: the same evidence, policy and time give the same judgement. */
export type Control = {
  readonly id: string
  readonly title: string
  readonly severity: Exclude<Severity, 'info'>
  /** Recommendations of the guide that this control answers: `E7`, `C19`. */
  readonly serves: readonly string[]
  /** The guide's own heading. */
  readonly recommendation: string
  readonly fix: string
  readonly expected: string
  readonly minimumAssurance: Assurance
  /** Ways of looking without which there is no verdict. */
  readonly needs: readonly Method[]
  /** Ways of looking that are taken into account when present. */
  readonly uses?: readonly Method[]
  judge(evidence: readonly Evidence[], policy: Policy, now: Instant): Judgement
}

/**
 * Folds rulings into a judgement: any fail fails, else any unknown is unknown, else it passes with `passReason`.
 * No ruling at all is unknown, because a control that looked at nothing has proven nothing.
 */
export function conclude(rulings: readonly Ruling[], passReason: string): Judgement {
  const findings = rulings.filter((ruling) => ruling.verdict !== 'pass' || ruling.capped === true)
  const capped = rulings.some((ruling) => ruling.verdict === 'pass' && ruling.capped === true)
  const failed = rulings.filter((ruling) => ruling.verdict === 'fail')
  if (failed.length > 0) return { verdict: 'fail', reason: sentences(failed), findings, capped: false }
  const unknown = rulings.filter((ruling) => ruling.verdict === 'unknown')
  if (unknown.length > 0) return { verdict: 'unknown', reason: sentences(unknown), findings, capped: false }
  if (rulings.length === 0) return { verdict: 'unknown', reason: 'Nothing was observed.', findings, capped: false }
  const notes = findings.map((ruling) => ruling.reason)
  return { verdict: 'pass', reason: [passReason, ...notes].join(' '), findings, capped }
}

/** An `unknown` ruling for evidence that carries a problem instead of an observation. */
export function unseen(entry: Evidence): Ruling {
  return {
    verdict: 'unknown',
    rule: `${entry.method}-unseen`,
    subject: entry.subject,
    reason: `${entry.subject.kind} ${entry.subject.id}: ${entry.problem ?? 'not observed'}.`,
    evidence: [entry.id],
  }
}

/** A full pass of one rule on the subject of `entry`. It shows up only in the counting. */
export function fullPass(rule: string, reason: string, entry: { readonly id: string; readonly subject: Subject }): Ruling {
  return { verdict: 'pass', rule, subject: entry.subject, reason, evidence: [entry.id] }
}

function sentences(rulings: readonly Ruling[]): string {
  const first = rulings.slice(0, 3).map((ruling) => ruling.reason)
  return rulings.length > 3 ? `${first.join(' ')} And ${rulings.length - 3} more.` : first.join(' ')
}
