/**
 * A value of AMQP 1.0 with its type, because the type matters: a message id is answered with the same one. Times are milliseconds since the epoch;
 * a map keeps its order. `decimal` is kept as its bytes: nobody here calculates with it.
 */
export type Value =
  | { readonly type: 'null' }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: NumberType; readonly value: number }
  | { readonly type: 'ulong' | 'long'; readonly value: bigint }
  | { readonly type: 'uuid' | 'binary' | 'decimal'; readonly value: Buffer }
  | { readonly type: 'string' | 'symbol'; readonly value: string }
  | { readonly type: 'list' | 'array'; readonly value: readonly Value[] }
  | { readonly type: 'map'; readonly value: readonly (readonly [Value, Value])[] }
  | { readonly type: 'described'; readonly descriptor: Value; readonly value: Value }

/** Types whose values fit a number. */
export type NumberType = 'ubyte' | 'ushort' | 'uint' | 'byte' | 'short' | 'int' | 'float' | 'double' | 'char' | 'timestamp'

/** Nothing, where something may stand. */
export const nothing: Value = { type: 'null' }

/** Text as AMQP's string. */
export function string(value: string): Value {
  return { type: 'string', value }
}

/** Text as AMQP's symbol: ASCII, for names that the standard and its users have agreed on. */
export function symbol(value: string): Value {
  return { type: 'symbol', value }
}

/** A number with its type. */
export function number(type: NumberType, value: number): Value {
  return { type, value }
}

/** A 64-bit signed number. */
export function long(value: number | bigint): Value {
  return { type: 'long', value: BigInt(value) }
}

/** A map with text keys. `undefined` values are left out. */
export function map(keys: 'string' | 'symbol', entries: Iterable<readonly [string, Value | undefined]>): Value {
  const value: (readonly [Value, Value])[] = []
  for (const [key, one] of entries) if (one !== undefined) value.push([{ type: keys, value: key }, one])
  return { type: 'map', value }
}

/** The text of a string or a symbol; undefined for everything else. */
export function textOf(value: Value | undefined): string | undefined {
  return value?.type === 'string' || value?.type === 'symbol' ? value.value : undefined
}

/** The number in a value of any whole type, if it is one that JavaScript can hold exactly; undefined for everything else. */
export function wholeOf(value: Value | undefined): number | undefined {
  if (value === undefined || !('value' in value)) return undefined
  const found = typeof value.value === 'bigint' ? Number(value.value) : value.value
  return typeof found === 'number' && Number.isSafeInteger(found) ? found : undefined
}

/** The entries of a map whose keys are text, the first of several with the same key; nothing for everything else. */
export function entriesOf(value: Value | undefined): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>()
  if (value?.type !== 'map') return found
  for (const [key, one] of value.value) {
    const name = textOf(key)
    if (name !== undefined && !found.has(name)) found.set(name, one)
  }
  return found
}
