import { createHash } from 'node:crypto'
import { type DeviceId, type Grant, type Instant, type Result, type RevokedProofs, ok, refuse } from '#base'
import type { Statement } from '#store'
import { type Linted, type Reserved, reserved } from './issuer.ts'
import type { Audited, PkiPorts } from './ports.ts'
import { type Denied, readRevoked } from './revocation/read-revoked.ts'
import type { RevokedSerials } from './revocation/revoked-serials.ts'
import { type DeniedKind, type Selector, denialOf, denialRow, devicesPerStatement, resourceOf, rowsOf } from './revocation/selector.ts'
import { type CertificateRecord, type RevocationReason, bytesOf, numberOf, recordOf, textOf } from './row.ts'

/*
 * Theory of operation. A serial number is on disk, audited, before anything is signed under it: there is no certificate of ours
 * that the inventory does not know, however the hub dies. Signing done, the row is completed with the fingerprint; only then is the
 * certificate handed out. A row without fingerprint was never handed out. Revocation is a column of the same row, and a map in memory
 * that is asked at every connect; a row revoked between the two commits is not completed.
 */

/** A certificate about to be recorded. `device` is null for our own. */
export type Planned = {
  readonly proof: Linted
  readonly device: DeviceId | null
  /** Whose the key is, where it is neither a device's nor ours. */
  readonly owner?: string
  readonly issuer: string
  readonly subject: string
}

/** A signed certificate whose row is to be completed. */
export type Signed = { readonly serial: string; readonly fingerprintSha256: string; readonly der: Buffer }

/** What revoking did: the serials that were valid until then. */
export type Revocation = {
  readonly serials: readonly string[]
  /** Their device, where there is one. */
  readonly device: DeviceId | null
  readonly reason: RevocationReason
  readonly at: Instant
  /** What connections must not have been proven with, and the devices that must not be connected: for those who hold connections. */
  readonly proofs: RevokedProofs
  readonly devices: readonly DeviceId[]
}

/** SHA-256 of a public key (SubjectPublicKeyInfo) in lower-case hex: how the inventory names keys. */
export function keySha256(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex')
}

/** Everything that we ever issued, and what of it is revoked. Owns the map of revoked serials. */
export class Inventory {
  readonly #ports: Pick<PkiPorts, 'store' | 'commit' | 'clock'>
  readonly #revoked: RevokedSerials
  readonly #denied: Denied

  private constructor(ports: Pick<PkiPorts, 'store' | 'commit' | 'clock'>, revoked: RevokedSerials, denied: Denied) {
    this.#ports = ports
    this.#revoked = revoked
    this.#denied = denied
  }

  /** Reads what is revoked into memory, in pages, so that others have their turn meanwhile. */
  static async open(ports: Pick<PkiPorts, 'store' | 'commit' | 'clock'>): Promise<Inventory> {
    const [revoked, denied] = await readRevoked(ports.store)
    return new Inventory(ports, revoked, denied)
  }

  /** When a serial was revoked, if it was. Costs the same whatever the number of revoked ones. */
  revokedAt(serial: string): Instant | undefined {
    return this.#revoked.revokedAt(serial)
  }

  /** Everything that is revoked: for lists and answers. */
  get revoked(): RevokedSerials {
    return this.#revoked
  }

  /** Whether a fingerprint, a key or an issuer's key identifier (lower-case hex) is refused whoever signed. */
  isDenied(kind: DeniedKind, value: string): boolean {
    return this.#denied[kind].has(value)
  }

  /** Those of `keys` that belong to somebody, with the owner. */
  async ownersOf(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (keys.length === 0) return new Map()
    const rows = await this.#ports.store.query(
      `SELECT key_sha256, owner FROM pki_key WHERE key_sha256 IN (${keys.map(() => '?').join()})`,
      ...keys,
    )
    return new Map(rows.map((row) => [textOf(row, 'key_sha256'), textOf(row, 'owner')]))
  }

  /**
   * Records serials, and whose the keys are, durably and with an audit entry each. `pki/key-in-use` when a key belongs to
   * somebody else, `pki/key-revoked` when one was revoked (then nothing was recorded).
   */
  async reserve(grant: Grant<'certificate.issue'>, planned: readonly Planned[]): Promise<Result<readonly Reserved[]>> {
    if (planned.some(({ proof }) => this.isDenied('key', keySha256(proof.template.publicKey.der))))
      return refuse('pki/key-revoked', 'This key was revoked. Make a new key pair.')
    const outcome = await this.#ports.commit(grant, planned.map(auditOf), planned.flatMap(reservation))
    if (!outcome.ok) return refuse('pki/key-in-use', 'This key already belongs to someone else. Make a new key pair.')
    return ok(planned.map(({ proof }) => reserved(proof.template.serial)))
  }

  /** Completes the rows of signed certificates; `pki/revoked` when one was revoked meanwhile (then none is completed). */
  async complete(signed: readonly Signed[], more: readonly Statement[] = []): Promise<Result<void>> {
    const rows = signed.map(({ serial, fingerprintSha256, der }) => ({
      sql: 'UPDATE pki_certificate SET fingerprint = ?, der = ? WHERE serial = ? AND revoked_at IS NULL',
      args: [fingerprintSha256, der, serial],
      expect: 1,
    }))
    const outcome = await this.#ports.store.commit([...rows, ...more])
    return outcome.ok ? ok(undefined) : refuse('pki/revoked', 'The certificate was revoked while it was made.')
  }

  /**
   * Revokes certificates, durably and audited. What was revoked before, or never existed for the device, is not an error: the answer names
   * what changed. `issuerSerials` are the certificates of the issuer that is meant. `pki/unknown-serial` for a serial that no certificate of a
   * device has.
   */
  async revoke(
    grant: Grant<'certificate.issue'>,
    which: Selector,
    reason: RevocationReason,
    issuerSerials: readonly string[] = [],
  ): Promise<Result<Revocation>> {
    if ('devices' in which && which.devices.length > devicesPerStatement) return this.#revokeMany(grant, which.devices, reason)
    const at = this.#ports.clock.now()
    const { where, args } = rowsOf(which, issuerSerials)
    if ('serial' in which) {
      const [known] = await this.#ports.store.query(`SELECT count(*) AS n FROM pki_certificate WHERE ${where}`, ...args)
      if (known === undefined || numberOf(known, 'n') === 0)
        return refuse('pki/unknown-serial', 'No device certificate has this serial number.', which.serial)
    }
    const denial = denialOf(which)
    const sql = `UPDATE pki_certificate SET revoked_at = ?, reason = ? WHERE ${where} AND revoked_at IS NULL`
    const rows = [{ sql, args: [at, reason, ...args] }, ...(denial === undefined ? [] : [denialRow(denial, at, reason)])]
    await this.#ports.commit(grant, auditsOf(which, reason), rows)
    if (denial !== undefined) this.#denied[denial.kind].add(denial.value)
    // Read back rather than counted before: a certificate recorded in between was revoked with the rest.
    const found = await this.#ports.store.query(`SELECT * FROM pki_certificate WHERE ${where} AND revoked_at IS NOT NULL`, ...args)
    const fresh = found.map(recordOf).filter(({ serial }) => this.#revoked.revokedAt(serial) === undefined)
    for (const { serial, issuer, notAfter, revoked } of fresh)
      this.#revoked.add(serial, { issuer, notAfter, at: revoked?.at ?? at, reason: revoked?.reason ?? reason })
    const device = 'deviceId' in which ? which.deviceId : (fresh[0]?.device ?? null)
    const serials = fresh.map(({ serial }) => serial)
    const one = (named: boolean, value: string | undefined) => new Set(named && value !== undefined ? [value] : [])
    return ok({
      serials,
      device,
      reason,
      at,
      proofs: {
        serials: new Set([...serials, ...('serial' in which ? [which.serial] : []), ...issuerSerials]),
        fingerprints: one('fingerprint' in which, denial?.value),
        keys: one('key' in which, denial?.value),
        keyIds: one('issuer' in which, denial?.value),
      },
      devices: 'deviceId' in which ? [which.deviceId] : 'devices' in which ? which.devices : [],
    })
  }

  async #revokeMany(
    grant: Grant<'certificate.issue'>,
    devices: readonly DeviceId[],
    reason: RevocationReason,
  ): Promise<Result<Revocation>> {
    const serials: string[] = []
    const { clock } = this.#ports
    const nothing = { fingerprints: new Set<string>(), keys: new Set<string>(), keyIds: new Set<string>() }
    const at = clock.now()
    for (let from = 0; from < devices.length; from += devicesPerStatement) {
      const part = await this.revoke(grant, { devices: devices.slice(from, from + devicesPerStatement) }, reason)
      if (!part.ok) return part
      serials.push(...part.value.serials)
    }
    return ok({ serials, device: null, reason, at, proofs: { ...nothing, serials: new Set(serials) }, devices })
  }

  /** Records of a device, newest first. */
  async ofDevice(device: DeviceId): Promise<readonly CertificateRecord[]> {
    const rows = await this.#ports.store.query(
      'SELECT * FROM pki_certificate WHERE device = ? ORDER BY not_before DESC, rowid DESC',
      device,
    )
    return rows.map(recordOf)
  }

  /** The record of a serial and the certificate's DER, which is undefined when it was never handed out. */
  async bySerial(serial: string): Promise<{ readonly record: CertificateRecord; readonly der: Buffer | undefined } | undefined> {
    const [row] = await this.#ports.store.query('SELECT * FROM pki_certificate WHERE serial = ?', serial)
    return row && { record: recordOf(row), der: row['der'] === null ? undefined : bytesOf(row, 'der') }
  }

  /** All records after a serial, in the order of serials. */
  async page(after: string, limit: number): Promise<readonly CertificateRecord[]> {
    const rows = await this.#ports.store.query('SELECT * FROM pki_certificate WHERE serial > ? ORDER BY serial LIMIT ?', after, limit)
    return rows.map(recordOf)
  }
}

function auditsOf(which: Selector, reason: RevocationReason): readonly Audited[] {
  const of = (resource: string) => ({ action: 'certificate.revoke', resource, detail: { reason } })
  return 'devices' in which ? which.devices.map((device) => of(`device:${device}`)) : [of(resourceOf(which))]
}

function auditOf({ proof, device }: Planned): Audited {
  const { serial, profile, notAfter } = proof.template
  return {
    action: 'certificate.issue',
    resource: device === null ? `certificate:${serial}` : `device:${device}`,
    detail: { serial, profile, notAfter },
  }
}

function reservation({ proof, device, owner = ownerOf(device), issuer, subject }: Planned): readonly Statement[] {
  const { template } = proof
  const key = keySha256(template.publicKey.der)
  return [
    {
      // Changes nothing when the key is another's, and then the whole batch is a conflict.
      sql: `INSERT INTO pki_key (key_sha256, owner) VALUES (?, ?)
            ON CONFLICT (key_sha256) DO UPDATE SET owner = excluded.owner WHERE pki_key.owner = excluded.owner`,
      args: [key, owner],
      expect: 1,
    },
    {
      sql: `INSERT INTO pki_certificate (serial, profile, issuer, subject, device, key_sha256, not_before, not_after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      args: [template.serial, template.profile, issuer, subject, device, key, template.notBefore, template.notAfter],
      expect: 1,
    },
  ]
}

/** Whose a key is, as the inventory says it. */
export function ownerOf(device: DeviceId | null): string {
  return device === null ? 'hub' : `device:${device}`
}
