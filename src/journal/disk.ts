import { Fault } from '#base'

/*
 * The disk as the journal needs it, so that tests can pull the plug. Everything may reject with an Error that carries the operating
 * system's `code`; after a rejected `write` or `sync` of a file nothing about its unsynced part may be believed (the kernel may have dropped
 * the pages and will call the next fsync a success).
 */

/** An open file. Positions and lengths in bytes. */
export interface DiskFile {
  /** Writes all of `buffers`, one after another, from `position` on; resolves once the system has taken every byte. They must stay untouched until then. */
  write(buffers: readonly Buffer[], position: number): Promise<void>
  /** fdatasync: resolves once everything written is on stable storage. */
  sync(): Promise<void>
  /** Bytes from `position` on: `length` of them, fewer at the end of the file. */
  read(position: number, length: number): Promise<Buffer>
  /** Bytes in the file. */
  size(): Promise<number>
  close(): Promise<void>
}

/** A directory tree that one process owns. */
export interface Disk {
  /** Makes `directory` with mode 0700 and its parents, if missing. */
  makeDirectory(directory: string): Promise<void>
  /** Names of the files in `directory`. */
  list(directory: string): Promise<readonly string[]>
  /** Makes a file with mode 0600; rejects when it exists. Its name survives a crash only after {@link Disk.syncDirectory}. */
  create(path: string): Promise<DiskFile>
  /** Opens a file for reading and syncing. */
  open(path: string): Promise<DiskFile>
  unlink(path: string): Promise<void>
  /** Makes the names in `directory` survive a crash. */
  syncDirectory(directory: string): Promise<void>
}

/** The world broke (a Fault, or the system gave a code such as EIO), as opposed to our own bugs. */
export function isWorld(error: unknown): boolean {
  if (error instanceof Fault) return true
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code)
}

/** True when `error` says that no room is left, which ends by itself when somebody makes room. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

/** True when `error` says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
