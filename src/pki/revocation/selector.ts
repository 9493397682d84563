import type { DeviceId, Instant } from '#base'
import type { Statement } from '#store'
import type { RevocationReason } from '../row.ts'

/** What is revoked. Serial numbers, fingerprints, keys (SHA-256 of the SubjectPublicKeyInfo) and issuers (key identifier) in lower-case hex. */
export type Selector =
  | { readonly serial: string }
  | { readonly deviceId: DeviceId }
  | { readonly devices: readonly DeviceId[] }
  | { readonly fingerprint: string }
  | { readonly key: string }
  | { readonly issuer: string }

/** What revoking by name alone refuses, because no row of ours need exist for it: certificates of other authorities, and keys. */
export type DeniedKind = 'fingerprint' | 'key' | 'issuer'

/** Devices whose certificates are looked for by one statement. */
export const devicesPerStatement = 200

/** The rows that a selector means, as a WHERE clause with its arguments. `issuerSerials` are the certificates of the issuer that is meant. */
export function rowsOf(which: Selector, issuerSerials: readonly string[]): { readonly where: string; readonly args: readonly string[] } {
  if ('serial' in which) return { where: `profile NOT IN (${ours}) AND serial = ?`, args: [which.serial] }
  if ('deviceId' in which) return { where: `profile NOT IN (${ours}) AND device = ?`, args: [which.deviceId] }
  if ('devices' in which) return { where: `profile NOT IN (${ours}) AND device IN (${marks(which.devices)})`, args: which.devices }
  if ('fingerprint' in which) return { where: `profile NOT IN (${ours}) AND fingerprint = ?`, args: [which.fingerprint] }
  if ('key' in which) return { where: `profile NOT IN (${ours}) AND key_sha256 = ?`, args: [which.key] }
  return { where: `serial IN (${marks(issuerSerials)})`, args: issuerSerials }
}

// What the hub itself runs on is revoked by its authority or not at all: a slip of the finger must not take the listeners down.
const ours = `'root', 'cross', 'device-issuer', 'server-issuer', 'edge-issuer', 'signing-issuer', 'server', 'ocsp-responder'`
const marks = (list: readonly string[]) => list.map(() => '?').join()

/** What is to be refused besides the rows. */
export function denialOf(which: Selector): { readonly kind: DeniedKind; readonly value: string } | undefined {
  if ('fingerprint' in which) return { kind: 'fingerprint', value: which.fingerprint }
  if ('key' in which) return { kind: 'key', value: which.key }
  return 'issuer' in which ? { kind: 'issuer', value: which.issuer } : undefined
}

/** The statement that keeps a denial. One that is there already stays as it is. */
export function denialRow(
  { kind, value }: { readonly kind: DeniedKind; readonly value: string },
  at: Instant,
  reason: RevocationReason,
): Statement {
  return {
    sql: 'INSERT INTO revocation_denied (kind, value, denied_at, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    args: [kind, value, at, reason],
  }
}

/** What a selector is about, as the audit log names resources. */
export function resourceOf(which: Selector): string {
  if ('serial' in which) return `certificate:${which.serial}`
  if ('deviceId' in which) return `device:${which.deviceId}`
  if ('devices' in which) return which.devices.length === 1 ? `device:${which.devices[0]}` : `devices:${which.devices.length}`
  if ('fingerprint' in which) return `fingerprint:${which.fingerprint}`
  return 'key' in which ? `key:${which.key}` : `issuer:${which.issuer}`
}
