import { type Grant, type Instant, type Result, ok, refuse } from '#base'
import { type Certificate, keyIdentifier, parseCertificate } from '#wire/x509'
import { type Foundry, fingerprintOf, makeIssuer } from '../authority.ts'
import { bytesOf, numberOf, textOf } from '../row.ts'
import { newestImported } from './imported.ts'
import type { IssuerRole } from './imported-path.ts'
import { readRoots } from './roots.ts'

/*
 * Theory of operation. An issuer is followed when it nears its end, or when an operator says so; the one before it signs nothing more and still vouches for what it
 * signed. To retire it is to revoke it, once nothing living rests on it: its chains are refused from then on, also those that a client presents whole.
 */

/** An issuer made in place of another, which stays good for what it signed. */
export type NewIssuer = {
  readonly role: IssuerRole
  readonly serial: string
  readonly subject: string
  readonly fingerprintSha256: string
  readonly notAfter: Instant
}

/** How many certificates that are valid at `now` were signed by the issuer with this key (identifier, lower-case hex). */
export async function livingUnder({ ports }: Pick<Foundry, 'ports'>, keyId: string, now: Instant): Promise<number> {
  const [row] = await ports.store.query(
    `SELECT count(*) AS n FROM pki_certificate
     WHERE issuer = ? AND fingerprint IS NOT NULL AND revoked_at IS NULL AND not_after >= ? AND profile <> 'ocsp-responder'`,
    keyId,
    now,
  )
  return row === undefined ? 0 : numberOf(row, 'n')
}

/**
 * Makes a new issuer under the active root before the one of now is due. Refuses `pki/issuer-imported` where others sign our issuers, `pki/root-offline` when the
 * root's key is kept elsewhere, `pki/key-unavailable` while its token is away.
 */
export async function succeedIssuer(foundry: Foundry, grant: Grant<'pki.administer'>, role: IssuerRole): Promise<Result<NewIssuer>> {
  const imported = await newestImported(foundry, role)
  if (!imported.ok) return imported
  if (imported.value !== undefined)
    return refuse('pki/issuer-imported', 'The issuer of now was signed elsewhere. Ask there for the next: thingwall pki issuer request.')
  const roots = await readRoots(foundry)
  if (!roots.ok) return roots
  const root = roots.value.findLast(({ state }) => state === 'active')
  if (root === undefined) throw new Error('bug: no root is active')
  const made = await makeIssuer(foundry, root, role)
  if (!made.ok) return made
  const [row] = await foundry.ports.store.query('SELECT certificate FROM pki_keyring WHERE role = ? ORDER BY rowid DESC LIMIT 1', role)
  const read = row === undefined ? undefined : parseCertificate(bytesOf(row, 'certificate'))
  if (read?.ok !== true) throw new Error('bug: the issuer was made but is not there')
  const { serial, subject, der, notAfter } = read.value
  await foundry.ports.commit(grant, { action: 'pki.issuer-rotate', resource: `issuer:${serial}`, detail: { role } }, [])
  return ok({ role, serial, subject: subject.text, fingerprintSha256: fingerprintOf(der), notAfter })
}

/**
 * The key identifier of an issuer of ours that may be retired. Refuses `pki/unknown-serial`, `pki/issuer-active` for one that signs now, `pki/issuer-retired`, and
 * `pki/issuer-in-use` while it vouches for living certificates, unless `despite` names their very number.
 */
export async function retirable(
  { ports, inventory }: Foundry,
  serial: string,
  signing: readonly string[],
  despite: number,
): Promise<Result<{ readonly keyId: string; readonly living: number }>> {
  const [row] = await ports.store.query(
    "SELECT certificate FROM pki_keyring WHERE serial = ? AND role IN ('device-issuer', 'server-issuer')",
    serial,
  )
  if (row === undefined) return refuse('pki/unknown-serial', 'No issuer of this hub has this serial number.', serial)
  if (signing.includes(serial))
    return refuse('pki/issuer-active', 'This issuer signs now. Make another one first: thingwall pki issuer rotate.')
  if (inventory.revokedAt(serial) !== undefined) return refuse('pki/issuer-retired', 'This issuer was retired or revoked before.')
  const certificate = readOwn(bytesOf(row, 'certificate'))
  const keyId = keyIdentifier(certificate.publicKey).toString('hex')
  const living = await livingUnder({ ports }, keyId, ports.clock.now())
  if (living !== despite)
    return refuse(
      'pki/issuer-in-use',
      `This issuer vouches for ${living} certificates that are valid. Wait until they are renewed (thingwall pki ls --due), or say --despite ${living}.`,
    )
  return ok({ keyId, living })
}

/** The serial numbers and key identifiers of all issuers, with how many living certificates rest on each. */
export async function livingByIssuer({ ports }: Pick<Foundry, 'ports'>): Promise<ReadonlyMap<string, number>> {
  const rows = await ports.store.query(
    `SELECT issuer, count(*) AS n FROM pki_certificate
     WHERE fingerprint IS NOT NULL AND revoked_at IS NULL AND not_after >= ? AND profile <> 'ocsp-responder' GROUP BY issuer`,
    ports.clock.now(),
  )
  return new Map(rows.map((row) => [textOf(row, 'issuer'), numberOf(row, 'n')]))
}

function readOwn(der: Buffer): Certificate {
  const read = parseCertificate(der)
  if (!read.ok) throw new Error('bug: an issuer of ours cannot be read')
  return read.value
}
