import { type Result, never, ok, refuse } from '#base'
import type { Row, Value } from '#store'
import type { Json } from '#wire/json'
import { type Query, type Selected, samePath } from '#wire/query'
import type { QuerySource } from './query-source.ts'
import { type Sql, listed, sql } from './query-sql.ts'
import { classOf, numberIn, scalarOf, textIn, valueOfField } from './query-value.ts'

/*
 * Theory of operation.
 * Each window of a scan gives partial results that can be added up: counts, sums, extremes. A group is told from another by class and value of what it is
 * grouped by. SUM and AVG are over numbers; MIN and MAX over numbers, or where there is none, over texts [R].
 */

/** Groups that one query may make. */
const maxGroups = 10_000

type Partial = {
  count: number
  numbers: number
  total: number
  least: number | null
  most: number | null
  first: string | null
  last: string | null
}

/** The partial results of a query with functions or GROUP BY, added up over windows. */
export class Groups {
  readonly #query: Query
  readonly #items: readonly Selected[]
  readonly #groups = new Map<string, { readonly values: readonly (Json | undefined)[]; readonly partials: readonly Partial[] }>()

  constructor(query: Query) {
    this.#query = query
    this.#items = query.select === '*' ? [] : query.select
    if (query.groupBy.length === 0) this.#groups.set('[]', { values: [], partials: this.#items.map(emptyPartial) })
  }

  /** What is selected of a window: `g0c`, `g0v` for class and value of the first GROUP BY attribute; `n`; `a0...` for what the first function takes. */
  select(source: QuerySource): Sql {
    const columns: Sql[] = [sql`count(*) AS n`]
    for (const [i, path] of this.#query.groupBy.entries()) {
      const value = valueOfField(source.field(path.steps))
      const [kind, scalar] = [classOf(value), scalarOf(value)]
      columns.push(named(kind, 'g', i, 'c'), named(scalar, 'g', i, 'v'))
    }
    for (const [i, item] of this.#items.entries()) {
      if (item.kind !== 'aggregate' || item.path === undefined) continue
      const value = valueOfField(source.field(item.path.steps))
      const [number, text] = [numberIn(value), textIn(value)]
      columns.push(named(sql`count(${number})`, 'a', i, 'n'), named(sql`total(${number})`, 'a', i, 't'))
      columns.push(named(sql`min(${number})`, 'a', i, 'l'), named(sql`max(${number})`, 'a', i, 'm'))
      columns.push(named(sql`min(${text})`, 'a', i, 'f'), named(sql`max(${text})`, 'a', i, 'e'))
    }
    return listed(columns)
  }

  /** The GROUP BY of a window: by the columns that {@link select} names. */
  get clause(): Sql {
    const columns = this.#query.groupBy.flatMap((_, i) => [
      { text: `g${i}c`, args: [] },
      { text: `g${i}v`, args: [] },
    ])
    return columns.length === 0 ? sql`` : sql`GROUP BY ${listed(columns)}`
  }

  /** Adds the rows of a window. Refuses `hub/query-too-costly` when there are too many groups. */
  add(rows: readonly Row[]): Result<void> {
    for (const row of rows) {
      const pairs = this.#query.groupBy.map((_, i) => [row[`g${i}c`] ?? null, row[`g${i}v`] ?? null] as const)
      const key = JSON.stringify(pairs)
      let group = this.#groups.get(key)
      if (group === undefined) {
        if (this.#groups.size >= maxGroups) return refuse('hub/query-too-costly', `A query makes at most ${maxGroups} groups.`)
        group = { values: pairs.map(([kind, value]) => jsonOf(kind, value)), partials: this.#items.map(emptyPartial) }
        this.#groups.set(key, group)
      }
      for (const [i, partial] of group.partials.entries()) addRow(partial, row, i)
    }
    return ok(undefined)
  }

  /** One object for each group, in an order that is the same every time. */
  rows(): readonly Json[] {
    const keys = [...this.#groups.keys()].toSorted()
    return keys.map((key) => {
      const group = this.#groups.get(key)
      const entries = this.#items.map((item, i) => [item.name, this.#value(item, group?.partials[i], group?.values ?? [])] as const)
      return Object.fromEntries(entries.filter((entry): entry is readonly [string, Json] => entry[1] !== undefined))
    })
  }

  #value(item: Selected, partial: Partial | undefined, values: readonly (Json | undefined)[]): Json | undefined {
    if (item.kind === 'attribute') return values[this.#query.groupBy.findIndex((path) => samePath(path, item.path))]
    if (partial === undefined) return undefined
    switch (item.aggregate) {
      case 'COUNT':
        return partial.count
      case 'SUM':
        return partial.total
      case 'AVG':
        return partial.numbers === 0 ? undefined : partial.total / partial.numbers
      case 'MIN':
        return partial.least ?? partial.first ?? undefined
      case 'MAX':
        return partial.most ?? partial.last ?? undefined
      default:
        return never(item.aggregate)
    }
  }
}

function emptyPartial(): Partial {
  return { count: 0, numbers: 0, total: 0, least: null, most: null, first: null, last: null }
}

function addRow(partial: Partial, row: Row, i: number): void {
  const cell = (name: string): Value => row[`a${i}${name}`] ?? null
  const number = (value: Value) => (typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : null)
  const text = (value: Value) => (typeof value === 'string' ? value : null)
  partial.count += number(row['n'] ?? 0) ?? 0
  partial.numbers += number(cell('n')) ?? 0
  partial.total += number(cell('t')) ?? 0
  partial.least = extreme(partial.least, number(cell('l')), (a, b) => a < b)
  partial.most = extreme(partial.most, number(cell('m')), (a, b) => a > b)
  partial.first = extreme(partial.first, text(cell('f')), (a, b) => a < b)
  partial.last = extreme(partial.last, text(cell('e')), (a, b) => a > b)
}

function extreme<T>(known: T | null, found: T | null, isBetter: (a: T, b: T) => boolean): T | null {
  if (found === null) return known
  return known === null || isBetter(found, known) ? found : known
}

/** A value of a group by its class; what is not there has none. */
function jsonOf(kind: Value, value: Value): Json | undefined {
  if (kind === null) return undefined
  if (kind === 'b') return value === 1
  if (kind === 'o' && typeof value === 'string') {
    const json: Json = JSON.parse(value)
    return json
  }
  return typeof value === 'string' || typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : null
}

/** A column called by a letter, a place and a letter: the text is ours and the number counted. */
function named(column: Sql, letter: string, place: number, part: string): Sql {
  return { text: `${column.text} AS ${letter}${place}${part}`, args: column.args }
}
