import type { Value } from '#store'

/** SQL text with what fills its `?`, in order. Only {@link sql} makes some, of literals in our sources: no text of a peer gets into `text`. */
export type Sql = { readonly text: string; readonly args: readonly Value[] }

/** A query grew into more SQL than we give the database. */
export class TooMuchSql extends Error {}

// Operators repeat what they compare, so nesting multiplies; SQLite itself would take a million.
const maxTextLength = 100_000
// SQLite takes 32,766.
const maxArgs = 20_000

/** A piece of SQL: what is inserted is SQL too. Throws {@link TooMuchSql}. */
export function sql(literals: TemplateStringsArray, ...inserted: readonly Sql[]): Sql {
  let text = literals[0] ?? ''
  const args: Value[] = []
  for (const [i, one] of inserted.entries()) {
    text += one.text + (literals[i + 1] ?? '')
    if (text.length > maxTextLength || args.length + one.args.length > maxArgs) throw new TooMuchSql('too much SQL')
    for (const arg of one.args) args.push(arg)
  }
  return { text, args }
}

/** A value, bound. */
export function bound(value: Value): Sql {
  return { text: '?', args: [value] }
}

/** NULL: what undefined is in the database. */
export const absent: Sql = sql`NULL`

/** Values, bound, with commas between. */
export function boundList(values: readonly Value[]): Sql {
  return values.length === 0 ? sql`` : { text: `?${',?'.repeat(values.length - 1)}`, args: values }
}

/** Pieces with commas between. */
export function listed(pieces: readonly Sql[]): Sql {
  const [first, ...rest] = pieces
  return first === undefined ? sql`` : rest.reduce((all, one) => sql`${all}, ${one}`, first)
}

/** Conditions joined as a balanced tree: SQLite bounds the depth of an expression, and a chain leans to one side. */
export function balanced(operator: 'AND' | 'OR', conditions: readonly Sql[]): Sql {
  const [only] = conditions
  if (only === undefined) return operator === 'AND' ? sql`1` : sql`0`
  if (conditions.length === 1) return only
  const half = conditions.length >> 1
  const left = balanced(operator, conditions.slice(0, half))
  const right = balanced(operator, conditions.slice(half))
  return operator === 'AND' ? sql`(${left} AND ${right})` : sql`(${left} OR ${right})`
}
