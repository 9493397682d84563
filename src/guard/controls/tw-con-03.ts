import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type EvidenceOf, type TlsVersion, evidenceBy } from '../evidence.ts'

const floor: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']

/** No listener takes anything below TLS 1.2, each offers TLS 1.3, and no session ran below the floor. */
export const twCon03: Control = {
  id: 'TW-CON-03',
  title: 'TLS 1.2 is the floor, 1.3 offered',
  severity: 'critical',
  serves: ['C19'],
  recommendation: 'Use Transport Layer Security (TLS) 1.2 to secure connections from devices',
  fix: 'Restart the listener with the minimum version TLS 1.2 and TLS 1.3 on.',
  expected: 'SSLv3, TLS 1.0 and TLS 1.1 are refused and TLS 1.3 is accepted on each listener.',
  minimumAssurance: 'observed',
  needs: ['tls-version-probe', 'session-log'],
  judge(evidence) {
    const probes = evidenceBy('tls-version-probe', evidence)
    const sessions = evidenceBy('session-log', evidence)
    return conclude(
      [...probes.flatMap(judgeProbe), ...sessions.flatMap(judgeSessions)],
      `${probes.length} listeners refused SSLv3, TLS 1.0 and TLS 1.1 and accepted TLS 1.3; no session ran below TLS 1.2.`,
    )
  },
}

function judgeProbe(entry: EvidenceOf<'tls-version-probe'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { accepted, refused } = entry.observed
  const rulings: Ruling[] = []
  for (const version of accepted) {
    if (floor.includes(version)) continue
    rulings.push({
      verdict: 'fail',
      rule: `accepts-${version}`,
      subject: entry.subject,
      reason: `Listener ${entry.subject.id} accepts ${version}.`,
      observed: `${version} accepted`,
      evidence: [entry.id],
    })
  }
  if (!accepted.includes('TLSv1.3'))
    rulings.push({
      verdict: refused.includes('TLSv1.3') ? 'fail' : 'unknown',
      rule: 'no-tls-1.3',
      subject: entry.subject,
      reason: `Listener ${entry.subject.id} does not offer TLS 1.3.`,
      observed: `accepted: ${accepted.join(', ') || 'none'}`,
      severity: 'medium',
      evidence: [entry.id],
    })
  for (const version of ['SSLv3', 'TLSv1', 'TLSv1.1'] as const)
    if (!accepted.includes(version) && !refused.includes(version))
      rulings.push({
        verdict: 'unknown',
        rule: `unproven-${version}`,
        subject: entry.subject,
        reason: `Whether listener ${entry.subject.id} accepts ${version} could not be told.`,
        evidence: [entry.id],
      })
  return rulings.length > 0 ? rulings : [fullPass('versions', 'floor and ceiling hold', entry)]
}

function judgeSessions(entry: EvidenceOf<'session-log'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const below = Object.entries(entry.observed.byTlsVersion).filter(
    ([version, count]) => count > 0 && !floor.some((name) => name === version),
  )
  if (below.length === 0) return [fullPass('sessions', 'no session below the floor', entry)]
  const observed = below.map(([version, count]) => `${count} x ${version}`).join(', ')
  return [
    {
      verdict: 'fail',
      rule: 'session-below-floor',
      subject: entry.subject,
      reason: `Sessions of the last 24 hours ran below TLS 1.2: ${observed}.`,
      observed,
      evidence: [entry.id],
    },
  ]
}
