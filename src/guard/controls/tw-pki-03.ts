import type { Instant } from '#base'
import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type EvidenceOf, evidenceBy } from '../evidence.ts'

const drillPeriodMs = 30 * 24 * 60 * 60_000

/** What a listener serves is the newest certificate that was issued for it, with life left and every advertised name. */
export const twPki03: Control = {
  id: 'TW-PKI-03',
  title: 'Listener certificates renew themselves',
  severity: 'high',
  serves: ['E11'],
  recommendation: 'Configure TLS with automatic certificate management for listeners in your MQTT broker',
  fix: 'Renew the server certificate and reload the listeners; add the missing names to the configuration.',
  expected:
    'Each listener serves the newest issued certificate, more than a third of its life is left and it covers every advertised name.',
  minimumAssurance: 'observed',
  needs: ['served-certificate'],
  judge(evidence, _policy, now) {
    const served = evidenceBy('served-certificate', evidence)
    return conclude(
      served.flatMap((entry) => judgeServed(entry, now)),
      `${served.length} listeners serve the newest certificate, with more than a third of its life left and every advertised name in it.`,
    )
  },
}

function judgeServed(entry: EvidenceOf<'served-certificate'>, now: Instant): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { served, newest, uncovered, manual, owner, lastDrillAt } = entry.observed
  const rulings: Ruling[] = []
  const say = (verdict: Ruling['verdict'], rule: string, reason: string, observed: string) =>
    rulings.push({ verdict, rule, subject: entry.subject, reason, observed, capped: verdict === 'pass', evidence: [entry.id] })
  const name = `Listener ${entry.subject.id}`
  if (newest === null)
    say('unknown', 'no-issue-log', `${name}: the issuer does not say which certificate is the newest.`, served.fingerprintSha256)
  else if (newest.fingerprintSha256 !== served.fingerprintSha256)
    say(
      'fail',
      newest.notBefore >= served.notBefore ? 'served-older' : 'served-stranger',
      newest.notBefore >= served.notBefore
        ? `${name} serves an older certificate than the newest issued: the reload failed.`
        : `${name} serves a certificate that the issuer does not know.`,
      `served ${served.fingerprintSha256.slice(0, 16)}, newest ${newest.fingerprintSha256.slice(0, 16)}`,
    )
  const left = (served.notAfter - now) / (served.notAfter - served.notBefore)
  const shown = `${Math.round(left * 100)}% of life left`
  if (left < 1 / 6)
    say(
      'fail',
      'life-left',
      left < 0 ? `${name} serves an expired certificate.` : `${name}: less than a sixth of the certificate's life is left.`,
      shown,
    )
  else if (left < 1 / 3) say('pass', 'life-left', `${name}: the certificate is due for renewal.`, shown)
  if (uncovered.length > 0) say('fail', 'names', `${name}: the certificate does not cover ${uncovered.join(', ')}.`, uncovered.join(', '))
  if (manual && owner === null) say('fail', 'manual', `${name}: the certificate was brought by hand and nobody answers for it.`, 'no owner')
  if (lastDrillAt === null || now - lastDrillAt > drillPeriodMs)
    say('pass', 'drill', `${name}: no renewal was practised in the last 30 days.`, lastDrillAt === null ? 'never' : 'too long ago')
  return rulings.length > 0 ? rulings : [fullPass('served', 'newest certificate served', entry)]
}
