import { type Clock, Fault } from '#base'
import type { Row, Store } from '#store'
import type { QuerySource } from './query-source.ts'
import { type Sql, TooMuchSql, bound, boundList, listed, sql } from './query-sql.ts'

/*
 * Theory of operation.
 * The store answers in the thread that serves devices, so no statement may look at more rows than a moment allows. A scan goes over windows of
 * keys, in their order, and gives the loop its turn between two. It is bounded in time as well: who asked goes on from where it ended.
 */

/** Rows that one statement may look at. */
const windowRows = 2_000

/** What is looked for: rows of a source after some keys that meet a condition, `among` the values of the first key if they are known. */
export type Scan = {
  readonly source: QuerySource
  readonly where: Sql | undefined
  readonly among: readonly string[] | undefined
}

/** A window: keys after `after`, up to and with `to`; undefined ends. */
export type Window = { readonly after: readonly string[]; readonly to: readonly string[] | undefined }

/** The windows of a scan, from behind `after` ([]: from the start). Ends early when `deadline` (monotonic) has passed; then the last has a `to`. */
export async function* windowsOf(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  scan: Scan,
  after: readonly string[],
  deadline: number,
): AsyncGenerator<Window> {
  for (let from = after; ;) {
    const { keysFrom, keys } = scan.source
    const columns = keys.map((key, i) => (i === 0 ? sql`${key} AS k0` : sql`${key} AS k1`))
    const last = sql`SELECT ${listed(columns)} FROM ${keysFrom} WHERE ${within(scan, { after: from, to: undefined })}
      ORDER BY ${listed(keys)} LIMIT 1 OFFSET ${bound(windowRows - 1)}`
    const [row] = await queryRows(store, last)
    const to = row === undefined ? undefined : keysOf(row, keys.length)
    yield { after: from, to }
    if (to === undefined || clock.monotonic() >= deadline) return
    from = to
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The keys of a row that selects them as `k0`, `k1`. */
export function keysOf(row: Row, count: number): readonly string[] {
  return [row['k0'], row['k1']].slice(0, count).map(String)
}

/** The keys of a source as a row of them. */
export function keyColumns({ keys }: QuerySource): Sql {
  return listed(keys.map((key, i) => (i === 0 ? sql`${key} AS k0` : sql`${key} AS k1`)))
}

/** That a row is in a window, and is one of those asked for by key. */
export function within({ source: { keys }, among }: Scan, { after, to }: Window): Sql {
  const row = sql`(${listed(keys)})`
  const begins = after.length === 0 ? sql`1` : sql`${row} > (${boundList(after)})`
  const ends = to === undefined ? sql`1` : sql`${row} <= (${boundList(to)})`
  const [first] = keys
  const chosen = among === undefined || first === undefined ? sql`1` : sql`${first} IN (${boundList(among)})`
  return sql`${begins} AND ${ends} AND ${chosen}`
}

/** Runs a statement that was made of a query. Throws {@link TooMuchSql} where SQLite itself finds it too deep: its parser has a stack of a hundred. */
export async function queryRows(store: Store, { text, args }: Sql): Promise<readonly Row[]> {
  try {
    return await store.query(text, ...args)
  } catch (error) {
    const isTooDeep = error instanceof Error && !(error instanceof Fault) && /parser stack overflow|too large|too many/.test(error.message)
    throw isTooDeep ? new TooMuchSql(error.message) : error
  }
}
