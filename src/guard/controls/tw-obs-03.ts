import type { Instant } from '#base'
import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type EvidenceOf, evidenceBy } from '../evidence.ts'

const share = 0.995
const drillPeriodMs = 31 * 24 * 60 * 60_000
const day = 24 * 60 * 60_000
const gibibyte = 1024 ** 3

/** A synthetic device proves every minute that the whole road works, and somebody hears when it does not. */
export const twObs03: Control = {
  id: 'TW-OBS-03',
  title: 'Solution health watched',
  severity: 'medium',
  serves: ['C35'],
  recommendation: 'Monitor your IoT solution from the cloud',
  fix: 'Look at the journal and the disk first; then name an alert receiver and practise an alert.',
  expected: '99.5% of the synthetic round trips of 24 hours took 5 s or less, and an alert reaches somebody who acknowledges it.',
  minimumAssurance: 'observed',
  needs: ['round-trips', 'alert-routes', 'health'],
  judge(evidence, _policy, now) {
    const trips = evidenceBy('round-trips', evidence)
    const seen = trips[0]?.observed
    return conclude(
      [
        ...trips.flatMap(judgeTrips),
        ...evidenceBy('alert-routes', evidence).flatMap((entry) => judgeRoutes(entry, now)),
        ...evidenceBy('health', evidence).flatMap(judgeHealth),
      ],
      `${seen?.withinLimit ?? 0} of ${seen?.expected ?? 0} synthetic round trips took 5 s or less (median ${Math.round(seen?.p50Ms ?? 0)} ms).`,
    )
  },
}

function judgeTrips(entry: EvidenceOf<'round-trips'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { expected, withinLimit, slow, lost, windowMs } = entry.observed
  const base = {
    subject: entry.subject,
    evidence: [entry.id],
    observed: `${withinLimit} of ${expected} in time, ${slow} slow, ${lost} lost`,
  }
  if (expected === 0) return [{ ...base, verdict: 'unknown', rule: 'no-trips', reason: 'No synthetic round trip was due yet.' }]
  if (withinLimit < expected * share)
    return [
      {
        ...base,
        verdict: 'fail',
        rule: 'round-trips',
        reason: `Only ${withinLimit} of ${expected} synthetic round trips took 5 s or less (${slow} slow, ${lost} lost).`,
      },
    ]
  if (windowMs < day)
    return [
      {
        ...base,
        verdict: 'pass',
        capped: true,
        rule: 'short-window',
        reason: `The hub was watched for ${Math.floor(windowMs / 60_000)} of the 1,440 minutes of a day.`,
      },
    ]
  return [fullPass('round-trips', 'round trips are in time', entry)]
}

function judgeRoutes(entry: EvidenceOf<'alert-routes'>, now: Instant): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { routes } = entry.observed
  const base = { subject: entry.subject, evidence: [entry.id], observed: routes.map((route) => route.name).join(', ') || 'none' }
  if (routes.length === 0)
    return [{ ...base, verdict: 'fail', rule: 'no-receiver', reason: 'No alert receiver is configured: nobody would hear.' }]
  const acknowledged = routes.some((route) => route.acknowledgedAt !== null && now - route.acknowledgedAt <= drillPeriodMs)
  if (acknowledged) return [fullPass('alert-drill', 'an alert drill was acknowledged', entry)]
  const names = routes.map((route) => route.name).join(', ')
  return [
    {
      ...base,
      verdict: 'pass',
      capped: true,
      rule: 'no-drill',
      reason: `Alerts go to ${names}, and nobody has acknowledged a practice alert in the last 31 days.`,
    },
  ]
}

function judgeHealth(entry: EvidenceOf<'health'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { store, journal, pendingShare, freeBytes } = entry.observed
  const base = { subject: entry.subject, evidence: [entry.id] }
  if (store === 'down') return [{ ...base, verdict: 'unknown', rule: 'store-down', reason: 'The store is down.' }]
  const rulings: Ruling[] = []
  if (journal !== 'ok')
    rulings.push({
      ...base,
      verdict: 'fail',
      rule: 'journal',
      reason: `The journal is ${journal}: nothing is acknowledged.`,
      observed: journal,
      severity: 'high',
    })
  if (pendingShare > 0.5)
    rulings.push({
      ...base,
      verdict: 'fail',
      rule: 'backlog',
      reason: `${Math.round(pendingShare * 100)}% of the journal's memory waits for the disk.`,
      observed: `${pendingShare}`,
    })
  if (freeBytes !== null && freeBytes < gibibyte)
    rulings.push({
      ...base,
      verdict: 'fail',
      rule: 'disk',
      reason: `Only ${Math.round(freeBytes / 1024 ** 2)} MiB are free on the data volume.`,
      observed: `${freeBytes} bytes`,
    })
  return rulings.length > 0 ? rulings : [fullPass('health', 'journal and disk are well', entry)]
}
