import { never } from '#base'

/** A value of the language. `undefined` is what an absent name has; it is no value of JSON. */
export type QueryValue = undefined | null | boolean | number | string | readonly QueryValue[] | { readonly [key: string]: QueryValue }

/** Three-valued logic: `undefined` is neither. Only true counts as a match. */
export type Truth = true | false | undefined

/** How two primitives are compared. */
export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='

/**
 * Compares by the rules of azure-wire 5.4: only primitives of one type; anything else is undefined. `=` and `!=` with null ask whether the other
 * is null, whatever else it is. Text compares by code point.
 */
export function compareValues(operator: Comparison, left: QueryValue, right: QueryValue): Truth {
  if (left === undefined || right === undefined) return undefined
  if (left === null || right === null) return operator === '=' ? left === right : operator === '!=' ? left !== right : undefined
  if (typeof left === 'string') return typeof right === 'string' ? holds(operator, compareText(left, right)) : undefined
  if (typeof left === 'number') return typeof right === 'number' ? holds(operator, left - right) : undefined
  if (typeof left === 'boolean') return typeof right === 'boolean' ? holds(operator, Number(left) - Number(right)) : undefined
  return undefined
}

/** Whether `operator` is true of two things whose order is known: below zero, zero, above. */
export function holds(operator: Comparison, order: number): boolean {
  switch (operator) {
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
    default:
      return never(operator)
  }
}

/** Order of two texts by code point, as databases sort UTF-8; `<` of JavaScript sorts by UTF-16 unit. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i)
    const b = right.charCodeAt(i)
    // Surrogates stand for what is above everything that is one unit.
    if (a !== b) return rank(a) - rank(b)
  }
  return left.length - right.length
}

function rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit
}

/** True of arrays of the language. */
export function isList(value: QueryValue): value is readonly QueryValue[] {
  return Array.isArray(value)
}

/** The JSON value at a path, own keys and indexes only: what a lookup of a twin or a body is made of. */
export function valueAt(root: QueryValue, steps: readonly (string | number)[]): QueryValue {
  let value = root
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined
    if (isList(value)) value = typeof step === 'number' ? value[step] : undefined
    else value = typeof step === 'string' && Object.hasOwn(value, step) ? value[step] : undefined
  }
  return value
}
