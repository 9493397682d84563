import type { Instant } from '#base'
import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type DrillAttempt, type EvidenceOf, type Examples, evidenceBy } from '../evidence.ts'
import { weakness } from './tw-con-04.ts'

const drillLimitMs = 60_000

/** Certificates are issued, known, renewed and, when revoked, refused: fresh and resumed, on every listener. */
export const twPki01: Control = {
  id: 'TW-PKI-01',
  title: 'Certificate lifecycle works end to end',
  severity: 'critical',
  serves: ['E2'],
  recommendation: 'Set up secure certificate management',
  fix: 'Renew what is about to end, disable what is unused, replace weak keys; check revocation at every connect, resumed sessions included.',
  expected: 'Nothing active is expired, weak or unknown, and a revoked certificate is refused within 60 s, fresh and resumed.',
  minimumAssurance: 'observed',
  needs: ['certificate-inventory', 'revocation-drill'],
  judge(evidence, _policy, now) {
    const inventory = evidenceBy('certificate-inventory', evidence)
    const drills = evidenceBy('revocation-drill', evidence)
    const active = inventory[0]?.observed?.active ?? 0
    return conclude(
      [...inventory.flatMap((entry) => judgeInventory(entry, now)), ...drills.flatMap(judgeDrill)],
      `Active certificates: ${active}, none of them expired, weak or unknown; ${drillWords(drills)}.`,
    )
  },
}

function drillWords(drills: readonly EvidenceOf<'revocation-drill'>[]): string {
  const attempts = drills.flatMap((entry) => entry.observed?.attempts ?? [])
  const slowest = Math.max(0, ...attempts.map((attempt) => attempt.liveEndedMs ?? 0))
  return `a revoked certificate was refused on ${attempts.length} of ${attempts.length} tries, fresh and resumed, and its live session ended after ${Math.round(slowest)} ms`
}

function judgeInventory(entry: EvidenceOf<'certificate-inventory'>, now: Instant): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const seen = entry.observed
  const rulings: Ruling[] = []
  const failed = (rule: string, reason: string, observed: string, id = 'inventory') =>
    rulings.push({
      verdict: 'fail',
      rule,
      subject: { kind: id === 'inventory' ? 'certificate' : 'ca', id },
      reason,
      observed,
      evidence: [entry.id],
    })
  const some = (rule: string, found: Examples, what: string) => {
    if (found.count > 0)
      failed(
        rule,
        `${found.count} ${what}: ${found.examples.slice(0, 3).join(', ')}${found.count > 3 ? ', ...' : ''}.`,
        found.examples.join(', '),
      )
  }
  for (const issuer of seen.issuers) {
    const why = weakness(issuer)
    if (why !== null) failed('weak-issuer', `Issuer ${issuer.subject} has ${why}.`, why, issuer.subject)
    if (issuer.notAfter <= now) failed('issuer-expired', `Issuer ${issuer.subject} is expired.`, 'expired', issuer.subject)
  }
  some('expired', seen.expired, 'active certificates are expired')
  some('expiring', seen.expiring, 'active certificates end soon and nothing renews them')
  some('long-lived', seen.longLived, 'leaf certificates live longer than 397 days')
  some('weak', seen.weak, 'active certificates are weak')
  some('repeated-serial', seen.repeatedSerials, 'serial numbers were used twice')
  some('revoked-issuer', seen.underRevokedIssuer, 'active certificates stand under a revoked issuer')
  some('stranger', seen.strangers, 'certificates in use are unknown to the log')
  if (seen.issuers.length === 0)
    rulings.push({
      verdict: 'unknown',
      rule: 'no-issuer',
      subject: entry.subject,
      reason: 'The inventory shows no issuer.',
      evidence: [entry.id],
    })
  if (seen.crl !== null && seen.crl.nextUpdate <= now)
    failed('crl-stale', 'The published revocation list is past its next update.', 'past nextUpdate')
  return rulings.length > 0 ? rulings : [fullPass('inventory', 'inventory is sound', entry)]
}

function judgeDrill(entry: EvidenceOf<'revocation-drill'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  if (entry.observed.attempts.length === 0)
    return [
      {
        verdict: 'unknown',
        rule: 'drill-empty',
        subject: entry.subject,
        reason: 'The revocation drill found no listener to try.',
        evidence: [entry.id],
      },
    ]
  return entry.observed.attempts.map((attempt) => judgeAttempt(entry, attempt))
}

function judgeAttempt(entry: EvidenceOf<'revocation-drill'>, attempt: DrillAttempt): Ruling {
  const subject = { kind: 'listener', id: attempt.listener } as const
  const where = `${attempt.listener} (${attempt.version})`
  const base = { subject, evidence: [entry.id] }
  const rule = `drill-${attempt.version}`
  // Positive control: only a certificate that was accepted before can be seen to be refused after.
  if (attempt.before === 'refused')
    return { ...base, verdict: 'unknown', rule, reason: `The revocation drill could not connect to ${where} before revoking.` }
  if (attempt.fresh === 'accepted')
    return {
      ...base,
      verdict: 'fail',
      rule,
      reason: `A revoked certificate was accepted on ${where}.`,
      observed: 'fresh connection accepted',
    }
  if (attempt.resumed === 'accepted')
    return {
      ...base,
      verdict: 'fail',
      rule,
      reason: `A revoked certificate was accepted on ${where} by resuming its TLS session.`,
      observed: 'resumed session accepted',
    }
  if (attempt.liveEndedMs === null || attempt.liveEndedMs > drillLimitMs)
    return {
      ...base,
      verdict: 'fail',
      rule,
      reason: `The live session of a revoked certificate went on at ${where}.`,
      observed: 'live session kept',
    }
  return { ...base, verdict: 'pass', rule, reason: `${where} refused the revoked certificate` }
}
