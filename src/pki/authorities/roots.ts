import { type Result, refuse, ok } from '#base'
import type { Migration, Statement } from '#store'
import { type Certificate, parseCertificate } from '#wire/x509'
import { type Foundry, type Kept, keptOf } from '../authority.ts'
import { bytesOf } from '../row.ts'

/**
 * Where a root stands. `drafted`: made, and nobody knows of it. `published`: clients are told to trust it, and nothing rests on it yet. `active`: new
 * authorities are signed by it. `leaving`: what it signed stays good until it is retired. `retired` and `withdrawn` (never became active): trusted no more.
 */
export const rootStates = ['drafted', 'published', 'active', 'leaving', 'retired', 'withdrawn'] as const

/** One of the {@link rootStates}. */
export type RootState = (typeof rootStates)[number]

/** A root of ours, and where its key is. */
export type Root = Kept & { readonly state: RootState }

/** Where roots stand. One without a row is active: it was made before there could be another. */
export const rootMigrations: readonly Migration[] = [
  { name: 'pki-roots/001-states', sql: 'CREATE TABLE pki_root_state (serial TEXT PRIMARY KEY, state TEXT NOT NULL);' },
]

/** The row that puts a root somewhere. */
export function rootStateRow(serial: string, state: RootState): Statement {
  return {
    sql: 'INSERT INTO pki_root_state (serial, state) VALUES (?, ?) ON CONFLICT (serial) DO UPDATE SET state = excluded.state',
    args: [serial, state],
    expect: 1,
  }
}

/** Every root that was ever made here. `pki/keyring-damaged` for one that cannot be read. */
export async function readRoots({ ports }: Pick<Foundry, 'ports'>): Promise<Result<readonly Root[]>> {
  const rows = await ports.store.query(
    `SELECT k.*, coalesce(s.state, 'active') AS state
     FROM pki_keyring k LEFT JOIN pki_root_state s ON s.serial = k.serial WHERE k.role = 'root' ORDER BY k.rowid`,
  )
  const roots: Root[] = []
  for (const row of rows) {
    const read = parseCertificate(Buffer.from(bytesOf(row, 'certificate')))
    if (!read.ok)
      return refuse('pki/keyring-damaged', 'A certificate of this hub is damaged in the store. Restore the store from its backup.')
    const state = rootStates.find((one) => one === row['state'])
    if (state === undefined) throw new Error('bug: unknown state of a root')
    roots.push({ ...keptOf(row, 'root', read.value), state })
  }
  return ok(roots)
}

/** Whether clients are to trust a root, and chains of devices may end at it. */
export function isInForce({ state }: Root): boolean {
  return state === 'published' || state === 'active' || state === 'leaving'
}

/** Whether `certificate` was signed in the name of `root`. Names of our roots are random: no two are alike. */
export function isUnder(certificate: Certificate, root: Certificate): boolean {
  return certificate.issuer.der.equals(root.subject.der)
}

/** Whether a root's own path length leaves room for the next root below it: those made before there were campaigns do not. */
export function canBridge(root: Certificate): boolean {
  const length = root.extensions.basicConstraints?.pathLength
  return length === undefined || length >= 2
}
