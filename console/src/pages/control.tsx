import type { Control, Evidence, Finding } from '../api/types.ts'
import { fieldText } from '../lib/facts.ts'
import { observationText } from '../lib/observation.ts'
import { dateTime } from '../lib/format.ts'
import { Badge, Facts } from '../ui/parts.tsx'

function pair(name: string, value: unknown): readonly (readonly [string, string])[] {
  return value === undefined || value === null || value === '' ? [] : [[name, fieldText(value)]]
}

function FindingView({ finding }: { readonly finding: Finding }) {
  return (
    <li>
      <p>
        <Badge tone={finding.verdict === 'fail' ? 'bad' : finding.verdict === 'unknown' ? 'warn' : 'quiet'}>{finding.verdict}</Badge>{' '}
        {finding.subject.kind} <code>{finding.subject.id}</code>
      </p>
      <Facts
        pairs={[...pair('Reason', finding.reason), ...pair('Observed', finding['observed']), ...pair('Expected', finding['expected'])]}
      />
    </li>
  )
}

/** An observation field by field. */
function observed(value: unknown): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return value === undefined ? [] : [['observed', observationText('', value)]]
  return Object.entries(value).map(([name, inner]) => [name, observationText(name, inner)] as const)
}

/** `listener mqtt`, or nothing. */
function subjectText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return ''
  const [kind, id] = [String(Reflect.get(value, 'kind')), String(Reflect.get(value, 'id'))]
  return kind === id ? kind : `${kind} ${id}`
}

function EvidenceView({ evidence }: { readonly evidence: Evidence }) {
  const subject = subjectText(evidence['subject'])
  return (
    <li>
      <p>
        <code>{evidence.method}</code>
        {subject === '' ? null : <> {subject}</>} <span className="quiet">{dateTime(evidence.collectedAt)}</span>
      </p>
      <Facts
        pairs={[...observed(evidence['observed']), ...pair('problem', evidence['problem']), ...pair('assurance', evidence.assurance)]}
      />
    </li>
  )
}

/** What stands behind a verdict: the recommendation it answers, each finding, and the evidence. */
export function ControlBody({ control }: { readonly control: Control }) {
  return (
    <div className="control-body">
      <Facts
        pairs={[
          ['Recommendation', control.recommendation],
          ['Serves', control.serves.join(', ')],
          ...pair('Expected', control.expected),
          ...(control.verdict === 'pass' || control.verdict === 'na' ? [] : pair('Fix', control.fix)),
          ...(control.capped ? [['Points', 'half: the evidence is weaker than a full pass asks for'] as const] : []),
        ]}
      />
      {control.findings.length === 0 ? null : (
        <>
          <h2 className="small-head">Findings</h2>
          <ul className="plain-list gaps">
            {control.findings.map((finding, n) => (
              <FindingView key={finding.findingId ?? n} finding={finding} />
            ))}
          </ul>
        </>
      )}
      <h2 className="small-head">Evidence</h2>
      {control.evidence.length === 0 ? (
        <p className="quiet">None was collected.</p>
      ) : (
        <ul className="plain-list gaps">
          {control.evidence.map((evidence) => (
            <EvidenceView key={evidence.id} evidence={evidence} />
          ))}
        </ul>
      )}
    </div>
  )
}
