import { closeSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault, type Secret } from '#base'
import { SqliteFile, syncDirectory, syncFile } from './database.io.ts'

/**
 * Copies the store in `file`, which may be open, to a new file as of one moment, encrypted under the same key. Throws the Faults `store/wrong-key` and `store/disk`.
 * The process waits for it: as long as reading and writing so many bytes takes.
 */
export function copyStore(file: string, key: Secret, to: string): void {
  closeSync(openSync(to, 'wx', 0o600)) // ours first, for its mode; VACUUM INTO accepts an empty file
  using source = SqliteFile.open(file, key)
  source.exec(`VACUUM INTO '${to.replaceAll("'", "''")}'`)
  syncFile(to)
  syncDirectory(dirname(to))
}

/** Whether the store in `file` is whole, by the engine's own check. Throws as {@link copyStore}; `store/disk` when it is damaged. */
export function proveStore(file: string, key: Secret): void {
  using opened = SqliteFile.open(file, key)
  const health = opened.all('PRAGMA integrity_check', [])[0]?.['integrity_check']
  if (health !== 'ok') throw new Fault('store/disk', `The store ${file} is damaged: ${String(health)}.`)
}
