import { type Instant, type Result, ok, refuse } from '#base'
import { keyIdentifier, parseCertificate } from '#wire/x509'
import { type Foundry, fingerprintOf } from '../authority.ts'
import { limits } from '../limits.ts'
import { type CertificateRecord, bytesOf, numberOf, recordOf, textOf } from '../row.ts'
import type { AuthorityPlace } from './authority-keys.ts'
import { livingByIssuer } from './succession.ts'

/** One authority that signs for this hub, or once did: who made it, and where its key is. */
export type AuthorityRecord = {
  readonly serial: string
  readonly role: 'root' | 'cross' | 'device-issuer' | 'server-issuer'
  /** `imported`: signed elsewhere, for a key of ours. */
  readonly origin: 'ours' | 'imported'
  readonly place: AuthorityPlace
  /** Where a root stands; `active` for an issuer that signs now, `retiring` for one whose certificates are still good, `revoked`. */
  readonly state: string
  readonly subject: string
  readonly issuer: string
  readonly fingerprintSha256: string
  readonly notBefore: Instant
  readonly notAfter: Instant
  /** Certificates under it that are valid now. */
  readonly living: number
}

/** Every authority in the keyring, oldest first. `signing` are the serials of those that sign now. */
export async function listAuthorities(
  { ports, inventory }: Foundry,
  signing: ReadonlySet<string>,
): Promise<Result<readonly AuthorityRecord[]>> {
  const rows = await ports.store.query(
    `SELECT k.serial, k.role, k.origin, k.place, k.certificate, s.state FROM pki_keyring k LEFT JOIN pki_root_state s ON s.serial = k.serial
     WHERE k.role IN ('root', 'cross', 'device-issuer', 'server-issuer') ORDER BY k.rowid`,
  )
  const living = await livingByIssuer({ ports })
  const out: AuthorityRecord[] = []
  for (const row of rows) {
    const read = parseCertificate(Buffer.from(bytesOf(row, 'certificate')))
    if (!read.ok)
      return refuse('pki/keyring-damaged', 'A certificate of this hub is damaged in the store. Restore the store from its backup.')
    const { serial, subject, issuer, notBefore, notAfter, der } = read.value
    const role = oneOf(['root', 'cross', 'device-issuer', 'server-issuer'] as const, textOf(row, 'role'))
    const origin = oneOf(['ours', 'imported'] as const, textOf(row, 'origin'))
    const place = oneOf(['software', 'pkcs11', 'tpm', 'none'] as const, textOf(row, 'place'))
    const rootState = row['state'] === null ? 'active' : textOf(row, 'state')
    const issuerState = inventory.revokedAt(serial) !== undefined ? 'revoked' : signing.has(serial) ? 'active' : 'retiring'
    const state = role === 'root' ? rootState : role === 'cross' ? 'active' : issuerState
    const names = { subject: subject.text, issuer: issuer.text, fingerprintSha256: fingerprintOf(der) }
    const keyId = keyIdentifier(read.value.publicKey).toString('hex')
    out.push({ serial, role, origin, place, state, ...names, notBefore, notAfter, living: living.get(keyId) ?? 0 })
  }
  return ok(out)
}

/** Which certificates somebody wants to see. Those that were never handed out are left out. */
export type CertificateFilter = {
  /** The end of validity lies before this. */
  readonly expiresBefore?: Instant
  readonly device?: string
  /** Key identifier of the issuer, lower-case hex. */
  readonly issuer?: string
  /** Valid now: neither revoked nor expired. */
  readonly valid?: boolean
  /** Of devices and services: two thirds of its life are over, perhaps all of it, and its owner has no newer one. */
  readonly due?: boolean
}

/** A page of certificates in the order of their end, beginning after `after` (end and serial of the last one seen). */
export async function listCertificates(
  { ports }: Foundry,
  { expiresBefore, device, issuer, valid, due }: CertificateFilter,
  after: { readonly notAfter: number; readonly serial: string } | undefined,
  limit: number,
): Promise<readonly CertificateRecord[]> {
  const terms: readonly (readonly [string, readonly (string | number)[]])[] = [
    ...(expiresBefore === undefined ? [] : [['not_after < ?', [expiresBefore]] as const]),
    ...(device === undefined ? [] : [['device = ?', [device]] as const]),
    ...(issuer === undefined ? [] : [['issuer = ?', [issuer]] as const]),
    ...(valid === true ? [['revoked_at IS NULL AND not_after >= ?', [ports.clock.now()]] as const] : []),
    ...(due === true ? [[dueTerm, [limits.renewAfter, ports.clock.now()]] as const] : []),
    ...(after === undefined ? [] : [['(not_after, serial) > (?, ?)', [after.notAfter, after.serial]] as const]),
  ]
  const where = ['fingerprint IS NOT NULL', ...terms.map(([term]) => term)].join(' AND ')
  const args = [...terms.flatMap(([, values]) => values), limit]
  const rows = await ports.store.query(`SELECT * FROM pki_certificate WHERE ${where} ORDER BY not_after, serial LIMIT ?`, ...args)
  return rows.map(recordOf)
}

const dueTerm = `revoked_at IS NULL AND profile IN ('device', 'edge', 'operator-service')
  AND not_before + (not_after - not_before) * ? <= ?
  AND NOT EXISTS (SELECT 1 FROM pki_certificate AS newer WHERE newer.device = pki_certificate.device AND newer.profile = pki_certificate.profile
    AND newer.fingerprint IS NOT NULL AND newer.revoked_at IS NULL AND newer.not_after > pki_certificate.not_after)`

/** How many certificates that are valid now end in each span of `spanMs` from now on; the last one counts all that end later. */
export async function expiryBuckets(
  { ports }: Foundry,
  spanMs: number,
  count: number,
): Promise<readonly { readonly from: number; readonly certificates: number }[]> {
  const now = ports.clock.now()
  const rows = await ports.store.query(
    `SELECT CAST(min((not_after - ?) / ?, ?) AS INTEGER) AS bucket, count(*) AS n FROM pki_certificate
     WHERE fingerprint IS NOT NULL AND revoked_at IS NULL AND not_after >= ? GROUP BY bucket`,
    now,
    spanMs,
    count - 1,
    now,
  )
  const counts = new Map(rows.map((row) => [numberOf(row, 'bucket'), numberOf(row, 'n')]))
  return Array.from({ length: count }, (_, at) => ({ from: now + at * spanMs, certificates: counts.get(at) ?? 0 }))
}

function oneOf<T extends string>(known: readonly T[], text: string): T {
  const found = known.find((one) => one === text)
  if (found === undefined) throw new Error('bug: unknown word in a row')
  return found
}
