import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type EvidenceOf, evidenceBy } from '../evidence.ts'

/** One credential, one device; and no credential that the world already knows. */
export const twAth03: Control = {
  id: 'TW-ATH-03',
  title: 'No credential shared by identities',
  severity: 'critical',
  serves: ['C18'],
  recommendation: 'Avoid shared symmetric keys',
  fix: 'Disable all but the oldest device of each group and give the others credentials of their own.',
  expected: 'Keyed digests of all keys differ, and no identity is used from two places in turn.',
  minimumAssurance: 'observed',
  needs: ['credential-digests', 'session-log'],
  judge(evidence) {
    const digests = evidenceBy('credential-digests', evidence)
    const compared = digests[0]?.observed?.compared ?? 0
    return conclude(
      [...digests.flatMap(judgeDigests), ...evidenceBy('session-log', evidence).flatMap(judgeSessions)],
      `${compared} credentials were compared by keyed digest and no two devices share one.`,
    )
  },
}

function judgeDigests(entry: EvidenceOf<'credential-digests'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { collisions, knownWeak } = entry.observed
  const rulings = collisions.map(({ digest, devices }): Ruling => ({
    verdict: 'fail',
    rule: `shared-${digest}`,
    subject: { kind: 'device', id: devices[0] ?? 'unknown' },
    reason: `${devices.length} devices share one credential: ${devices.slice(0, 3).join(', ')}${devices.length > 3 ? ', ...' : ''}.`,
    observed: `digest ${digest}`,
    evidence: [entry.id],
  }))
  if (knownWeak.count > 0)
    rulings.push({
      verdict: 'fail',
      rule: 'known-weak',
      subject: { kind: 'device', id: knownWeak.examples[0] ?? 'unknown' },
      reason: `${knownWeak.count} devices use a publicly known key: ${knownWeak.examples.slice(0, 3).join(', ')}.`,
      observed: knownWeak.examples.join(', '),
      evidence: [entry.id],
    })
  return rulings.length > 0 ? rulings : [fullPass('digests', 'all credentials differ', entry)]
}

function judgeSessions(entry: EvidenceOf<'session-log'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const rulings = entry.observed.concurrent.map(({ device, addresses, turns }): Ruling => ({
    verdict: 'fail',
    rule: 'concurrent-use',
    subject: { kind: 'device', id: device },
    reason: `${device} was taken over ${turns} times in turn from ${addresses.join(' and ')}: two programs hold its credential.`,
    observed: `${turns} turns`,
    evidence: [entry.id],
  }))
  return rulings.length > 0 ? rulings : [fullPass('concurrent-use', 'no identity is used from two places', entry)]
}
