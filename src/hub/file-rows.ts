import { type Instant, instant } from '#base'
import type { Migration, Row, Statement, Store } from '#store'
import type { StoredFile } from './file.ts'

/** The tables of uploads and of the files that this hub keeps. `address` names the bytes on disk; several files may share one. */
export const hubFileMigrations: readonly Migration[] = [
  {
    name: 'hub-file/001-files',
    sql: `
      CREATE TABLE file_uploads (
        correlation_id TEXT PRIMARY KEY,
        device_id TEXT NOT NULL,
        blob_name TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX file_uploads_by_device ON file_uploads (device_id);
      CREATE TABLE files (
        name TEXT PRIMARY KEY,
        device_id TEXT NOT NULL,
        address TEXT NOT NULL,
        digest TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        content_type TEXT NOT NULL,
        modified_at INTEGER NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX files_by_device ON files (device_id, name);
      CREATE INDEX files_by_address ON files (address);
    `,
  },
]

/** An upload that has begun. */
export type UploadRow = {
  readonly correlationId: string
  readonly device: string
  readonly blobName: string
  readonly startedAt: Instant
  readonly expiresAt: Instant
}

/** A file with where its bytes are. */
export type FileRow = StoredFile & { readonly address: string }

/** Uploads that were open when the hub last stopped. */
export async function readUploads(store: Store): Promise<readonly UploadRow[]> {
  return (await store.query('SELECT * FROM file_uploads')).map((row) => ({
    correlationId: textOf(row, 'correlation_id'),
    device: textOf(row, 'device_id'),
    blobName: textOf(row, 'blob_name'),
    startedAt: instant(numberOf(row, 'started_at')),
    expiresAt: instant(numberOf(row, 'expires_at')),
  }))
}

/** Opens an upload. */
export function uploadInsertion({ correlationId, device, blobName, startedAt, expiresAt }: UploadRow): Statement {
  return {
    sql: 'INSERT INTO file_uploads (correlation_id, device_id, blob_name, started_at, expires_at) VALUES (?, ?, ?, ?, ?)',
    args: [correlationId, device, blobName, startedAt, expiresAt],
  }
}

/** Ends an upload; a conflict when it has ended already. */
export function uploadDeletion(correlationId: string): Statement {
  return { sql: 'DELETE FROM file_uploads WHERE correlation_id = ?', args: [correlationId], expect: 1 }
}

/** Ends all uploads of a device that is removed. */
export function uploadClearing(device: string): Statement {
  return { sql: 'DELETE FROM file_uploads WHERE device_id = ?', args: [device] }
}

/** Bytes that each device has stored, every file counted with `least` at least. */
export async function readUsage(store: Store, least: number): Promise<Map<string, number>> {
  const rows = await store.query('SELECT device_id, SUM(MAX(bytes, ?)) AS n FROM files GROUP BY device_id', least)
  return new Map(rows.map((row) => [textOf(row, 'device_id'), numberOf(row, 'n')]))
}

/** A file by its name. */
export async function readFile(store: Store, name: string): Promise<FileRow | undefined> {
  const [row] = await store.query('SELECT * FROM files WHERE name = ?', name)
  return row === undefined ? undefined : fileOf(row)
}

/** Files after a name, in order; of one device, or of all. */
export async function listFiles(store: Store, after: string, device: string | undefined, limit: number): Promise<readonly FileRow[]> {
  const rows =
    device === undefined
      ? await store.query('SELECT * FROM files WHERE name > ? ORDER BY name LIMIT ?', after, limit)
      : await store.query('SELECT * FROM files WHERE device_id = ? AND name > ? ORDER BY name LIMIT ?', device, after, limit)
  return rows.map(fileOf)
}

/** Whether some file's bytes are at this address. */
export async function isReferenced(store: Store, address: string): Promise<boolean> {
  return (await store.query('SELECT 1 AS one FROM files WHERE address = ? LIMIT 1', address)).length > 0
}

/** Puts a file in the place of whatever had its name. */
export function fileReplacement(file: FileRow): Statement {
  const { name, device, address, digest, bytes, contentType, lastModified } = file
  return {
    sql: `INSERT INTO files (name, device_id, address, digest, bytes, content_type, modified_at) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET device_id = excluded.device_id, address = excluded.address, digest = excluded.digest,
      bytes = excluded.bytes, content_type = excluded.content_type, modified_at = excluded.modified_at`,
    args: [name, device, address, digest, bytes, contentType, lastModified],
  }
}

/** Deletes a file; a conflict when there is none. */
export function fileDeletion(name: string): Statement {
  return { sql: 'DELETE FROM files WHERE name = ?', args: [name], expect: 1 }
}

/** What a storage client knows this content by. */
export function etagOf(digest: string): string {
  return `0x${digest.slice(0, 16).toUpperCase()}`
}

function fileOf(row: Row): FileRow {
  const digest = textOf(row, 'digest')
  return {
    name: textOf(row, 'name'),
    device: textOf(row, 'device_id'),
    address: textOf(row, 'address'),
    digest,
    etag: etagOf(digest),
    bytes: numberOf(row, 'bytes'),
    contentType: textOf(row, 'content_type'),
    lastModified: instant(numberOf(row, 'modified_at')),
  }
}

function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`bug: ${column} of a file is no text`)
  return value
}

function numberOf(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new Error(`bug: ${column} of a file is no number`)
  return value
}
