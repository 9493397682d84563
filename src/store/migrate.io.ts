import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, Fault, type Secret } from '#base'
import { SqliteFile, storeFault, syncDirectory, syncFile } from './database.io.ts'
import type { Migration } from './store.ts'

/**
 * Brings the schema of `database` up to `migrations`: each is applied once, in order, in a transaction of its own that also records it.
 * Before anything is applied to a file that already holds a schema, a copy is written beside it (`<file>.before-<name>`) and proven by
 * opening it. Steps are compared room by room. Those that a newer release has applied after ours are left in peace: releases expand before they
 * contract.
 * Throws the Fault `store/migrations-disagree` when the recorded history is not the one we know, `store/backup-failed` when the copy is bad.
 */
export function migrate(database: SqliteFile, config: { file: string; key: Secret; migrations: readonly Migration[] }, clock: Clock): void {
  database.exec(
    'CREATE TABLE IF NOT EXISTS migration (position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, applied INTEGER NOT NULL)',
  )
  const applied = database.all('SELECT name, digest FROM migration ORDER BY position', [])
  const seen = new Map<string, number>()
  for (const row of applied) {
    const room = roomOf(String(row['name']))
    const place = seen.get(room) ?? 0
    seen.set(room, place + 1)
    const ours = config.migrations.filter(({ name }) => roomOf(name) === room)[place]
    if (ours !== undefined && (row['name'] !== ours.name || row['digest'] !== digest(ours)))
      throw new Fault(
        'store/migrations-disagree',
        `The schema of ${config.file} has the step "${String(row['name'])}" where this release has another "${ours.name}". Run the release that wrote this data directory.`,
      )
  }
  const names = new Set(applied.map((row) => row['name']))
  const missing = config.migrations.filter(({ name }) => !names.has(name))
  const first = missing[0]
  if (first === undefined) return
  if (applied.length > 0) backUp(database, config.file, first.name, config.key)
  for (const [index, step] of missing.entries()) apply(database, step, applied.length + index, clock)
}

function apply(database: SqliteFile, step: Migration, position: number, clock: Clock): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec(step.sql)
    database.run('INSERT INTO migration (position, name, digest, applied) VALUES (?, ?, ?, ?)', [
      position,
      step.name,
      digest(step),
      clock.now(),
    ])
    database.exec('COMMIT')
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw storeFault(error, `The schema step "${step.name}" could not be applied.`)
  }
}

function backUp(database: SqliteFile, file: string, before: string, key: Secret): void {
  const copy = `${file}.before-${before.replaceAll(/[^A-Za-z0-9.-]/g, '_')}`
  try {
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(copy + suffix)) rmSync(copy + suffix)
    closeSync(openSync(copy, 'wx', 0o600)) // ours first, for its mode; VACUUM INTO accepts an empty file
    database.exec(`VACUUM INTO '${copy.replaceAll("'", "''")}'`)
    syncFile(copy)
    syncDirectory(dirname(copy))
    using opened = SqliteFile.open(copy, key)
    const health = opened.all('PRAGMA integrity_check', [])[0]?.['integrity_check']
    if (health !== 'ok') throw new Error(`integrity check says: ${String(health)}`)
    const count = 'SELECT count(*) AS n FROM migration'
    if (opened.all(count, [])[0]?.['n'] !== database.all(count, [])[0]?.['n']) throw new Error('the copy misses rows')
  } catch (error) {
    throw new Fault(
      'store/backup-failed',
      `The copy ${copy} that must precede a change of the schema is not good; nothing was changed.`,
      error,
    )
  }
}

/** Each room has a history of its own, so that it can go on without asking where the others stand: `hub/003-modules` is one of `hub`. */
function roomOf(name: string): string {
  return name.split('/', 1)[0] ?? name
}

function digest(step: Migration): string {
  return createHash('sha256').update(step.sql).digest('hex')
}
