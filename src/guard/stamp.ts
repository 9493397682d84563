import { createHash } from 'node:crypto'
import { type Instant, plus } from '#base'
import type { Evidence, Method, Sighting } from './evidence.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** How long each kind of evidence is believed, in milliseconds. */
export const timeToLiveMs: Readonly<Record<Method, number>> = {
  'tls-version-probe': 45 * minute,
  'tls-suite-probe': 45 * minute,
  'plaintext-probe': 45 * minute,
  'socket-table': 45 * minute,
  'served-certificate': 45 * minute,
  exposure: 45 * minute,
  'session-log': 45 * minute,
  'trust-roots': 2 * hour,
  'certificate-inventory': 2 * hour,
  registry: 2 * hour,
  'credential-digests': 2 * hour,
  canary: 45 * minute,
  'key-location': 2 * hour,
  volumes: 2 * hour,
  // The drill runs once a day; two missed drills make it unknown.
  'revocation-drill': 2 * day,
  'round-trips': 15 * minute,
  'alert-routes': 2 * hour,
  health: 15 * minute,
}

const collectorVersion = 1

/** Turns what a collector saw into evidence: with its time, its end of life, an identity and a digest of what was seen. */
export function stamp(sighting: Sighting, now: Instant): Evidence {
  const content = JSON.stringify('problem' in sighting ? sighting.problem : sighting.observed)
  const rawDigest = createHash('sha256').update(content).digest('hex')
  const place = `${sighting.method}/${sighting.subject.kind}/${sighting.subject.id}`
  const shared = {
    id: `${place}@${now}`,
    collectedAt: now,
    validUntil: plus(now, timeToLiveMs[sighting.method]),
    collector: sighting.method,
    collectorVersion,
    rawDigest,
    assurance: sighting.assurance ?? 'observed',
  } as const
  return 'problem' in sighting ? { ...sighting, ...shared, observed: null } : { ...sighting, ...shared, problem: null }
}
