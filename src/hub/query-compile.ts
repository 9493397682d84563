import { never } from '#base'
import { type Comparison, type Expression, type QueryValue, compareValues, isList, mirrored, timeOf } from '#wire/query'
import type { QuerySource } from './query-source.ts'
import { type Sql, absent, balanced, bound, boundList, sql } from './query-sql.ts'
import { type SqlValue, classOf, numberIn, ownClass, scalarOf, storedValue, truthIn, valueOfField } from './query-value.ts'
import { etagNumber, twinEtag } from './twin-change.ts'

/*
 * Theory of operation.
 * A condition becomes one SQL expression that is 1, 0 or NULL where the evaluator of #wire/query says true, false or undefined: SQL's AND, OR and NOT
 * are three-valued as the language is, so only leaves need care. query-agree.test.ts holds the two against each other.
 */

/** A condition as SQL on the tables of its source. Throws {@link TooMuchSql}. */
export function conditionSql(expression: Expression, source: QuerySource): Sql {
  switch (expression.kind) {
    case 'and':
      return balanced(
        'AND',
        expression.operands.map((operand) => conditionSql(operand, source)),
      )
    case 'or':
      return balanced(
        'OR',
        expression.operands.map((operand) => conditionSql(operand, source)),
      )
    case 'not':
      return sql`(NOT ${conditionSql(expression.operand, source)})`
    case 'compare':
      return compared(expression.operator, valueSql(expression.left, source), valueSql(expression.right, source))
    case 'in':
      return member(valueSql(expression.item, source), valueSql(expression.list, source), expression.negated)
    case 'call':
      return defined(expression, source)
    case 'constant':
    case 'attribute':
    case 'negate':
    case 'arithmetic':
      return truthIn(valueSql(expression, source))
    default:
      return never(expression)
  }
}

/**
 * The same where only true counts, so that false and NULL may be taken for each other: the everyday comparison asks for the type last, and most rows have
 * gone by then. Throws {@link TooMuchSql}.
 */
export function filterSql(expression: Expression, source: QuerySource): Sql {
  if (expression.kind === 'and' || expression.kind === 'or')
    return balanced(
      expression.kind === 'and' ? 'AND' : 'OR',
      expression.operands.map((operand) => filterSql(operand, source)),
    )
  if (expression.kind === 'compare' && expression.operator === '=' && expression.right.kind === 'constant') {
    const left = valueSql(expression.left, source)
    const { value } = expression.right
    if (left.kind === 'json' && (typeof value === 'string' || typeof value === 'number'))
      return sql`(${left.value} = ${bound(value)} AND ${left.type} IN (${typesOf(value)}))`
  }
  return conditionSql(expression, source)
}

/** A value as SQL. Throws {@link TooMuchSql}. */
export function valueSql(expression: Expression, source: QuerySource): SqlValue {
  switch (expression.kind) {
    case 'constant':
      return { kind: 'constant', value: expression.value }
    case 'attribute':
      return valueOfField(source.field(expression.path.steps))
    case 'negate':
    case 'arithmetic':
      return { kind: 'number', sql: finite(numberSql(expression, source)), absent: 'undefined' }
    case 'call':
    case 'and':
    case 'or':
    case 'not':
    case 'compare':
    case 'in':
      return { kind: 'boolean', sql: conditionSql(expression, source), absent: 'undefined' }
    default:
      return never(expression)
  }
}

/** A number, or an infinity on the way to one: those who make it a value call {@link finite} once, not every step of a sum. */
function numberSql(expression: Expression, source: QuerySource): Sql {
  if (expression.kind === 'negate') return sql`(- ${numberSql(expression.operand, source)})`
  if (expression.kind !== 'arithmetic') return numberIn(valueSql(expression, source))
  const { operator } = expression
  const a = numberSql(expression.left, source)
  const b = numberSql(expression.right, source)
  switch (operator) {
    case '+':
      return sql`(${a} + ${b})`
    case '-':
      return sql`(${a} - ${b})`
    case '*':
      return sql`(${a} * ${b})`
    case '/':
      // Divided by infinity is 0, which would hide it.
      return sql`(${a} / ${finite(b)})`
    case '%':
      return remainder(finite(a), finite(b))
    default:
      return never(operator)
  }
}

/** What is too large for JSON is undefined, as it is to the evaluator. */
function finite(value: Sql): Sql {
  return sql`nullif(nullif(${value}, 9e999), -9e999)`
}

/** SQLite's % is one of whole numbers, and this build has no mod(). */
function remainder(a: Sql, b: Sql): Sql {
  return sql`(SELECT CASE WHEN y = 0 THEN NULL
    WHEN abs(x) < 9007199254740992 AND abs(y) < 9007199254740992 AND x = CAST(x AS INTEGER) AND y = CAST(y AS INTEGER)
      THEN CAST(CAST(x AS INTEGER) % CAST(y AS INTEGER) AS REAL)
    WHEN abs(x / y) < 9007199254740992 THEN x - y * CAST(x / y AS INTEGER) END FROM (SELECT ${a} AS x, ${b} AS y))`
}

function compared(operator: Comparison, left: SqlValue, right: SqlValue): Sql {
  if (left.kind === 'constant' && right.kind === 'constant') return constantTruth(compareValues(operator, left.value, right.value))
  if (left.kind === 'constant') return compared(mirrored[operator], right, left)
  if (right.kind === 'constant') return comparedToConstant(operator, left, right.value)
  if (left.kind === 'time' && right.kind === 'time') return related(operator, left.sql, right.sql)
  // Null equals null, and nothing else that is there.
  const orNull = operator === '=' ? sql`ka = kb` : operator === '!=' ? sql`ka <> kb` : absent
  return sql`(SELECT CASE WHEN ${isUndefined(sql`va`, sql`ka`)} OR ${isUndefined(sql`vb`, sql`kb`)} THEN NULL WHEN ka = 'n' OR kb = 'n' THEN ${orNull}
    WHEN ka = kb AND ka <> 'o' THEN ${related(operator, sql`va`, sql`vb`)} END
    FROM (SELECT ${scalarOf(left)} AS va, ${kindOf(left)} AS ka, ${scalarOf(right)} AS vb, ${kindOf(right)} AS kb))`
}

/** A class that does not say whether the value is there: what is compared is written once, or nesting would double it every time. */
function kindOf(value: SqlValue): Sql {
  if (value.kind === 'text' || value.kind === 'number' || value.kind === 'boolean')
    return value.absent === 'null' ? classOf(value) : ownClass(value.kind)
  return value.kind === 'time' ? sql`'t'` : classOf(value)
}

function isUndefined(value: Sql, kind: Sql): Sql {
  return sql`(${kind} IS NULL OR (${value} IS NULL AND ${kind} NOT IN ('n', 'o')))`
}

function comparedToConstant(operator: Comparison, left: Exclude<SqlValue, { readonly kind: 'constant' }>, constant: QueryValue): Sql {
  if (constant === undefined) return absent
  if (constant === null) return nullTest(operator, left)
  const orNull = operator === '=' ? sql`0` : operator === '!=' ? sql`1` : absent
  if (left.kind === 'time') {
    const ms = timeOf(constant)
    if (ms !== undefined) return related(operator, left.sql, bound(ms))
  }
  if (left.kind === 'etag') return etagTest(operator, left.sql, constant)
  if (left.kind === 'json') {
    const values = related(operator, left.value, bound(storedValue(constant)))
    return sql`CASE WHEN ${left.type} IN (${typesOf(constant)}) THEN ${values} WHEN ${left.type} = 'null' THEN ${orNull} END`
  }
  if (left.kind === 'structure') return absent
  const kind = left.kind === 'time' ? 'text' : left.kind
  const isSame = kind === (typeof constant === 'string' ? 'text' : typeof constant)
  const values = isSame ? related(operator, scalarOf(left), bound(storedValue(constant))) : absent
  if (left.kind === 'time' || left.absent === 'undefined') return values
  return sql`CASE WHEN ${left.sql} IS NULL THEN ${orNull} ELSE ${values} END`
}

/** The types of JSON that a constant can equal. */
function typesOf(constant: QueryValue): Sql {
  if (typeof constant === 'string') return sql`'text'`
  if (typeof constant === 'number') return sql`'integer', 'real'`
  return typeof constant === 'boolean' ? sql`'true', 'false'` : sql``
}

function nullTest(operator: Comparison, left: SqlValue): Sql {
  if (operator !== '=' && operator !== '!=') return absent
  if (left.kind === 'json') return related(operator, left.type, sql`'null'`)
  return related(operator, classOf(left), sql`'n'`)
}

/** An etag is a counter in base64; as text it is only equal or not. */
function etagTest(operator: Comparison, column: Sql, constant: QueryValue): Sql {
  if (typeof constant !== 'string' || (operator !== '=' && operator !== '!=')) return absent
  const wanted = etagNumber(constant)
  if (!Number.isSafeInteger(wanted) || twinEtag(wanted) !== constant) return constantTruth(operator === '!=')
  return related(operator, column, bound(wanted))
}

function related(operator: Comparison, a: Sql, b: Sql): Sql {
  switch (operator) {
    case '=':
      return sql`(${a} = ${b})`
    case '!=':
      return sql`(${a} <> ${b})`
    case '<':
      return sql`(${a} < ${b})`
    case '<=':
      return sql`(${a} <= ${b})`
    case '>':
      return sql`(${a} > ${b})`
    case '>=':
      return sql`(${a} >= ${b})`
    default:
      return never(operator)
  }
}

function constantTruth(truth: boolean | undefined): Sql {
  return truth === undefined ? absent : truth ? sql`1` : sql`0`
}

/** `item IN list`: of constants, or an array in a column. */
function member(item: SqlValue, list: SqlValue, negated: boolean): Sql {
  const found = list.kind === 'constant' ? memberOfConstants(item, list.value) : memberOfArray(item, list)
  return negated ? sql`(NOT ${found})` : found
}

function memberOfConstants(item: SqlValue, list: QueryValue): Sql {
  if (!isList(list)) return absent
  const texts = list.filter((one) => typeof one === 'string')
  if (item.kind === 'etag') {
    const numbers = texts.map(etagNumber).filter((one, i) => Number.isSafeInteger(one) && twinEtag(one) === texts[i])
    return sql`(${item.sql} IN (${boundList(numbers)}))`
  }
  if (item.kind === 'constant') return constantMember(item.value, list)
  const numbers = list.filter((one) => typeof one === 'number')
  const truths = list.filter((one) => typeof one === 'boolean').map(Number)
  const hasNull = list.includes(null) ? sql`1` : sql`0`
  return sql`(SELECT CASE WHEN v IS NULL AND k <> 'n' THEN NULL WHEN k = 't' THEN v IN (${boundList(texts)}) WHEN k = 'd' THEN v IN (${boundList(numbers)})
    WHEN k = 'b' THEN v IN (${boundList(truths)}) WHEN k = 'n' THEN ${hasNull} END FROM (SELECT ${scalarOf(item)} AS v, ${kindOf(item)} AS k))`
}

function constantMember(value: QueryValue, list: readonly QueryValue[]): Sql {
  if (value === undefined || (typeof value === 'object' && value !== null)) return absent
  return constantTruth(list.includes(value))
}

function memberOfArray(item: SqlValue, list: SqlValue): Sql {
  if (list.kind !== 'json') return absent
  const element = classOf({ kind: 'json', type: sql`x.type`, value: absent, elements: absent })
  return sql`(SELECT CASE WHEN ${list.type} = 'array' AND k <> 'o' AND NOT ${isUndefined(sql`v`, sql`k`)}
    THEN EXISTS (SELECT 1 FROM ${list.elements} x WHERE ${element} = k AND (k = 'n' OR x.atom = v)) END
    FROM (SELECT ${scalarOf(item)} AS v, ${kindOf(item)} AS k))`
}

/** IS_DEFINED, the only function of these queries (azure-wire 5.4). */
function defined({ name, args: [operand] }: Extract<Expression, { readonly kind: 'call' }>, source: QuerySource): Sql {
  if (name !== 'IS_DEFINED' || operand === undefined) throw new Error(`bug: ${name} is no function of a query`)
  const value = valueSql(operand, source)
  return value.kind === 'json' ? sql`(${value.type} IS NOT NULL)` : sql`(${classOf(value)} IS NOT NULL)`
}
