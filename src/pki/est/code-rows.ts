import { type Instant, instant } from '#base'
import type { Migration, Row } from '#store'
import { bytesOf, numberOf, textOf } from '../row.ts'

/** Tables of EST. Of a code there is its digest alone. */
export const estMigrations: readonly Migration[] = [
  {
    name: 'pki-est/001-codes',
    sql: `
      CREATE TABLE pki_enrollment_code (
        id TEXT PRIMARY KEY,
        devices TEXT NOT NULL,
        secret_sha256 BLOB NOT NULL,
        uses INTEGER NOT NULL,
        used INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        expires_at INTEGER NOT NULL
      );
    `,
  },
]

/** What is known of a one-time code; never the code. */
export type CodeRecord = {
  /** 8 characters: the part of the code before its hyphen, which is not secret. */
  readonly id: string
  /** A device id, or the beginning of some and `*`. */
  readonly devices: string
  readonly uses: number
  readonly used: number
  /** How often a wrong secret was tried. */
  readonly failures: number
  readonly createdAt: Instant
  readonly createdBy: string
  readonly expiresAt: Instant
}

/** Reads a row: the record, and the digest of the secret. */
export function codeOfRow(row: Row): { readonly record: CodeRecord; readonly digest: Buffer } {
  const record = {
    id: textOf(row, 'id'),
    devices: textOf(row, 'devices'),
    uses: numberOf(row, 'uses'),
    used: numberOf(row, 'used'),
    failures: numberOf(row, 'failures'),
    createdAt: instant(numberOf(row, 'created_at')),
    createdBy: textOf(row, 'created_by'),
    expiresAt: instant(numberOf(row, 'expires_at')),
  }
  return { record, digest: bytesOf(row, 'secret_sha256') }
}
