import { never } from '#base'
import type { Dialect } from './dialect.ts'
import { applyFunction, finite } from './functions.ts'
import type { Arithmetic, Expression, Path } from './syntax.ts'
import { type Comparison, type QueryValue, type Truth, compareValues, holds, isList } from './value.ts'

/*
 * Theory of operation.
 * A condition is turned into closures once; a message then costs calls and no parsing. Whoever owns the subject binds each path once, too, so
 * that splitting names and choosing where to look is not done for every message. Nothing here throws, whatever the subject holds.
 */

/** How one attribute is read from a subject: made once a path, called once a subject. Must not throw. */
export type Bind<S> = (path: Path) => (subject: S) => QueryValue

/**
 * A condition as a function of a subject: true, false or undefined; only true is a match. `where` undefined is true of everything. Routes, and
 * tests of what queries do in the store.
 */
export function compileCondition<S>(where: Expression | undefined, dialect: Dialect, bind: Bind<S>): (subject: S) => Truth {
  return where === undefined ? () => true : truthOf(where, { dialect, bind })
}

type Scene<S> = { readonly dialect: Dialect; readonly bind: Bind<S> }
type Read<S, T> = (subject: S) => T

function truthOf<S>(expression: Expression, scene: Scene<S>): Read<S, Truth> {
  switch (expression.kind) {
    case 'and':
      return conjunction(expression.operands.map((operand) => truthOf(operand, scene)))
    case 'or':
      return disjunction(expression.operands.map((operand) => truthOf(operand, scene)))
    case 'not': {
      const operand = truthOf(expression.operand, scene)
      return (subject) => {
        const truth = operand(subject)
        return truth === undefined ? undefined : !truth
      }
    }
    case 'compare':
      return comparison(expression.operator, expression.left, expression.right, scene)
    case 'in':
      return membership(expression, scene)
    case 'constant':
    case 'attribute':
    case 'call':
    case 'negate':
    case 'arithmetic': {
      const value = valueOf(expression, scene)
      return (subject) => {
        const truth = value(subject)
        return typeof truth === 'boolean' ? truth : undefined
      }
    }
    default:
      return never(expression)
  }
}

function conjunction<S>(operands: readonly Read<S, Truth>[]): Read<S, Truth> {
  return (subject) => {
    let result: Truth = true
    for (const operand of operands) {
      const truth = operand(subject)
      if (truth === false) return false
      if (truth === undefined) result = undefined
    }
    return result
  }
}

function disjunction<S>(operands: readonly Read<S, Truth>[]): Read<S, Truth> {
  return (subject) => {
    let result: Truth = false
    for (const operand of operands) {
      const truth = operand(subject)
      if (truth === true) return true
      if (truth === undefined) result = undefined
    }
    return result
  }
}

function valueOf<S>(expression: Expression, scene: Scene<S>): Read<S, QueryValue> {
  switch (expression.kind) {
    case 'constant': {
      const { value } = expression
      return () => value
    }
    case 'attribute':
      return scene.bind(expression.path)
    case 'call': {
      const { name } = expression
      const args = expression.args.map((arg) => valueOf(arg, scene))
      const [only] = args
      if (args.length === 1 && only !== undefined) return (subject) => applyFunction(name, [only(subject)])
      return (subject) =>
        applyFunction(
          name,
          args.map((arg) => arg(subject)),
        )
    }
    case 'negate': {
      const operand = valueOf(expression.operand, scene)
      return (subject) => {
        const value = operand(subject)
        return typeof value === 'number' ? -value : undefined
      }
    }
    case 'arithmetic': {
      const { operator } = expression
      const left = valueOf(expression.left, scene)
      const right = valueOf(expression.right, scene)
      return (subject) => calculate(operator, left(subject), right(subject))
    }
    case 'and':
    case 'or':
    case 'not':
    case 'compare':
    case 'in':
      return truthOf(expression, scene)
    default:
      return never(expression)
  }
}

/** Arithmetic on two numbers; undefined for anything else, for a division by zero, and for what is too large. */
function calculate(operator: Arithmetic, left: QueryValue, right: QueryValue): number | undefined {
  if (typeof left !== 'number' || typeof right !== 'number') return undefined
  switch (operator) {
    case '+':
      return finite(left + right)
    case '-':
      return finite(left - right)
    case '*':
      return finite(left * right)
    case '/':
      return finite(left / right)
    case '%':
      return finite(left % right)
    default:
      return never(operator)
  }
}

function comparison<S>(operator: Comparison, left: Expression, right: Expression, scene: Scene<S>): Read<S, Truth> {
  const timed = timeComparison(operator, left, right, scene)
  if (timed !== undefined) return timed
  const read = valueOf(left, scene)
  if (right.kind === 'constant') {
    const { value } = right
    // The everyday conditions: an attribute and a constant.
    if (typeof value === 'string' && operator === '=')
      return (subject) => {
        const found = read(subject)
        return typeof found === 'string' ? found === value : found === null ? false : undefined
      }
    if (typeof value === 'number')
      return (subject) => {
        const found = read(subject)
        return typeof found === 'number' ? holds(operator, found - value) : compareValues(operator, found, value)
      }
    return (subject) => compareValues(operator, read(subject), value)
  }
  const other = valueOf(right, scene)
  return (subject) => compareValues(operator, read(subject), other(subject))
}

/** A time compared with a constant that is one: by time and not by text. undefined: this is no such comparison. */
function timeComparison<S>(operator: Comparison, left: Expression, right: Expression, scene: Scene<S>): Read<S, Truth> | undefined {
  if (left.kind === 'constant' && right.kind === 'attribute') return timeComparison(mirrored[operator], right, left, scene)
  if (left.kind !== 'attribute' || right.kind !== 'constant' || !isTimePath(left.path, scene.dialect)) return undefined
  const wanted = timeOf(right.value)
  if (wanted === undefined) return undefined
  const read = scene.bind(left.path)
  return (subject) => {
    const value = read(subject)
    const found = timeOf(value)
    return found === undefined ? compareValues(operator, value, right.value) : holds(operator, found - wanted)
  }
}

/** The comparison that is the same with its sides exchanged. */
export const mirrored: Readonly<Record<Comparison, Comparison>> = { '=': '=', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' }

/** Whether a dialect compares this attribute as a time. */
export function isTimePath({ steps, isProperty }: Path, dialect: Dialect): boolean {
  const [only] = steps
  return !isProperty && steps.length === 1 && typeof only === 'string' && dialect.times.has(only)
}

/** Milliseconds since the epoch of text in ISO 8601 (UTC where it names no zone); undefined for anything else. */
export function timeOf(value: QueryValue): number | undefined {
  if (typeof value !== 'string' || value.length > 40 || !/^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2})?)?$/.test(value)) return undefined
  const ms = Date.parse(value.length > 10 && !/(Z|[+-]\d{2}:\d{2})$/.test(value) ? `${value}Z` : value)
  return Number.isNaN(ms) ? undefined : ms
}

function membership<S>(expression: Extract<Expression, { readonly kind: 'in' }>, scene: Scene<S>): Read<S, Truth> {
  const { negated, list } = expression
  const item = valueOf(expression.item, scene)
  if (list.kind === 'constant' && isList(list.value)) {
    const members = new Set(list.value.filter(isPrimitive))
    return (subject) => {
      const value = item(subject)
      return isPrimitive(value) ? members.has(value) !== negated : undefined
    }
  }
  const read = valueOf(list, scene)
  return (subject) => {
    const value = item(subject)
    const members = read(subject)
    return isPrimitive(value) && isList(members) ? members.includes(value) !== negated : undefined
  }
}

function isPrimitive(value: QueryValue): value is null | boolean | number | string {
  return value === null || (value !== undefined && typeof value !== 'object')
}
