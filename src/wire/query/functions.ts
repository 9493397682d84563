import { queryLimits } from './limits.ts'
import { type QueryValue, isList } from './value.ts'

type Apply = (args: readonly QueryValue[]) => QueryValue
type Definition = { readonly least: number; readonly most: number; readonly apply: Apply }

// Wrong argument type: undefined (azure-wire 9.3). What asks for a type answers false of what is not there.
const definitions = {
  IS_DEFINED: one((value) => value !== undefined),
  IS_NULL: one((value) => value === null),
  IS_BOOL: one((value) => typeof value === 'boolean'),
  IS_NUMBER: one((value) => typeof value === 'number'),
  IS_STRING: one((value) => typeof value === 'string'),
  IS_ARRAY: one(isList),
  IS_OBJECT: one((value) => typeof value === 'object' && value !== null && !isList(value)),
  IS_PRIMITIVE: one((value) => value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'),
  STARTS_WITH: texts2((text, part) => text.startsWith(part)),
  ENDS_WITH: texts2((text, part) => text.endsWith(part)),
  CONTAINS: texts2((text, part) => text.includes(part)),
  INDEX_OF: texts2((text, part) => text.indexOf(part)),
  CONCAT: { least: 1, most: queryLimits.nodes, apply: concat },
  LENGTH: text1((text) => text.length),
  LOWER: text1((text) => text.toLowerCase()),
  UPPER: text1((text) => text.toUpperCase()),
  SUBSTRING: { least: 2, most: 3, apply: substring },
  AS_NUMBER: one(asNumber),
  ABS: number1(Math.abs),
  EXP: number1(Math.exp),
  SQUARE: number1((x) => x * x),
  CEILING: number1(Math.ceil),
  FLOOR: number1(Math.floor),
  SIGN: number1(Math.sign),
  SQRT: number1(Math.sqrt),
  POWER: { least: 2, most: 2, apply: ([x, y]) => (typeof x === 'number' && typeof y === 'number' ? finite(x ** y) : undefined) },
} as const satisfies Record<string, Definition>

/** The functions of the language (azure-wire 9.3). */
export type FunctionName = keyof typeof definitions

/** What a function takes and does. `apply` never throws, and answers undefined for what it is not made for. */
export const functions: ReadonlyMap<string, Definition & { readonly name: FunctionName }> = new Map(
  (Object.keys(definitions) as FunctionName[]).map((name) => [name, { ...definitions[name], name }]),
)

/** Calls a function by name with as many arguments as the parser has let through. */
export function applyFunction(name: FunctionName, args: readonly QueryValue[]): QueryValue {
  return definitions[name].apply(args)
}

/** A number that JSON can hold; the rest is undefined, in databases as here. */
export function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}

function one(apply: (value: QueryValue) => QueryValue): Definition {
  return { least: 1, most: 1, apply: ([value]) => apply(value) }
}

function number1(apply: (x: number) => number): Definition {
  return one((x) => (typeof x === 'number' ? finite(apply(x)) : undefined))
}

function text1(apply: (text: string) => QueryValue): Definition {
  return one((text) => (typeof text === 'string' ? apply(text) : undefined))
}

function texts2(apply: (text: string, part: string) => QueryValue): Definition {
  return {
    least: 2,
    most: 2,
    apply: ([text, part]) => (typeof text === 'string' && typeof part === 'string' ? apply(text, part) : undefined),
  }
}

function concat(args: readonly QueryValue[]): QueryValue {
  let made = ''
  for (const arg of args) {
    if (typeof arg !== 'string' || made.length + arg.length > queryLimits.madeText) return undefined
    made += arg
  }
  return made
}

function substring([text, start, length]: readonly QueryValue[]): QueryValue {
  if (typeof text !== 'string' || !isIndex(start)) return undefined
  if (length === undefined) return text.slice(start)
  return isIndex(length) ? text.slice(start, start + length) : undefined
}

function isIndex(value: QueryValue): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Decimal, hexadecimal or with an exponent, spaces around it allowed. */
function asNumber(value: QueryValue): QueryValue {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.length > 400 || value.trim() === '') return undefined
  return finite(Number(value))
}
