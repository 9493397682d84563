import { type Instant, instant } from '#base'
import type { Migration, Row } from '#store'
import { type Certificate, parseCertificate } from '#wire/x509'
import { optionalTextOf, textOf, timeOf } from '../enrollment-rows.ts'

/** `open`: no station has it yet. `exported`: one has. `revoked`: nothing that it made registers any more. */
export const lotStates = ['open', 'exported', 'revoked'] as const

/** One of the {@link lotStates}. */
export type LotState = (typeof lotStates)[number]

/** What somebody wants of a lot. */
export type LotSpec = {
  readonly lot: string
  /** Name of an enrollment group. */
  readonly group: string
  /** How devices are named: `pump-{serial}`. */
  readonly pattern: string
  readonly count: number
  /** Until when devices may be made, and from then on, how long they may still register; milliseconds. */
  readonly expiresMs: number
  readonly shelfMs: number
  /** A device registers only once the station's ledger has come in. */
  readonly strict: boolean
}

/** A lot of devices that a factory may make. */
export type Lot = Omit<LotSpec, 'expiresMs' | 'shelfMs'> & {
  readonly createdAt: Instant
  readonly makeUntil: Instant
  readonly registerUntil: Instant
  readonly state: LotState
  /** Its own issuer, from when it was exported. */
  readonly issuer: Certificate | undefined
  /** SHA-256 of what the station was told: where its ledger begins. */
  readonly digest: string | undefined
}

/** How far a lot is. */
export type LotProgress = {
  /** Devices that are known, by a ledger or because they registered. */
  readonly known: number
  /** Of those, in a ledger that came in; and registered at least once. */
  readonly reported: number
  readonly registered: number
}

/** Lots, and the serial numbers that each may use. A claim belongs to the first certificate that is seen with it. */
export const lotMigrations: readonly Migration[] = [
  {
    name: 'factory/001-lots',
    sql: `
      CREATE TABLE factory_lots (
        lot TEXT PRIMARY KEY,
        group_id TEXT NOT NULL,
        pattern TEXT NOT NULL,
        device_count INTEGER NOT NULL,
        strict INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        make_until INTEGER NOT NULL,
        register_until INTEGER NOT NULL,
        state TEXT NOT NULL,
        issuer BLOB,
        digest TEXT
      ) WITHOUT ROWID;
      CREATE TABLE factory_claims (
        serial TEXT PRIMARY KEY,
        lot TEXT NOT NULL,
        fingerprint TEXT,
        registration TEXT UNIQUE,
        reported_at INTEGER,
        registered_at INTEGER
      ) WITHOUT ROWID;
      CREATE INDEX factory_claims_by_lot ON factory_claims (lot);
    `,
  },
]

/** Reads a lot from its row. Throws on a row that this room cannot have written. */
export function lotOf(row: Row): Lot {
  const issuer = row['issuer']
  const read = issuer instanceof Uint8Array ? parseCertificate(Buffer.from(issuer)) : undefined
  const state = lotStates.find((one) => one === row['state'])
  if (read?.ok === false || state === undefined) throw new Error('bug: a lot cannot be read')
  return {
    lot: textOf(row, 'lot'),
    group: textOf(row, 'group_id'),
    pattern: textOf(row, 'pattern'),
    count: Number(row['device_count']),
    strict: row['strict'] === 1,
    createdAt: instant(timeOf(row, 'created_at')),
    makeUntil: instant(timeOf(row, 'make_until')),
    registerUntil: instant(timeOf(row, 'register_until')),
    state,
    issuer: read?.value,
    digest: optionalTextOf(row, 'digest'),
  }
}
