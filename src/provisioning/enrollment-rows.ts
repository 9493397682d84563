import { type Instant, type Result, Secret, instant } from '#base'
import type { Migration, Row, Statement } from '#store'
import { parseJson } from '#wire/json'
import type { Enrollment, EnrollmentKeys, EnrollmentSpec } from './enrollment.ts'
import { enrollmentJson, parseEnrollment } from './enrollment-json.ts'
import type { IdKey } from './registration-id.ts'

/** Longest text of an enrollment that we can have written. */
const maxBodyBytes = 512 * 1024

/**
 * Enrollments and registration records. `id` is in lower case; bodies are JSON without keys; keys are sealed. Of a record, `chain` and `tpm_key` are what the
 * device alone is given.
 */
export const enrollmentMigrations: readonly Migration[] = [
  {
    name: 'provisioning/001-enrollments',
    sql: `
      CREATE TABLE enrollments (
        kind TEXT NOT NULL CHECK (kind IN ('individual', 'group')),
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        sealed_keys BLOB,
        etag TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (kind, id)
      ) WITHOUT ROWID;
      CREATE TABLE provisioning (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    `,
  },
]

/** Reads an enrollment back from its row. Throws on a row that this room cannot have written. */
export function enrollmentOf(row: Row): Enrollment {
  const body = parseJson(textOf(row, 'body'), maxBodyBytes)
  const read = body.ok ? parseEnrollment(kindOf(row), body.value) : body
  if (!read.ok) throw new Error(`bug: a kept enrollment cannot be read: ${read.error.message}`)
  return Object.freeze({
    ...read.value.spec,
    etag: textOf(row, 'etag'),
    createdAt: timeOf(row, 'created_at'),
    updatedAt: timeOf(row, 'updated_at'),
  })
}

/** Writes a new enrollment; a conflict when there is one of its name. */
export function enrollmentInsertion(enrollment: Enrollment, sealed: Buffer | null): Statement {
  return {
    sql: 'INSERT INTO enrollments (kind, id, body, sealed_keys, etag, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    args: [enrollment.kind, enrollment.key, bodyOf(enrollment), sealed, enrollment.etag, enrollment.createdAt, enrollment.updatedAt],
    expect: 1,
  }
}

/** Writes a changed enrollment over the one with the etag `before`. */
export function enrollmentReplacement(enrollment: Enrollment, sealed: Buffer | null, before: string): Statement {
  return {
    sql: 'UPDATE enrollments SET body = ?, sealed_keys = ?, etag = ?, updated_at = ? WHERE kind = ? AND id = ? AND etag = ?',
    args: [bodyOf(enrollment), sealed, enrollment.etag, enrollment.updatedAt, enrollment.kind, enrollment.key, before],
    expect: 1,
  }
}

/** Deletes the enrollment with this etag. */
export function enrollmentDeletion({ kind, key, etag }: Enrollment): Statement {
  return { sql: 'DELETE FROM enrollments WHERE kind = ? AND id = ? AND etag = ?', args: [kind, key, etag], expect: 1 }
}

/** The vault's seal, as far as keys need it. */
export type KeySeal = {
  readonly seal: (purpose: string, plaintext: Uint8Array) => Buffer
  readonly unseal: (purpose: string, sealed: Buffer) => Result<Secret>
}

/** Seals both keys of an enrollment, for it alone. */
export function sealEnrollmentKeys({ seal }: KeySeal, of: Pick<EnrollmentSpec, 'kind' | 'key'>, keys: EnrollmentKeys): Buffer {
  return keys.primary.use((primary) =>
    keys.secondary.use((secondary) => {
      const plain = Buffer.concat([Buffer.from([primary.length]), primary, secondary])
      const sealed = seal(purposeOf(of.kind, of.key), plain)
      plain.fill(0)
      return sealed
    }),
  )
}

/** Opens the keys of a row; undefined where there are none, or they do not open: then nobody proves himself by them. */
export function openEnrollmentKeys({ unseal }: KeySeal, row: Row, key: IdKey): EnrollmentKeys | undefined {
  const sealed = row['sealed_keys']
  if (!(sealed instanceof Uint8Array)) return undefined
  const opened = unseal(purposeOf(kindOf(row), key), Buffer.from(sealed))
  if (!opened.ok) return undefined
  using both = opened.value
  return both.use((bytes) => {
    const end = 1 + (bytes[0] ?? 0)
    if (end >= bytes.length) return undefined
    return { primary: new Secret(Buffer.from(bytes.subarray(1, end))), secondary: new Secret(Buffer.from(bytes.subarray(end))) }
  })
}

/** The text of a column. Throws, as all of these do, on a row that this room cannot have written. */
export function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`bug: column ${column} of provisioning is not text`)
  return value
}

/** The text of a column that may be NULL. */
export function optionalTextOf(row: Row, column: string): string | undefined {
  return row[column] === null || row[column] === undefined ? undefined : textOf(row, column)
}

/** The time of a column. */
export function timeOf(row: Row, column: string): Instant {
  const value = row[column]
  if (typeof value !== 'number') throw new Error(`bug: column ${column} of provisioning is not a time`)
  return instant(value)
}

function bodyOf(enrollment: Enrollment): string {
  return JSON.stringify(enrollmentJson(enrollment, { for: 'keeping' }))
}

function kindOf(row: Row): EnrollmentSpec['kind'] {
  return textOf(row, 'kind') === 'group' ? 'group' : 'individual'
}

function purposeOf(kind: string, key: IdKey): string {
  return `provisioning/keys ${kind} ${key}`
}
