import { createHash } from 'node:crypto'
import type { Instant } from '#base'
import type { Control, Judgement, Ruling, Severity, Verdict } from './control.ts'
import { type Assurance, type Evidence, evidenceBy } from './evidence.ts'
import type { Policy } from './policy.ts'

const assuranceOrder: readonly Assurance[] = ['declared', 'reported', 'observed', 'attested']

/** A ruling as the API shows it, with its identity: the same control, subject and rule keep one `findingId` for ever. */
export type Finding = {
  readonly findingId: string
  readonly control: string
  readonly subject: { readonly kind: string; readonly id: string }
  readonly rule: string
  readonly verdict: Exclude<Verdict, 'na'>
  readonly severity: Severity
  readonly assurance: Assurance
  readonly reason: string
  readonly observed: string | null
  readonly expected: string
  readonly evidence: readonly string[]
  readonly recommendation: string
  readonly serves: readonly string[]
  readonly mitigations: readonly string[]
}

/** What one control says now, with the evidence that it used, stale evidence included. */
export type Evaluation = Omit<Judgement, 'findings'> & { readonly findings: readonly Finding[]; readonly evidence: readonly Evidence[] }

/**
 * Judges one control at `now`. Evidence past its `validUntil` is shown but not believed; a needed method without fresh evidence
 * makes the verdict unknown, unless what is fresh already fails. Evidence below the control's minimum assurance caps a pass.
 */
export function evaluate(control: Control, all: readonly Evidence[], policy: Policy, now: Instant): Evaluation {
  const methods = new Set([...control.needs, ...(control.uses ?? [])])
  const evidence = all.filter((entry) => methods.has(entry.method))
  const fresh = evidence.filter((entry) => entry.validUntil > now)
  const judged = control.judge(fresh, policy, now)
  const missing = control.needs.filter((method) => evidenceBy(method, fresh).length === 0)
  const weak = fresh.some((entry) => assuranceOrder.indexOf(entry.assurance) < assuranceOrder.indexOf(control.minimumAssurance))
  const judgement = judged.verdict === 'fail' || missing.length === 0 ? judged : withoutEvidence(control, judged, missing, evidence)
  return {
    verdict: judgement.verdict,
    reason: judgement.reason,
    capped: judgement.verdict === 'pass' && (judgement.capped || weak),
    findings: judgement.findings.map((ruling) => toFinding(control, ruling, fresh)),
    evidence,
  }
}

function withoutEvidence(control: Control, judged: Judgement, missing: readonly string[], evidence: readonly Evidence[]): Judgement {
  const rulings = missing.map((method): Ruling => {
    const stale = evidence.some((entry) => entry.method === method)
    return {
      verdict: 'unknown',
      rule: `${method}-${stale ? 'stale' : 'missing'}`,
      subject: { kind: 'hub', id: 'hub' },
      reason: stale ? `The evidence of ${method} is too old to be believed.` : `There is no evidence of ${method}.`,
      evidence: [],
    }
  })
  const findings = [...rulings, ...judged.findings]
  return { verdict: 'unknown', reason: rulings.map((ruling) => ruling.reason).join(' '), findings, capped: false }
}

function toFinding(control: Control, ruling: Ruling, evidence: readonly Evidence[]): Finding {
  const used = evidence.filter((entry) => ruling.evidence.includes(entry.id))
  const weakest = assuranceOrder.find((level) => used.some((entry) => entry.assurance === level))
  const identity = [control.id, ruling.subject.kind, ruling.subject.id, ruling.rule].join('\n')
  return {
    findingId: createHash('sha256').update(identity).digest('hex').slice(0, 24),
    control: control.id,
    subject: ruling.subject,
    rule: ruling.rule,
    verdict: ruling.verdict,
    severity: ruling.verdict === 'pass' ? 'info' : (ruling.severity ?? control.severity),
    assurance: weakest ?? 'declared',
    reason: ruling.reason,
    observed: ruling.observed ?? null,
    expected: ruling.expected ?? control.expected,
    evidence: ruling.evidence,
    recommendation: control.fix,
    serves: control.serves,
    mitigations: ruling.verdict === 'fail' ? ['M1'] : [],
  }
}
