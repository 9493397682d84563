import { X509Certificate } from 'node:crypto'
import type { Instant } from '#base'
import { certificateFacts } from '../certificate-facts.ts'
import { weakness } from '../controls/tw-con-04.ts'
import { type Observations, examplesOf } from '../evidence.ts'
import type { DeviceState, IssuedCertificate, IssuerState, SessionState } from '../ports.ts'

const dayMs = 24 * 60 * 60_000
const longestLifeMs = 397 * dayMs

// Identities of other authentication methods; no device can be registered under such a name.
const ofOthers = /^(x509|sat|custom):/

/**
 * Fingerprints of the certificates that devices use now, with their names. Certificates of authorities that an operator trusts besides (method
 * X509) are left out: neither our log nor our registry is to know them.
 */
export function certificatesInUse(sessions: Iterable<Pick<SessionState, 'device' | 'auth'>>): ReadonlyMap<string, string> {
  const devices = [...sessions].filter(({ device }) => !ofOthers.test(device))
  return new Map(devices.flatMap(({ device, auth: { thumbprint } }) => (thumbprint ? [[thumbprint, device] as const] : [])))
}

/** What the inventory is made of. `seen` are SHA-256 fingerprints met in sessions and at listeners, each with a name to show. */
export type InventorySources = {
  readonly issuers: readonly IssuerState[]
  readonly certificates: AsyncIterable<IssuedCertificate> | Iterable<IssuedCertificate>
  readonly devices: AsyncIterable<DeviceState> | Iterable<DeviceState>
  readonly seen: ReadonlyMap<string, string>
  readonly crl: { readonly nextUpdate: Instant } | null
}

/**
 * Goes through the issuance log once. Active is the newest certificate of each enabled device that is not revoked, and of each server name;
 * what was replaced or belongs to a disabled device may run out in peace.
 */
export async function takeInventory(sources: InventorySources, now: Instant): Promise<Observations['certificate-inventory']> {
  const enabled = new Set<string>()
  // Certificates pinned in the registry are registered, although no log of ours has them.
  const known = new Set<string>()
  for await (const device of sources.devices) {
    if (device.enabled && device.authentication.type === 'certificateAuthority') enabled.add(device.id)
    if (device.authentication.type !== 'selfSigned') continue
    for (const print of [device.authentication.primaryThumbprint, device.authentication.secondaryThumbprint])
      if (print !== null) known.add(print)
  }
  const issuers = sources.issuers.map(({ pem, revoked }) => ({ ...certificateFacts(new X509Certificate(pem)), revoked }))
  const revokedIssuers = new Set(issuers.filter((issuer) => issuer.revoked).map((issuer) => issuer.subject))
  const newest = new Map<string, IssuedCertificate>()
  const serials = new Set<string>()
  const repeated: string[] = []
  for await (const certificate of sources.certificates) {
    const serial = `${certificate.issuer}/${certificate.serial}`
    if (serials.has(serial)) repeated.push(certificate.serial)
    serials.add(serial)
    if (certificate.fingerprintSha256 !== null) known.add(certificate.fingerprintSha256)
    if (certificate.revoked || (certificate.device !== null && !enabled.has(certificate.device))) continue
    const owner = certificate.device ?? '(server)'
    const other = newest.get(owner)
    if (other === undefined || certificate.notAfter > other.notAfter) newest.set(owner, certificate)
  }
  const active = [...newest]
  const named = (matches: (certificate: IssuedCertificate) => boolean) =>
    examplesOf(active.filter(([, one]) => matches(one)).map(([owner]) => owner))
  return {
    issuers,
    active: active.length,
    expired: named((one) => one.notAfter <= now),
    expiring: named((one) => one.notAfter > now && one.notAfter - now < marginMs(one) && !one.renewing),
    longLived: named((one) => one.notAfter - one.notBefore > longestLifeMs + dayMs),
    weak: named((one) => one.key !== null && weakness({ key: one.key, signature: 'unknown' }) !== null),
    repeatedSerials: examplesOf(repeated),
    underRevokedIssuer: named((one) => revokedIssuers.has(one.issuer)),
    strangers: examplesOf([...sources.seen].filter(([print]) => !known.has(print)).map(([, name]) => name)),
    crl: sources.crl,
  }
}

/** How long before its end a certificate must be on its way to renewal: seven days, or a sixth of a longer life. */
function marginMs(certificate: IssuedCertificate): number {
  const life = certificate.notAfter - certificate.notBefore
  // For a life of days the seven would be longer than the life itself: such a certificate is given a sixth.
  return life < 14 * dayMs ? life / 6 : Math.max(7 * dayMs, life / 6)
}
