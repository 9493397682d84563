import type { Instant } from '#base'
import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type CertificateFacts, type EvidenceOf, evidenceBy } from '../evidence.ts'

const rootMarginMs = 180 * 24 * 60 * 60_000
const currentShare = 0.95

/** Only ephemeral key exchange with authenticated encryption, no SHA-1, strong keys, and roots that do not run out. */
export const twCon04: Control = {
  id: 'TW-CON-04',
  title: 'Strong suites, fresh roots',
  severity: 'high',
  serves: ['C20'],
  recommendation: 'Use strong cipher suites and keep root CA certificates up to date',
  fix: 'Set the cipher list to ECDHE with AES-GCM or ChaCha20-Poly1305; replace a root 180 days before its end and roll the bundle out.',
  expected: 'TLS 1.2 takes ECDHE-AEAD suites only, signatures are SHA-256 or better, and no root ends within 180 days.',
  minimumAssurance: 'observed',
  needs: ['tls-suite-probe', 'served-certificate', 'trust-roots'],
  judge(evidence, _policy, now) {
    const suites = evidenceBy('tls-suite-probe', evidence)
    const offered = suites.map((entry) => entry.observed?.offered ?? 0)
    return conclude(
      [
        ...suites.flatMap(judgeSuites),
        ...evidenceBy('served-certificate', evidence).flatMap((entry) => judgeServed(entry)),
        ...evidenceBy('trust-roots', evidence).flatMap((entry) => judgeRoots(entry, now)),
      ],
      `${suites.length} listeners refused each of ${Math.max(0, ...offered)} weak suites, weak curves and SHA-1 signatures; the roots last.`,
    )
  },
}

function judgeSuites(entry: EvidenceOf<'tls-suite-probe'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { weakAccepted, weakGroups, sha1Signature } = entry.observed
  const weak = [...weakAccepted, ...weakGroups.map((group) => `curve ${group}`), ...(sha1Signature ? ['SHA-1 signatures'] : [])]
  if (weak.length === 0) return [fullPass('suites', 'no weak suite accepted', entry)]
  const shown = weak.slice(0, 6).join(', ')
  return [
    {
      verdict: 'fail',
      rule: 'weak-suite',
      subject: entry.subject,
      reason: `Listener ${entry.subject.id} accepts ${shown}${weak.length > 6 ? ` and ${weak.length - 6} more` : ''}.`,
      observed: weak.join(', '),
      evidence: [entry.id],
    },
  ]
}

function judgeServed(entry: EvidenceOf<'served-certificate'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const why = weakness(entry.observed.served)
  if (why === null) return [fullPass('served-key', 'the served certificate is strong', entry)]
  return [
    {
      verdict: 'fail',
      rule: 'weak-certificate',
      subject: entry.subject,
      reason: `Listener ${entry.subject.id} serves a certificate with ${why}.`,
      observed: why,
      evidence: [entry.id],
    },
  ]
}

function judgeRoots(entry: EvidenceOf<'trust-roots'>, now: Instant): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { roots, distrusted, bundleVersions, devicesOnCurrent, devicesTwoBehind } = entry.observed
  const rulings: Ruling[] = []
  const failed = (rule: string, id: string, reason: string, observed: string) =>
    rulings.push({ verdict: 'fail', rule, subject: { kind: 'ca', id }, reason, observed, evidence: [entry.id] })
  if (roots.length === 0)
    rulings.push({
      verdict: 'unknown',
      rule: 'no-roots',
      subject: entry.subject,
      reason: 'The trust bundle shows no root.',
      evidence: [entry.id],
    })
  for (const root of roots) {
    const why = weakness(root)
    const daysLeft = Math.floor((root.notAfter - now) / (24 * 60 * 60_000))
    if (root.notAfter - now < rootMarginMs)
      failed('root-ends', root.subject, `Root ${root.subject} ends in ${daysLeft} days.`, `${daysLeft} days left`)
    if (why !== null) failed('weak-root', root.subject, `Root ${root.subject} has ${why}.`, why)
  }
  for (const root of distrusted) failed('distrusted-root', root, `The trust bundle still holds the distrusted root ${root}.`, root)
  if (devicesTwoBehind > 0)
    failed('bundle-old', 'bundle', `${devicesTwoBehind} devices are two trust bundles behind.`, `${devicesTwoBehind} devices`)
  // While only one bundle was ever published there is no older one to be on.
  if (bundleVersions > 1 && devicesOnCurrent === null)
    rulings.push({
      verdict: 'unknown',
      rule: 'bundle-unreported',
      subject: { kind: 'ca', id: 'bundle' },
      reason: 'No device says which trust bundle it holds.',
      evidence: [entry.id],
    })
  if (bundleVersions > 1 && devicesOnCurrent !== null && devicesOnCurrent < currentShare)
    failed(
      'bundle-behind',
      'bundle',
      `Only ${Math.floor(devicesOnCurrent * 100)}% of the devices hold the current trust bundle.`,
      `${devicesOnCurrent}`,
    )
  return rulings.length > 0 ? rulings : [fullPass('roots', 'the roots are fresh', entry)]
}

/** What makes a certificate too weak, in words that fit after `with`; null when nothing does. */
export function weakness(certificate: Pick<CertificateFacts, 'key' | 'signature'>): string | null {
  const [family, detail = ''] = certificate.key.split(':')
  if (/sha-?1(?!\d)|md5|md2/i.test(certificate.signature)) return `a ${certificate.signature} signature`
  if (family === 'rsa' && Number(detail) < 2048) return `an RSA key of ${detail} bits`
  if (family === 'ec' && !['P-256', 'P-384', 'P-521'].includes(detail)) return `the curve ${detail}`
  return ['rsa', 'ec', 'ed25519', 'ed448'].includes(family ?? '') ? null : `a key of kind ${certificate.key}`
}
