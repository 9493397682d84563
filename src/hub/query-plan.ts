import { type Result, ok, refuse } from '#base'
import {
  type Condition,
  type Expression,
  type Query,
  type QueryProblem,
  type Source,
  deviceDialect,
  isList,
  parseCondition,
  parseQuery,
  printProblem,
} from '#wire/query'
import { filterSql } from './query-compile.ts'
import type { Scan } from './query-scan.ts'
import { querySources } from './query-source.ts'
import { TooMuchSql } from './query-sql.ts'

/** A query that can be run. */
export type QueryPlan = { readonly query: Query; readonly scan: Scan }

/** Reads and compiles a query. Refuses `hub/query-malformed`, `hub/query-unsupported`, `hub/query-too-costly`. */
export function planQuery(text: string): Result<QueryPlan> {
  const query = parseQuery(text)
  if (!query.ok) return refuseProblem(query.error)
  const scan = planScan(query.value.from, query.value.where)
  return scan.ok ? ok({ query: query.value, scan: scan.value }) : scan
}

/** Reads and compiles a WHERE body for one kind of identity; one that names the other kind as its source is refused. */
export function planCondition(from: 'devices' | 'modules', text: string): Result<Scan> {
  const condition = readCondition(text)
  if (!condition.ok) return condition
  const source: Source = from === 'devices' ? 'devices' : 'devices.modules'
  if (condition.value.from !== undefined && condition.value.from !== source)
    return refuse('hub/query-unsupported', `This condition is for ${source}, and says FROM ${condition.value.from}.`)
  return planScan(source, condition.value.where)
}

/** Reads a WHERE body. Refusals as {@link planQuery}. */
export function readCondition(text: string): Result<Condition> {
  const condition = parseCondition(text, deviceDialect)
  return condition.ok ? condition : refuseProblem(condition.error)
}

/** The refusal of a condition that is more than the database takes. */
export const tooMuchSql = refuse('hub/query-too-costly', 'This condition is too much work. Make it simpler.')

function planScan(from: Source, where: Expression | undefined): Result<Scan> {
  const source = querySources[from]
  try {
    return ok({
      source,
      where: where === undefined ? undefined : filterSql(where, source),
      among: where === undefined ? undefined : keysAsked(where, source.keyAttribute),
    })
  } catch (error) {
    if (!(error instanceof TooMuchSql)) throw error
    return tooMuchSql
  }
}

/** The values that the first key must have for a condition to be true, where it says so: `deviceId = 'a' AND ...`. */
function keysAsked(where: Expression, attribute: string): readonly string[] | undefined {
  const parts = where.kind === 'and' ? where.operands : [where]
  for (const part of parts) {
    if (part.kind === 'compare' && part.operator === '=' && isKey(part.left, attribute)) {
      if (part.right.kind === 'constant' && typeof part.right.value === 'string') return [part.right.value]
    }
    if (part.kind === 'in' && !part.negated && isKey(part.item, attribute) && part.list.kind === 'constant' && isList(part.list.value))
      return part.list.value.filter((one) => typeof one === 'string')
  }
  return undefined
}

function isKey(expression: Expression, attribute: string): boolean {
  return expression.kind === 'attribute' && expression.path.steps.length === 1 && expression.path.steps[0] === attribute
}

function refuseProblem(problem: QueryProblem): Result<never> {
  const said = printProblem(problem)
  if (problem.kind === 'unsupported') return refuse('hub/query-unsupported', said)
  return problem.kind === 'too-costly' ? refuse('hub/query-too-costly', said) : refuse('hub/query-malformed', said)
}
