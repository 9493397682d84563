import { type Observations, examplesOf } from '../evidence.ts'
import type { DeviceState } from '../ports.ts'
import type { SessionLog } from '../sessions.ts'
import { knownKeys } from './known-keys.ts'

// RFC 5280 section 4.1.2.5: 99991231235959Z says that a certificate has no well-defined end. Fifty years come to the same.
const endlessMs = 50 * 365.25 * 24 * 60 * 60_000

/** What the registry and the last sessions say about how devices prove themselves. */
export async function readRegistry(
  devices: AsyncIterable<DeviceState> | Iterable<DeviceState>,
  sessions: Pick<SessionLog, 'last' | 'byWebhook'>,
  now: number,
): Promise<Observations['registry']> {
  const symmetric: string[] = []
  const mismatched: string[] = []
  const pinnedWithoutExpiry: string[] = []
  const neverConnected: string[] = []
  let count = 0
  for await (const { id, enabled, authentication } of devices) {
    if (!enabled) continue
    count++
    const session = sessions.last(id)
    if (authentication.type === 'symmetricKey') symmetric.push(id)
    if (session === undefined) {
      neverConnected.push(id)
      continue
    }
    if (session.type === 'sas' && authentication.type !== 'symmetricKey') symmetric.push(id)
    if (authentication.type === 'certificateAuthority' && session.commonName !== null && session.commonName !== id) mismatched.push(id)
    if (authentication.type === 'selfSigned') {
      const pinned = [authentication.primaryThumbprint, authentication.secondaryThumbprint]
      if (session.thumbprint !== null && !pinned.includes(session.thumbprint)) mismatched.push(id)
      if (session.expires !== null && session.expires - now > endlessMs) pinnedWithoutExpiry.push(id)
    }
  }
  return {
    devices: count,
    symmetric: examplesOf(symmetric),
    mismatched: examplesOf(mismatched),
    pinnedWithoutExpiry: examplesOf(pinnedWithoutExpiry),
    neverConnected: examplesOf(neverConnected),
    byWebhook: examplesOf([...sessions.byWebhook()]),
  }
}

/** A credential of one device, as bytes that identify it: a key digest, a thumbprint, a keyed digest of a shared key. */
export type Credential = { readonly device: string; readonly kind: 'public-key' | 'certificate' | 'shared-key'; readonly material: string }

/**
 * Finds credentials that two devices share, by keyed digest. `digest` is the hub's HMAC: what comes out identifies a collision and nothing else.
 * Shared keys arrive as keyed digests already.
 */
export function compareCredentials(
  credentials: Iterable<Credential>,
  digest: (material: Uint8Array) => string,
): Observations['credential-digests'] {
  const holders = new Map<string, Set<string>>()
  const knownDigests = new Set(knownKeys.map((key) => digest(key)))
  const weak = new Set<string>()
  let compared = 0
  for (const { device, kind, material } of credentials) {
    compared++
    // The prefix keeps a thumbprint and a key digest of equal bytes apart.
    const key = kind === 'shared-key' ? material : digest(Buffer.from(`${kind}:${material}`))
    if (kind === 'shared-key' && knownDigests.has(material)) weak.add(device)
    const devices = holders.get(key) ?? new Set()
    holders.set(key, devices.add(device))
  }
  const shared = [...holders].filter(([, devices]) => devices.size > 1)
  // A finding a group: a thousand clones of one key are one finding.
  const collisions = shared
    .slice(0, 100)
    .map(([key, devices]) => ({ digest: key.slice(0, 16), devices: examplesOf(devices, 100).examples }))
  return { compared, collisions, knownWeak: examplesOf(weak) }
}
