import { instant } from '#base'
import type { Store } from '#store'
import { numberOf, reasonOf, textOf } from '../row.ts'
import { RevokedSerials } from './revoked-serials.ts'
import type { DeniedKind } from './selector.ts'

/** Fingerprints, keys and issuers that are refused, lower-case hex. */
export type Denied = Readonly<Record<DeniedKind, Set<string>>>

/** Rows that one query gives: a few milliseconds of the loop. */
const rowsPerPage = 5_000

/** Reads everything that is revoked into memory. */
export async function readRevoked(store: Pick<Store, 'query'>): Promise<readonly [RevokedSerials, Denied]> {
  const revoked = new RevokedSerials()
  let [at, place] = [-1, -1]
  for (;;) {
    const rows = await store.query(
      `SELECT rowid AS place, serial, issuer, not_after, revoked_at, reason FROM pki_certificate
       WHERE revoked_at IS NOT NULL AND (revoked_at, rowid) > (?, ?) ORDER BY revoked_at, rowid LIMIT ?`,
      at,
      place,
      rowsPerPage,
    )
    for (const row of rows) {
      const entry = {
        issuer: textOf(row, 'issuer'),
        at: instant(numberOf(row, 'revoked_at')),
        notAfter: instant(numberOf(row, 'not_after')),
        reason: reasonOf(row),
      }
      revoked.add(textOf(row, 'serial'), entry)
      at = entry.at
      place = numberOf(row, 'place')
    }
    if (rows.length < rowsPerPage) break
    await new Promise<void>((resolve) => void setImmediate(resolve))
  }
  const denied: Denied = { fingerprint: new Set(), key: new Set(), issuer: new Set() }
  for (const row of await store.query('SELECT kind, value FROM revocation_denied')) {
    const kind = textOf(row, 'kind')
    if (kind === 'fingerprint' || kind === 'key' || kind === 'issuer') denied[kind].add(textOf(row, 'value'))
  }
  return [revoked, denied]
}
