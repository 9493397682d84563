import type { Migration, Row, Statement } from '#store'
import type { Instant } from '#base'
import { instantOf, optionalInstantOf, textOf } from './registry-columns.ts'
import { type Import, type ImportLine, type ImportSource, importSources } from './transfer.ts'

/** The tables of imports, and of enrollments that wait for provisioning. After `hubMigrations`. */
export const hubTransferMigrations: readonly Migration[] = [
  {
    // Bodies are sealed by the vault: they have keys in them.
    name: 'hub-transfer/001-imports',
    sql: `
      CREATE TABLE imports (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL UNIQUE,
        status TEXT NOT NULL,
        created_by TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        ended_at INTEGER,
        total INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        done INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0
      );
      CREATE TABLE import_lines (
        import_id TEXT NOT NULL,
        stage INTEGER NOT NULL,
        number INTEGER NOT NULL,
        source TEXT NOT NULL,
        line INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (import_id, stage, number)
      ) WITHOUT ROWID;
      CREATE TABLE imported_enrollments (
        kind TEXT NOT NULL,
        id TEXT NOT NULL COLLATE NOCASE,
        body BLOB NOT NULL,
        imported_at INTEGER NOT NULL,
        PRIMARY KEY (kind, id)
      ) WITHOUT ROWID;
    `,
  },
]

/** An import with what only its row says: its place in the order of creation, and the bytes of its lines. */
export type ImportRow = { readonly of: Import; readonly number: number; readonly bytes: number }

/** Reads an import back from its row. Throws on a row that this room cannot have written. */
export function importRowOf(row: Row): ImportRow {
  const status = (['staged', 'running', 'completed', 'interrupted'] as const).find((one) => one === row['status'])
  if (status === undefined) throw new Error('bug: an import has no status that we know')
  const count = (column: string) => Number(row[column])
  return {
    of: {
      id: textOf(row, 'id'),
      status,
      createdBy: textOf(row, 'created_by'),
      createdTime: instantOf(row, 'created_at'),
      endTime: optionalInstantOf(row, 'ended_at'),
      total: count('total'),
      done: count('done'),
      failed: count('failed'),
    },
    number: count('number'),
    bytes: count('bytes'),
  }
}

/** A new import. */
export function importInsertion({ of, number }: ImportRow): Statement {
  return {
    sql: 'INSERT INTO imports (id, number, status, created_by, created_at) VALUES (?, ?, ?, ?, ?)',
    args: [of.id, number, of.status, of.createdBy, of.createdTime],
  }
}

/** What becomes of an import. */
export function importReplacement({ of, bytes }: ImportRow): Statement {
  return {
    sql: 'UPDATE imports SET status = ?, ended_at = ?, total = ?, bytes = ?, done = ?, failed = ? WHERE id = ?',
    args: [of.status, of.endTime, of.total, bytes, of.done, of.failed, of.id],
  }
}

/** A line as it is kept: unreadable ones too, for the plan names them. */
export type KeptLine = ImportLine & { readonly source: ImportSource; readonly stage: number; readonly number: number }

/** A line that is kept until its import has ended. */
export function lineInsertion(importId: string, { stage, number, source, line }: KeptLine, body: Buffer): Statement {
  return {
    sql: 'INSERT INTO import_lines (import_id, stage, number, source, line, body) VALUES (?, ?, ?, ?, ?, ?)',
    args: [importId, stage, number, source, line, body],
  }
}

/** Reads a line back; `open` unseals its body. */
export function lineOf(row: Row, open: (body: Buffer) => string): KeptLine {
  const source = importSources.find((one) => one === row['source'])
  const body = row['body']
  if (source === undefined || !(body instanceof Uint8Array)) throw new Error('bug: a line of an import is none')
  return {
    source,
    stage: Number(row['stage']),
    number: Number(row['number']),
    line: Number(row['line']),
    text: open(Buffer.from(body)),
  }
}

/** An enrollment in the place of the one of its name. */
export function enrollmentReplacement(kind: string, id: string, body: Buffer, at: Instant): Statement {
  return {
    sql: 'INSERT OR REPLACE INTO imported_enrollments (kind, id, body, imported_at) VALUES (?, ?, ?, ?)',
    args: [kind, id, body, at],
  }
}
