import type { Row, Store, Value } from '#store'
import { type RotationProgress, type Vault, rewrapValue } from '#vault'
import { type SealedColumn, sealedColumns } from './sealed-columns.ts'

/*
 * Theory of operation. The root key changes in three steps, each of which may be cut off by a crash and begun again:
 *   1. the key file gets a new root key, and the old one sealed under it. From now on everything new is under the new key, everything old opens.
 *   2. every sealed value in the store, and the key of every journal segment, is sealed anew, a row at a time and only if it is still what was read.
 *   3. the old key leaves the key file, at the first start that finds nothing under it. Not before: rooms hold sealed values in memory and may write one back.
 */

/** What sealing anew takes. `rewrapJournal` does the segments. */
export type RotationPorts = {
  readonly store: Pick<Store, 'query' | 'commit'>
  readonly vault: Pick<Vault, 'reseal' | 'rewrapKey' | 'oldKeyIds' | 'endRotation'>
  readonly rewrapJournal: () => Promise<{ readonly done: number; readonly unread: number }>
}

const pageRows = 200

/** Seals everything anew that a root key before this one sealed, and counts what is left. `told` hears of every page. */
export async function resealAll(ports: RotationPorts, told: (resealed: number) => void): Promise<RotationProgress> {
  let resealed = 0
  for (const column of await present(ports.store)) {
    for await (const count of resealColumn(column, ports)) {
      resealed += count
      told(resealed)
    }
  }
  const journal = await ports.rewrapJournal()
  resealed += journal.done
  told(resealed)
  const left = await leftUnder(ports.vault.oldKeyIds, ports.store)
  return { resealed, left: journal.unread === 0 ? left : [...left, { place: 'journal', count: journal.unread }] }
}

/** At a start, before any room has read a sealed value: ends a rotation when nothing is left under old keys. */
export async function endRotationAtStart(ports: RotationPorts, say: (message: string, about: object) => void): Promise<void> {
  if (ports.vault.oldKeyIds.length === 0) return
  const { resealed, left } = await resealAll(ports, () => {})
  if (left.length > 0) return say('the old root key stays: it sealed what could not be sealed anew', { resealed, left })
  const ended = await ports.vault.endRotation()
  if (ended.ok) say('the root key was changed; the old one is gone from the key file', { resealed })
  else say('the old root key stays in the key file', { code: ended.error.code, message: ended.error.message })
}

async function present(store: RotationPorts['store']): Promise<readonly SealedColumn[]> {
  const tables = new Set((await store.query("SELECT name FROM sqlite_schema WHERE type = 'table'")).map((row) => row['name']))
  return sealedColumns.filter(({ table }) => tables.has(table))
}

async function* resealColumn(of: SealedColumn, { store, vault }: RotationPorts): AsyncGenerator<number> {
  const { table, keys, column, also } = of
  const order = keys.join(', ')
  const select = `SELECT ${[...keys, ...also, column].join(', ')} FROM ${table} WHERE ${column} IS NOT NULL`
  const update = `UPDATE ${table} SET ${column} = ? WHERE ${keys.map((key) => `${key} = ?`).join(' AND ')} AND ${column} = ?`
  let after: readonly Value[] | undefined
  for (;;) {
    const rows: readonly Row[] =
      after === undefined
        ? await store.query(`${select} ORDER BY ${order} LIMIT ${pageRows}`)
        : await store.query(`${select} AND (${order}) > (${keys.map(() => '?').join(', ')}) ORDER BY ${order} LIMIT ${pageRows}`, ...after)
    const last = rows.at(-1)
    if (last === undefined) return
    after = keys.map((key) => last[key] ?? null)
    const changes = rows.flatMap((row) => {
      const before = row[column]
      if (!(before instanceof Uint8Array)) return []
      const fresh = resealed(Buffer.from(before), of.purposes(row), vault)
      return fresh === undefined ? [] : [{ sql: update, args: [fresh, ...keys.map((key) => row[key] ?? null), before] }]
    })
    // Whoever changed a row meanwhile sealed it under the new key.
    if (changes.length > 0) await store.commit(changes)
    yield changes.length
  }
}

function resealed(before: Buffer, purposes: readonly string[] | 'wrapped', vault: RotationPorts['vault']): Buffer | undefined {
  if (purposes === 'wrapped') return rewrapValue(before, (wrapped) => vault.rewrapKey(wrapped))
  for (const purpose of purposes) {
    const fresh = vault.reseal(purpose, before)
    if (fresh !== undefined) return fresh
  }
  return undefined
}

/** Every cell of bytes in the store that names one of these keys, whatever table it is in. */
async function leftUnder(keyIds: readonly string[], store: RotationPorts['store']): Promise<RotationProgress['left']> {
  const left: { place: string; count: number }[] = []
  for (const { name: table } of await store.query("SELECT name FROM sqlite_schema WHERE type = 'table'")) {
    for (const { name: column, type } of await store.query('SELECT name, type FROM pragma_table_info(?)', table ?? null)) {
      if (type !== 'BLOB') continue
      left.push(...(await countUnder(keyIds, String(table), String(column), store)))
    }
  }
  return left
}

async function countUnder(
  keyIds: readonly string[],
  table: string,
  column: string,
  store: RotationPorts['store'],
): Promise<RotationProgress['left']> {
  const name = (text: string) => `"${text.replaceAll('"', '""')}"`
  const sql = `SELECT count(*) AS n FROM ${name(table)} WHERE instr(${name(column)}, ?) > ?`
  // The driver takes an only argument of bytes for named ones, and ends the process; so there are two.
  let count = 0
  for (const keyId of keyIds) count += Number((await store.query(sql, Buffer.from(keyId, 'hex'), 0))[0]?.['n'] ?? 0)
  return count === 0 ? [] : [{ place: `${table}.${column}`, count }]
}
