import { never } from '#base'
import type { QueryValue } from '#wire/query'
import type { Value } from '#store'
import { jsonPlace } from './query-json-path.ts'
import type { Field } from './query-source.ts'
import { type Sql, absent, bound, sql } from './query-sql.ts'

/*
 * How a value of the language stands in the database. SQLite compares whatever it is given; the language compares only what is of one type. So
 * each value comes with its class: 't' text, 'd' number, 'b' boolean (0 or 1), 'n' null, 'o' object or array, NULL for undefined.
 */

/** A value in SQL. `time` is milliseconds, `etag` the number of a twin's etag; both are text to whoever compares them with text. */
export type SqlValue =
  | { readonly kind: 'constant'; readonly value: QueryValue }
  | { readonly kind: 'text' | 'number' | 'boolean'; readonly sql: Sql; readonly absent: 'undefined' | 'null' }
  | { readonly kind: 'time'; readonly sql: Sql }
  | { readonly kind: 'etag'; readonly sql: Sql }
  | { readonly kind: 'json'; readonly type: Sql; readonly value: Sql; readonly elements: Sql }
  | { readonly kind: 'structure' }

/** What a field of a source is as a value. */
export function valueOfField(field: Field): SqlValue {
  if (field.kind === 'json') return { kind: 'json', ...jsonPlace(field.column, field.steps) }
  return field.kind === 'undefined' ? { kind: 'constant', value: undefined } : field
}

/** A value's class, see above. */
export function classOf(value: SqlValue): Sql {
  switch (value.kind) {
    case 'constant':
      return constantClass(value.value)
    case 'json':
      return sql`CASE ${value.type} WHEN 'text' THEN 't' WHEN 'integer' THEN 'd' WHEN 'real' THEN 'd' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b'
        WHEN 'null' THEN 'n' WHEN 'object' THEN 'o' WHEN 'array' THEN 'o' END`
    case 'structure':
      return sql`'o'`
    case 'time':
    case 'etag':
      return sql`CASE WHEN ${value.sql} IS NOT NULL THEN 't' END`
    case 'text':
    case 'number':
    case 'boolean': {
      const own = ownClass(value.kind)
      return value.absent === 'null'
        ? sql`CASE WHEN ${value.sql} IS NULL THEN 'n' ELSE ${own} END`
        : sql`CASE WHEN ${value.sql} IS NOT NULL THEN ${own} END`
    }
    default:
      return never(value)
  }
}

/** The class of a value that is there. */
export function ownClass(kind: 'text' | 'number' | 'boolean'): Sql {
  if (kind === 'text') return sql`'t'`
  return kind === 'number' ? sql`'d'` : sql`'b'`
}

function constantClass(value: QueryValue): Sql {
  if (value === undefined) return absent
  if (value === null) return sql`'n'`
  if (typeof value === 'string') return sql`'t'`
  if (typeof value === 'number') return sql`'d'`
  return typeof value === 'boolean' ? sql`'b'` : sql`'o'`
}

/** A value as SQLite compares it; only of use beside its class. */
export function scalarOf(value: SqlValue): Sql {
  switch (value.kind) {
    case 'constant':
      return bound(storedValue(value.value))
    case 'json':
      return value.value
    case 'structure':
      return absent
    case 'time':
      return timeText(value.sql)
    case 'etag':
      // Base64 is not made in SQL: an etag equals constants (query-compile.ts), and nothing else.
      return absent
    case 'text':
    case 'number':
    case 'boolean':
      return value.sql
    default:
      return never(value)
  }
}

/** A constant as the store holds it. */
export function storedValue(value: QueryValue): Value {
  if (value === null || value === undefined || typeof value === 'object') return null
  return typeof value === 'boolean' ? Number(value) : value
}

/** A value where it is a number, as a double like those of JavaScript; NULL where it is none. */
export function numberIn(value: SqlValue): Sql {
  if (value.kind === 'constant') return typeof value.value === 'number' ? bound(value.value) : absent
  if (value.kind === 'number') return sql`CAST(${value.sql} AS REAL)`
  if (value.kind === 'json') return sql`CASE WHEN ${value.type} IN ('integer', 'real') THEN CAST(${value.value} AS REAL) END`
  return absent
}

/** A value where it is text; NULL where it is none. */
export function textIn(value: SqlValue): Sql {
  if (value.kind === 'text') return value.sql
  if (value.kind === 'time') return timeText(value.sql)
  return value.kind === 'json' ? sql`CASE WHEN ${value.type} = 'text' THEN ${value.value} END` : absent
}

/** A value where it is a truth: 1, 0 or NULL. */
export function truthIn(value: SqlValue): Sql {
  if (value.kind === 'constant') return typeof value.value === 'boolean' ? bound(Number(value.value)) : absent
  if (value.kind === 'boolean') return value.sql
  return value.kind === 'json' ? sql`CASE ${value.type} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END` : absent
}

/** A time as JSON shows it: ISO 8601 in UTC; never is `0001-01-01T00:00:00Z`. */
function timeText(ms: Sql): Sql {
  return sql`CASE ${ms} WHEN -62135596800000 THEN '0001-01-01T00:00:00Z' ELSE strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch') END`
}
