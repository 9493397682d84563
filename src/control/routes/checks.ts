import { type Static, Type } from 'typebox'
import { isoTime, ok } from '#base'
import type { Report } from '#guard'
import { type Route, bare, route } from '../route.ts'
import { time } from '../schema.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const open = { additionalProperties: true } as const
const text = Type.String()
const verdict = Type.Union([Type.Literal('pass'), Type.Literal('fail'), Type.Literal('unknown'), Type.Literal('na')])

const finding = Type.Object(
  { findingId: text, subject: Type.Object({ kind: text, id: text }, closed), verdict, severity: text, reason: text },
  { ...open, title: 'Finding' },
)

const evidence = Type.Object(
  { id: text, method: text, collectedAt: time, validUntil: time, assurance: text },
  { ...open, title: 'Evidence' },
)

const control = Type.Object(
  {
    control: text,
    title: text,
    severity: text,
    serves: Type.Array(text),
    recommendation: text,
    fix: text,
    expected: text,
    verdict,
    capped: Type.Boolean(),
    reason: text,
    findings: Type.Array(finding),
    evidence: Type.Array(evidence),
  },
  { ...closed, title: 'ControlReport' },
)

const report = Type.Object(
  { ranAt: Type.Union([time, Type.Null()]), durationMs: Type.Number(), controls: Type.Array(control) },
  { ...closed, title: 'CheckReport' },
)

/** The posture checks: their last run, and a run now. */
export function checkRoutes({ ports }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/checks',
      summary: 'The last run of the checks; `ranAt` is null before the first.',
      access: { grants: ['hub.read'] },
      answer: { status: 200, is: report, description: 'The report.' },
      handle() {
        const last = ports.checks.last()
        return ok(last === undefined ? { ranAt: null, durationMs: 0, controls: [] } : reportView(last))
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/checks/run',
      summary: 'Runs the checks now, all of them or the named controls.',
      access: { grants: ['check.run'] },
      body: Type.Object(
        { only: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 100 })) },
        { ...closed, title: 'RunChecks' },
      ),
      answer: { status: 200, is: report, description: 'The report.' },
      async handle(call) {
        const grant = call.grant('check.run')
        const ran = await ports.checks.run(grant, call.body.only)
        if (!ran.ok) return ran
        const failed = ran.value.controls.filter((one) => one.verdict === 'fail').length
        await ports.audit.append(grant, { action: 'check.run', resource: 'hub', detail: { controls: ran.value.controls.length, failed } })
        return ok(reportView(ran.value))
      },
    }),
  ]
}

/** The report as the API shows it: times in RFC 3339, each piece of evidence with what its control expects. */
function reportView({ ranAt, durationMs, controls }: Report): Static<typeof report> {
  return {
    ranAt: isoTime(ranAt),
    durationMs,
    controls: controls.map((one) => ({
      ...one,
      serves: [...one.serves],
      findings: one.findings.map((found) => ({ ...found, firstSeen: isoTime(found.firstSeen), lastSeen: isoTime(found.lastSeen) })),
      evidence: one.evidence.map((entry) => ({
        ...entry,
        control: one.control,
        expected: one.expected,
        observed: entry.problem === null ? entry.observed : { problem: entry.problem },
        collectedAt: isoTime(entry.collectedAt),
        validUntil: isoTime(entry.validUntil),
      })),
    })),
  }
}
