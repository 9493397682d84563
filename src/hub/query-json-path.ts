import { type Sql, bound, sql } from './query-sql.ts'

/** Where a value stands in a document of the database: SQL for its type, as `json_type` says it (NULL: not there), and for itself. */
export type JsonPlace = { readonly type: Sql; readonly value: Sql; readonly elements: Sql }

/**
 * The place of a path in a column that holds JSON. Paths are bound, never text of the statement. A name that SQLite's own path cannot spell
 * exactly (a quote, a backslash, a control character) is looked up among the keys instead.
 */
export function jsonPlace(column: Sql, steps: readonly (string | number)[]): JsonPlace {
  let document = column
  let from = 0
  for (const [i, step] of steps.entries()) {
    if (typeof step === 'number' || isSpelled(step)) continue
    const parent = bound(spell(steps.slice(from, i)))
    const found = sql`FROM json_each(${document}, ${parent}) e WHERE e.key = ${bound(step)}`
    if (i === steps.length - 1)
      return {
        type: sql`(SELECT e.type ${found})`,
        value: sql`(SELECT e.value ${found})`,
        elements: sql`json_each((SELECT e.value ${found} AND e.type = 'array'))`,
      }
    // What is no object or array has nothing below it, and a text would not be read as JSON.
    document = sql`(SELECT e.value ${found} AND e.type IN ('object', 'array'))`
    from = i + 1
  }
  const path = bound(spell(steps.slice(from)))
  return {
    type: sql`json_type(${document}, ${path})`,
    value: sql`json_extract(${document}, ${path})`,
    elements: sql`json_each(${document}, ${path})`,
  }
}

/** A path as SQLite spells it: `$."a b"[0]`. */
function spell(steps: readonly (string | number)[]): string {
  return `$${steps.map((step) => (typeof step === 'number' ? `[${step}]` : `."${step}"`)).join('')}`
}

// Within quotes these three end or change a name; everything else stands for itself.
function isSpelled(name: string): boolean {
  if (name === '' || !name.isWellFormed()) return false
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code < 0x20 || code === 0x22 || code === 0x5c) return false
  }
  return true
}
