import { type Clock, type Random, type Result, ok, refuse } from '#base'
import type { Row, Store } from '#store'
import type { Json } from '#wire/json'
import type { Path, Query } from '#wire/query'
import { deviceJobToAzureJson } from './job-json.ts'
import { deviceJobOf } from './job-rows.ts'
import { Groups } from './query-aggregate.ts'
import { Continuations, type Place } from './query-continuation.ts'
import { type QueryPlan, planCondition, planQuery, tooMuchSql } from './query-plan.ts'
import { twinRowToJson } from './query-row.ts'
import { type Scan, keyColumns, keysOf, queryRows, windowsOf, within } from './query-scan.ts'
import { TooMuchSql, bound, sql } from './query-sql.ts'
import type { Queries, QueryPage } from './query.ts'

/** What queries ask of others. Both wait until the rows hold what memory and journal held at the call. */
export type QueryPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly twins: { flushed(): Promise<void> }
  readonly presence: { flushed(): Promise<void> }
}

/** Items of a page when nobody says how many, and at most (azure-wire 5.4). */
const page = { usual: 100, most: 1_000 } as const

/** A page that is not full by then is sent as it is; what adds up whole sources has longer. */
const pageBudgetMs = 1_000
const wholeBudgetMs = 60_000

/** Opens the query language on the store. Its tables come from `hubMigrations`, `hubTwinMigrations`, `hubJobMigrations`, `hubQueueMigrations`. */
export function openQueries(ports: QueryPorts): Queries {
  const continuations = new Continuations(ports)
  const flushed = async () => void (await Promise.all([ports.twins.flushed(), ports.presence.flushed()]))
  return {
    async run({ actor }, request) {
      const plan = planQuery(request.text)
      if (!plan.ok) return plan
      const question = [request.text, actor.kind, actor.id]
      const place = request.continuation === undefined ? ok<Place>({ after: [] }) : continuations.open(request.continuation, question)
      if (!place.ok) return place
      await flushed()
      const limit = Math.min(Math.max(1, Math.trunc(request.maxItems ?? page.usual)), page.most)
      const read = isWhole(plan.value.query) ? groupsPage : rowsPage
      const found = await served(() => read(ports, plan.value, limit, place.value))
      if (!found.ok) return found
      const { items, next } = found.value
      const continuation = next === undefined ? undefined : continuations.seal(next, question)
      return ok({ items, itemType: itemTypeOf(plan.value.query), continuation })
    },
    async matching(from, condition, limit, after) {
      const scan = planCondition(from, condition)
      if (!scan.ok) return scan
      await flushed()
      return await served(() => identitiesPage(ports, scan.value, Math.min(Math.max(1, limit), page.most), after))
    },
    async count(from, condition) {
      const scan = planCondition(from, condition)
      if (!scan.ok) return scan
      await flushed()
      return await served(() => countRows(ports, scan.value))
    },
  }
}

/** What the database itself finds too deep was too much of its asker. */
async function served<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TooMuchSql) return tooMuchSql
    throw error
  }
}

type Found = { readonly items: readonly Json[]; readonly next: Place | undefined }

function isWhole({ select, groupBy }: Query): boolean {
  return groupBy.length > 0 || (select !== '*' && select.some(({ kind }) => kind === 'aggregate'))
}

function itemTypeOf({ from, select }: Query): QueryPage['itemType'] {
  if (from === 'devices.jobs') return 'DeviceJob'
  return select === '*' ? 'Twin' : 'Raw'
}

async function rowsPage(ports: QueryPorts, { query, scan }: QueryPlan, limit: number, place: Place): Promise<Result<Found>> {
  const left = place.left ?? query.top
  const wanted = left === undefined ? limit : Math.min(limit, left)
  const { rows, next } = await readRows(ports, scan, wanted, place.after)
  const toJson = query.from === 'devices.jobs' ? (row: Row) => deviceJobToAzureJson(deviceJobOf(row)) : twinRowToJson
  const items = rows.map((row) => projected(query, toJson(row)))
  const rest = left === undefined ? undefined : left - items.length
  return ok({ items, next: next === undefined || rest === 0 ? undefined : { after: next, left: rest } })
}

/** Up to `limit` rows of a scan after some keys, and the keys to go on from if there may be more. */
async function readRows(
  ports: QueryPorts,
  scan: Scan,
  limit: number,
  after: readonly string[],
): Promise<{ rows: Row[]; next: readonly string[] | undefined }> {
  const { source, where } = scan
  const rows: Row[] = []
  for await (const window of windowsOf(ports, scan, after, ports.clock.monotonic() + pageBudgetMs)) {
    // One more than is wanted tells whether there is a next page.
    const statement = sql`SELECT ${keyColumns(source)}, ${source.columns} FROM ${source.from}
      WHERE ${within(scan, window)} AND ${where ?? sql`1`} ORDER BY k0${source.keys.length > 1 ? sql`, k1` : sql``} LIMIT ${bound(limit - rows.length + 1)}`
    rows.push(...(await queryRows(ports.store, statement)))
    if (rows.length > limit) {
      rows.length = limit
      return { rows, next: keysOf(rows.at(-1) ?? {}, source.keys.length) }
    }
    if (window.to === undefined) return { rows, next: undefined }
    after = window.to
  }
  return { rows, next: after }
}

async function groupsPage(ports: QueryPorts, { query, scan }: QueryPlan, limit: number, place: Place): Promise<Result<Found>> {
  const groups = new Groups(query)
  const { source, where } = scan
  const deadline = ports.clock.monotonic() + wholeBudgetMs
  for await (const window of windowsOf(ports, scan, [], deadline)) {
    const statement = sql`SELECT ${groups.select(source)} FROM ${source.from} WHERE ${within(scan, window)} AND ${where ?? sql`1`} ${groups.clause}`
    const added = groups.add(await queryRows(ports.store, statement))
    if (!added.ok) return added
    if (window.to !== undefined && ports.clock.monotonic() >= deadline) return tooLong
  }
  const rows = groups.rows()
  const from = Number(place.after[0] ?? 0)
  const to = from + limit
  return ok({ items: rows.slice(from, to), next: to < rows.length ? { after: [String(to)] } : undefined })
}

async function countRows(ports: QueryPorts, scan: Scan): Promise<Result<number>> {
  const { source, where } = scan
  const deadline = ports.clock.monotonic() + wholeBudgetMs
  let count = 0
  for await (const window of windowsOf(ports, scan, [], deadline)) {
    const from = where === undefined ? source.keysFrom : source.from
    const statement = sql`SELECT count(*) AS n FROM ${from} WHERE ${within(scan, window)} AND ${where ?? sql`1`}`
    const [row] = await queryRows(ports.store, statement)
    count += Number(row?.['n'] ?? 0)
    if (window.to !== undefined && ports.clock.monotonic() >= deadline) return tooLong
  }
  return ok(count)
}

const tooLong = refuse('hub/query-too-costly', 'This query looks at more than a minute allows.')

type Identities = { readonly identities: readonly string[]; readonly next: string | undefined }

async function identitiesPage(ports: QueryPorts, scan: Scan, limit: number, after: string | undefined): Promise<Result<Identities>> {
  const { source, where } = scan
  const rows: Row[] = []
  const from = after === undefined ? [] : splitIdentity(after, source.keys.length)
  for await (const window of windowsOf(ports, scan, from, Infinity)) {
    const statement = sql`SELECT ${keyColumns(source)} FROM ${source.from}
      WHERE ${within(scan, window)} AND ${where ?? sql`1`} ORDER BY k0${source.keys.length > 1 ? sql`, k1` : sql``} LIMIT ${bound(limit - rows.length + 1)}`
    rows.push(...(await queryRows(ports.store, statement)))
    if (rows.length > limit) break
  }
  const identities = rows.slice(0, limit).map((row) => keysOf(row, source.keys.length).join('/'))
  return ok({ identities, next: rows.length > limit ? identities.at(-1) : undefined })
}

/** A device id has no slash, so the first one ends it. */
function splitIdentity(identity: string, keys: number): readonly string[] {
  const slash = identity.indexOf('/')
  if (keys === 1) return [identity]
  return slash < 0 ? [identity, ''] : [identity.slice(0, slash), identity.slice(slash + 1)]
}

function projected({ select }: Query, row: Json): Json {
  if (select === '*') return row
  const entries = select.map((item) => [item.name, item.kind === 'attribute' ? jsonAt(row, item.path.steps) : undefined] as const)
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, Json] => entry[1] !== undefined))
}

/** The value at a path; undefined where there is none. Own keys only. */
function jsonAt(root: Json, steps: Path['steps']): Json | undefined {
  let value: Json | undefined = root
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined
    if (isArray(value)) value = typeof step === 'number' ? value[step] : undefined
    else value = typeof step === 'string' && Object.hasOwn(value, step) ? value[step] : undefined
  }
  return value
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
