import { createHash } from 'node:crypto'
import { type DeviceId, type Grant, type Instant, type Result, instant, ok, refuse } from '#base'
import type { Statement } from '#store'
import { type Linted, type Reserved, reserved } from './issuer.ts'
import type { Audited, PkiPorts } from './ports.ts'
import { type CertificateRecord, type RevocationReason, bytesOf, numberOf, recordOf, textOf } from './row.ts'

/*
 * Theory of operation. A serial number is on disk, audited, before anything is signed under it: there is no certificate of ours
 * that the inventory does not know, however the hub dies. Signing done, the row is completed with the fingerprint; only then is the
 * certificate handed out. A row without fingerprint was never handed out. Revocation is a column of the same row, and a map in memory
 * that is asked at every connect; a row revoked between the two commits is not completed.
 */

/** A certificate about to be recorded. `device` is null for our own. */
export type Planned = { readonly proof: Linted; readonly device: DeviceId | null; readonly issuer: string; readonly subject: string }

/** A signed certificate whose row is to be completed. */
export type Signed = { readonly serial: string; readonly fingerprintSha256: string; readonly der: Buffer }

/** What revoking did: the serials that were valid until then. */
export type Revocation = {
  readonly serials: readonly string[]
  readonly device: DeviceId | null
  readonly reason: RevocationReason
  readonly at: Instant
}

/** SHA-256 of a public key (SubjectPublicKeyInfo) in lower-case hex: how the inventory names keys. */
export function keySha256(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex')
}

/** Everything that we ever issued, and what of it is revoked. Owns the map of revoked serials. */
export class Inventory {
  readonly #ports: Pick<PkiPorts, 'store' | 'commit' | 'clock'>
  readonly #revoked: Map<string, Instant>

  private constructor(ports: Pick<PkiPorts, 'store' | 'commit' | 'clock'>, revoked: Map<string, Instant>) {
    this.#ports = ports
    this.#revoked = revoked
  }

  /** Reads what is revoked into memory. */
  static async open(ports: Pick<PkiPorts, 'store' | 'commit' | 'clock'>): Promise<Inventory> {
    const rows = await ports.store.query('SELECT serial, revoked_at FROM pki_certificate WHERE revoked_at IS NOT NULL')
    return new Inventory(ports, new Map(rows.map((row) => [textOf(row, 'serial'), instant(numberOf(row, 'revoked_at'))])))
  }

  /** When a serial was revoked, if it was. One `Map` lookup. */
  revokedAt(serial: string): Instant | undefined {
    return this.#revoked.get(serial)
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
   * somebody else (then nothing was recorded).
   */
  async reserve(grant: Grant<'certificate.issue'>, planned: readonly Planned[]): Promise<Result<readonly Reserved[]>> {
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
   * Revokes one certificate of a device, or all of them, durably and audited. What was revoked before, or never existed for the
   * device, is not an error: the answer names what changed. `pki/unknown-serial` for a serial that no device certificate has.
   */
  async revoke(
    grant: Grant<'certificate.issue'>,
    which: { readonly serial: string } | { readonly deviceId: DeviceId },
    reason: RevocationReason,
  ): Promise<Result<Revocation>> {
    const at = this.#ports.clock.now()
    const [column, value] = 'serial' in which ? ['serial', which.serial] : ['device', which.deviceId]
    const chosen = `profile = 'device' AND ${column} = ?`
    const [known] = await this.#ports.store.query(`SELECT count(*) AS n FROM pki_certificate WHERE ${chosen}`, value)
    if (column === 'serial' && (known === undefined || numberOf(known, 'n') === 0))
      return refuse('pki/unknown-serial', 'No device certificate has this serial number.', value)
    const what = {
      action: 'certificate.revoke',
      resource: column === 'serial' ? `certificate:${value}` : `device:${value}`,
      detail: { reason },
    }
    const sql = `UPDATE pki_certificate SET revoked_at = ?, reason = ? WHERE ${chosen} AND revoked_at IS NULL`
    await this.#ports.commit(grant, what, [{ sql, args: [at, reason, value] }])
    // Read back rather than counted before: a certificate recorded in between was revoked with the rest.
    const rows = await this.#ports.store.query(`SELECT * FROM pki_certificate WHERE ${chosen} AND revoked_at IS NOT NULL`, value)
    const fresh = rows.map(recordOf).filter(({ serial }) => !this.#revoked.has(serial))
    for (const { serial, revoked } of fresh) this.#revoked.set(serial, revoked?.at ?? at)
    const device = 'deviceId' in which ? which.deviceId : (fresh[0]?.device ?? null)
    return ok({ serials: fresh.map(({ serial }) => serial), device, reason, at })
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

function auditOf({ proof, device }: Planned): Audited {
  const { serial, profile, notAfter } = proof.template
  return {
    action: 'certificate.issue',
    resource: device === null ? `certificate:${serial}` : `device:${device}`,
    detail: { serial, profile, notAfter },
  }
}

function reservation({ proof, device, issuer, subject }: Planned): readonly Statement[] {
  const { template } = proof
  const key = keySha256(template.publicKey.der)
  return [
    {
      // Changes nothing when the key is another's, and then the whole batch is a conflict.
      sql: `INSERT INTO pki_key (key_sha256, owner) VALUES (?, ?)
            ON CONFLICT (key_sha256) DO UPDATE SET owner = excluded.owner WHERE pki_key.owner = excluded.owner`,
      args: [key, ownerOf(device)],
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
