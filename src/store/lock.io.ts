import { chmodSync, closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, type Result, ok, refuse } from '#base'
import Database from 'libsql'
import { codeOf } from './database.io.ts'

/** Held for the life of a hub; disposing of it, or the death of the process in any form, lets the next one in. */
export type DirectoryLock = Disposable

/**
 * Takes `directory` (which must exist) for this process. Refuses with `store/in-use`, naming the owner's process id, while another
 * process has it. The lock is the operating system's own lock on `hub.lock`, taken through SQLite: it ends with the process however that
 * dies, so there is nothing stale to clean and a reused process id means nothing. `hub.pid` is only told to people.
 * Throws the Fault `store/disk` when the directory cannot be written.
 */
export function lockDirectory(directory: string): Result<DirectoryLock> {
  const file = join(directory, 'hub.lock')
  const pidFile = join(directory, 'hub.pid')
  let database: Database.Database | undefined
  try {
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    database = new Database(file, { timeout: 0 })
    // EXCLUSIVE on a rollback-journal database takes a real fcntl (or LockFileEx) lock that outlives every statement.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
    chmodSync(pidFile, 0o600)
  } catch (error) {
    database?.close()
    if (codeOf(error)?.startsWith('SQLITE_BUSY')) return inUse(directory, pidFile)
    throw new Fault('store/disk', `The data directory ${directory} cannot be locked.`, error)
  }
  const held = database
  let open = true
  return ok({
    [Symbol.dispose]() {
      if (!open) return
      open = false
      rmSync(pidFile, { force: true })
      held.close()
    },
  })
}

function inUse(directory: string, pidFile: string): Result<DirectoryLock> {
  const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : ''
  const owner = /^[0-9]{1,10}$/.test(pid) ? `process ${pid}` : 'another process'
  return refuse(
    'store/in-use',
    `The data directory ${directory} is in use by ${owner}. Stop that hub, or give this one another directory with --data.`,
  )
}
