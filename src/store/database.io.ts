import { chmodSync, closeSync, existsSync, fsyncSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault, type Secret } from '#base'
import Database from 'libsql'
import type { Row, Value } from './store.ts'

type Prepared = Database.Statement<Value[]>

/** Statements kept prepared; the least recently used one goes first. */
const maxPrepared = 512

/**
 * One encrypted SQLite file. Guards three things about the driver: it aborts the whole process on an argument type that it does not
 * know, it rounds integers beyond 2^53 unless told otherwise, and it hands out blobs as ArrayBuffer.
 */
export class SqliteFile implements Disposable {
  readonly #database: Database.Database
  readonly #prepared = new Map<string, Prepared>()

  private constructor(database: Database.Database) {
    this.#database = database
  }

  /**
   * Opens `file`, or creates it with mode 0600 (the directory must exist). Throws the Fault `store/wrong-key` when the file is
   * not readable with `key`, `store/disk` when it cannot be opened.
   */
  static open(file: string, key: Secret): SqliteFile {
    // Created by us first: the driver would use 0644, and the -wal and -shm files copy the mode of this one.
    try {
      if (!existsSync(file)) {
        closeSync(openSync(file, 'wx', 0o600))
        syncDirectory(dirname(file))
      } else if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
    } catch (error) {
      throw storeFault(error, `The database ${file} cannot be opened.`)
    }
    const options = { encryptionCipher: 'aes256cbc', encryptionKey: key.use((bytes) => bytes.toString('hex')), timeout: 5_000 }
    let database: Database.Database | undefined
    try {
      database = new Database(file, options)
      database.prepare('SELECT count(*) FROM sqlite_schema').all()
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF')
      return new SqliteFile(database)
    } catch (error) {
      database?.close()
      if (codeOf(error) === 'SQLITE_NOTADB')
        throw new Fault(
          'store/wrong-key',
          `The database ${file} cannot be read with this key. Put back the key store that belongs to this data directory, or restore both from one backup.`,
          error,
        )
      throw storeFault(error, `The database ${file} cannot be opened.`)
    }
  }

  /** Runs SQL text of one or more statements. */
  exec(sql: string): void {
    this.#database.exec(sql)
  }

  /** Rows of one SELECT. */
  all(sql: string, args: readonly Value[]): Row[] {
    assertValues(args)
    return this.#prepare(sql)
      .all(...args)
      .map(readRow)
  }

  /** Runs one statement; returns how many rows it changed. */
  run(sql: string, args: readonly Value[]): number {
    assertValues(args)
    return this.#prepare(sql).run(...args).changes
  }

  /** True while a transaction is open; the engine ends it by itself when the disk fails. */
  get inTransaction(): boolean {
    return this.#database.inTransaction
  }

  /** Closes the file. The driver lets go of it only when the garbage collector has seen every prepared statement, so the log is emptied here. */
  [Symbol.dispose](): void {
    this.#prepared.clear()
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      if (!(storeFault(error, '') instanceof Fault)) throw error // a disk in trouble: the log is replayed at the next start
    }
    this.#database.close()
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql)
    if (prepared !== undefined) {
      this.#prepared.delete(sql)
    } else {
      prepared = this.#database.prepare<Value[]>(sql).safeIntegers(true)
      if (this.#prepared.size >= maxPrepared) for (const oldest of this.#prepared.keys()) if (this.#prepared.delete(oldest)) break
    }
    this.#prepared.set(sql, prepared)
    return prepared
  }
}

/** Puts a file's bytes on stable storage. */
export function syncFile(path: string): void {
  syncHandle(openSync(path, 'r+'))
}

/** Makes the names in a directory survive a power cut. Windows has no such call; NTFS keeps a journal of names. */
export function syncDirectory(directory: string): void {
  if (process.platform !== 'win32') syncHandle(openSync(directory, 'r'))
}

function syncHandle(handle: number): void {
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** The error code of SQLite (`SQLITE_FULL`), of the operating system (`ENOSPC`), or `undefined`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const worldCodes = /^(SQLITE_(FULL|IOERR|NOMEM|BUSY|LOCKED|CORRUPT|NOTADB|CANTOPEN|READONLY|PERM|PROTOCOL)|E[A-Z]+$)/

/** A {@link Fault} for what the world did (disk, memory, locks); any other error is returned as it is, for it is ours. */
export function storeFault(error: unknown, message: string): Error {
  const code = codeOf(error)
  const cannotOpen = error instanceof Error && error.message.startsWith('ConnectionFailed')
  if (cannotOpen || (code !== undefined && worldCodes.test(code)))
    return new Fault('store/disk', `${message} (${code ?? 'cannot open'})`, error)
  return error instanceof Error ? error : new Error('bug: the driver threw something that is no Error', { cause: error })
}

function assertValues(args: readonly unknown[]): void {
  for (const arg of args) {
    if (arg === null || typeof arg === 'string' || typeof arg === 'bigint' || arg instanceof Uint8Array) continue
    if (typeof arg === 'number' && Number.isFinite(arg)) continue
    throw new Error(`bug: ${typeof arg} is not a value that the store can hold`)
  }
}

function readRow(row: unknown): Row {
  if (typeof row !== 'object' || row === null) throw new Error('bug: the driver returned a row that is no object')
  const out: Record<string, Value> = {}
  for (const [column, value] of Object.entries(row)) out[column] = readValue(value)
  return out
}

function readValue(value: unknown): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'bigint') return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  throw new Error(`bug: the driver returned a ${typeof value}`)
}
