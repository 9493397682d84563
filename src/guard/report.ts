import { type Instant, isoTime } from '#base'
import type { Control, Severity, Verdict } from './control.ts'
import { type Finding, evaluate } from './evaluate.ts'
import type { Evidence } from './evidence.ts'
import type { Policy } from './policy.ts'

/** A finding with the times that it was first and last seen. */
export type SeenFinding = Finding & { readonly firstSeen: Instant; readonly lastSeen: Instant }

/** One control in a report. */
export type ControlReport = {
  readonly control: string
  readonly title: string
  readonly severity: Severity
  readonly serves: readonly string[]
  readonly recommendation: string
  readonly fix: string
  readonly expected: string
  readonly verdict: Verdict
  readonly capped: boolean
  readonly reason: string
  readonly findings: readonly SeenFinding[]
  readonly evidence: readonly Evidence[]
}

/** What the guard says: when it last looked, how long that took, and each control as judged now. */
export type Report = { readonly ranAt: Instant; readonly durationMs: number; readonly controls: readonly ControlReport[] }

/** Judges one control now. `firstSeen` remembers findings from run to run and is written to. */
export function reportOn(
  control: Control,
  evidence: readonly Evidence[],
  policy: Policy,
  now: Instant,
  firstSeen: Map<string, Instant>,
): ControlReport {
  const { id, title, severity, serves, recommendation, fix, expected } = control
  const said = evaluate(control, evidence, policy, now)
  const findings = said.findings.map((finding): SeenFinding => {
    const first = firstSeen.get(finding.findingId) ?? now
    firstSeen.set(finding.findingId, first)
    return { ...finding, firstSeen: first, lastSeen: now }
  })
  const { verdict, capped, reason } = said
  return { control: id, title, severity, serves, recommendation, fix, expected, verdict, capped, reason, findings, evidence: said.evidence }
}

/** The report as the API prints it: times in RFC 3339, each piece of evidence with the control that used it. */
export function reportJson(report: Report): unknown {
  return {
    ranAt: isoTime(report.ranAt),
    durationMs: report.durationMs,
    controls: report.controls.map(({ findings, evidence, ...control }) => ({
      ...control,
      findings: findings.map((finding) => ({ ...finding, firstSeen: isoTime(finding.firstSeen), lastSeen: isoTime(finding.lastSeen) })),
      evidence: evidence.map((entry) => ({
        ...entry,
        control: control.control,
        expected: control.expected,
        observed: entry.problem === null ? entry.observed : { problem: entry.problem },
        collectedAt: isoTime(entry.collectedAt),
        validUntil: isoTime(entry.validUntil),
      })),
    })),
  }
}
