import { type Result, ok } from '#base'
import { type Dialect, deviceDialect } from './dialect.ts'
import { queryLimits } from './limits.ts'
import { Parser } from './parser.ts'
import { NotAQuery, type QueryProblem, problemOf } from './problem.ts'
import type { AggregateName, Condition, Path, Query, Selected, Source } from './syntax.ts'

/**
 * Reads a query: `SELECT ... FROM devices WHERE ...` (azure-wire 5.4). Never throws. Problems: what is not the language (`malformed`), what is not
 * for this source (`unsupported`), what is over a limit (`too-costly`).
 */
export function parseQuery(text: string): Result<Query, QueryProblem> {
  try {
    return ok(readQuery(new Parser(text, deviceDialect)))
  } catch (error) {
    return problemOf(error, text)
  }
}

/**
 * Reads the body of a WHERE: for routes, jobs and configurations. Empty text and `*` are true of everything; `FROM source WHERE ...` is taken too,
 * as configurations write it. Never throws; problems as {@link parseQuery}.
 */
export function parseCondition(text: string, dialect: Dialect): Result<Condition, QueryProblem> {
  try {
    return ok(readCondition(new Parser(text, dialect), dialect))
  } catch (error) {
    return problemOf(error, text)
  }
}

function readCondition(parser: Parser, dialect: Dialect): Condition {
  let from: Source | undefined
  if (dialect === deviceDialect) {
    parser.prefixes = [['devices', 'modules'], ['devices']]
    if (parser.takeWord('FROM')) {
      from = readSource(parser)
      if (!parser.takeWord('WHERE')) {
        end(parser)
        return { from, where: undefined }
      }
    }
  }
  if (parser.peek().kind === 'end') return { from, where: undefined }
  if (parser.isSymbol('*') && parser.peek(1).kind === 'end') return { from, where: undefined }
  const where = parser.expression()
  end(parser)
  return { from, where }
}

function readQuery(parser: Parser): Query {
  if (!parser.takeWord('SELECT')) throw parser.unexpected('SELECT', 'A query begins with SELECT * FROM devices.')
  const top = readTop(parser)
  // What the names of the list mean is said behind FROM, so that is read first.
  const list = parser.position
  const fromToken = skipToFrom(parser)
  const from = readSource(parser)
  const alias = readAlias(parser)
  const behind = parser.position
  parser.prefixes = [...from.split('.').map((_, i, parts) => parts.slice(0, parts.length - i)), ...(alias === undefined ? [] : [[alias]])]
  parser.position = list
  const select = readSelect(parser)
  if (parser.position !== fromToken) throw parser.unexpected("',' or FROM")
  parser.position = behind
  const where = parser.takeWord('WHERE') ? parser.expression() : undefined
  const groupBy = readGroupBy(parser)
  end(parser)
  return assertServed({ select, top, from, where, groupBy }, parser)
}

function readTop(parser: Parser): number | undefined {
  if (!parser.takeWord('TOP')) return undefined
  const token = parser.next()
  if (token.kind !== 'number' || !/^[1-9]\d{0,8}$/.test(token.text))
    throw new NotAQuery('malformed', token.at, 'TOP takes a whole number from 1')
  return Number(token.text)
}

function skipToFrom(parser: Parser): number {
  while (!parser.isWord('FROM') || isStep(parser)) {
    if (parser.peek().kind === 'end') throw parser.unexpected('FROM')
    parser.next()
  }
  const at = parser.position
  parser.next()
  return at
}

function isStep(parser: Parser): boolean {
  if (parser.position === 0) return false
  parser.position--
  const result = parser.isSymbol('.')
  parser.position++
  return result
}

function readSource(parser: Parser): Source {
  const token = parser.next()
  if (token.kind !== 'word' || token.text.toLowerCase() !== 'devices')
    throw new NotAQuery('malformed', token.at, 'a query reads FROM devices, devices.modules or devices.jobs')
  if (!parser.takeSymbol('.')) return 'devices'
  const part = parser.next()
  if (part.text.toLowerCase() === 'modules') return 'devices.modules'
  if (part.text.toLowerCase() === 'jobs') return 'devices.jobs'
  throw new NotAQuery(
    'unsupported',
    part.at,
    `there is no source devices.${part.text.slice(0, 40)}`,
    'Sources are devices, devices.modules and devices.jobs.',
  )
}

function readAlias(parser: Parser): string | undefined {
  const isNamed = parser.takeWord('AS')
  const token = parser.peek()
  const isKeyword = ['WHERE', 'GROUP', 'ORDER', 'JOIN', 'HAVING', 'IN'].some((word) => parser.isWord(word))
  if (token.kind === 'word' && !isKeyword) return parser.next().text
  if (isNamed) throw parser.unexpected('a name')
  return undefined
}

function readSelect(parser: Parser): '*' | readonly Selected[] {
  if (parser.takeSymbol('*')) return '*'
  const items: Selected[] = []
  do {
    if (items.length >= queryLimits.selected)
      throw new NotAQuery('too-costly', parser.peek().at, `a list has more than ${queryLimits.selected} items`)
    items.push(readItem(parser, items.length))
  } while (parser.takeSymbol(','))
  return items
}

const aggregates: ReadonlyMap<string, AggregateName> = new Map((['COUNT', 'AVG', 'SUM', 'MIN', 'MAX'] as const).map((name) => [name, name]))

function readItem(parser: Parser, index: number): Selected {
  const aggregate = parser.isSymbol('(', 1) ? aggregates.get(parser.peek().text.toUpperCase()) : undefined
  if (aggregate === undefined) {
    if (parser.isSymbol('(', 1)) throw parser.unexpected('an attribute or COUNT, AVG, SUM, MIN, MAX')
    const path = parser.path()
    return { kind: 'attribute', path, name: readName(parser) ?? defaultName(path, index) }
  }
  parser.next()
  parser.expectSymbol('(')
  let path: Path | undefined
  if (aggregate === 'COUNT') parser.takeSymbol('*')
  else path = parser.path()
  parser.expectSymbol(')')
  return { kind: 'aggregate', aggregate, path, name: readName(parser) ?? `$${index + 1}` }
}

/** What a column without a name of its own is called: the last step of its path [R]. */
function defaultName(path: Path, index: number): string {
  const last = path.steps.at(-1)
  return typeof last === 'string' ? last : `$${index + 1}`
}

function readName(parser: Parser): string | undefined {
  const isNamed = parser.takeWord('AS')
  const token = parser.peek()
  if ((token.kind === 'word' && (isNamed || !parser.isWord('FROM'))) || (isNamed && token.kind === 'string')) {
    if (token.text === '__proto__') throw new NotAQuery('unsupported', token.at, 'a column may not have this name')
    return parser.next().text
  }
  if (isNamed) throw parser.unexpected('a name')
  return undefined
}

function readGroupBy(parser: Parser): readonly Path[] {
  if (!parser.takeWord('GROUP')) return []
  if (!parser.takeWord('BY')) throw parser.unexpected('BY')
  const paths: Path[] = []
  do {
    if (paths.length >= queryLimits.selected) throw new NotAQuery('too-costly', parser.peek().at, 'GROUP BY has too many attributes')
    paths.push(parser.path())
  } while (parser.takeSymbol(','))
  return paths
}

function end(parser: Parser): void {
  const token = parser.peek()
  if (token.kind === 'end') return
  for (const word of ['ORDER', 'JOIN', 'HAVING', 'LIMIT', 'OFFSET', 'UNION'])
    if (parser.isWord(word))
      throw new NotAQuery('unsupported', token.at, `${word} is not served`, 'Queries have SELECT, TOP, FROM, WHERE and GROUP BY.')
  throw parser.unexpected('the end of the text')
}

/** What the grammar allows and the sources do not (azure-wire 5.4). */
function assertServed(query: Query, parser: Parser): Query {
  const { at } = parser.peek()
  const hasAggregate = query.select !== '*' && query.select.some(({ kind }) => kind === 'aggregate')
  const isGrouped = query.groupBy.length > 0
  if (query.from === 'devices.jobs' && (query.select !== '*' || isGrouped))
    throw new NotAQuery('unsupported', 0, 'devices.jobs answers SELECT * only, without GROUP BY')
  if (query.top !== undefined && (isGrouped || hasAggregate))
    throw new NotAQuery('unsupported', 0, 'TOP does not go with GROUP BY or functions')
  if (isGrouped && query.select === '*') throw new NotAQuery('unsupported', at, 'GROUP BY does not go with SELECT *')
  if (query.select !== '*' && (hasAggregate || isGrouped))
    for (const item of query.select)
      if (item.kind === 'attribute' && !query.groupBy.some((path) => samePath(path, item.path)))
        throw new NotAQuery('unsupported', item.path.at, 'this attribute is not in GROUP BY')
  return query
}

/** Whether two paths name the same thing. */
export function samePath(left: Path, right: Path): boolean {
  return left.steps.length === right.steps.length && left.steps.every((step, i) => step === right.steps[i])
}
