/*
 * A few words to say what a JSON fact looks like, once: the parser and the TypeScript type both come from it. Facts are our own, but they are
 * read back from a disk that may have been hit, so nothing is believed before it is parsed.
 */

/** Returns the value when it has the shape, `undefined` when not. No shape accepts `undefined` itself. */
export type Shape<T> = (input: unknown) => T | undefined

/** What a shape yields. */
export type Shaped<S> = S extends Shape<infer T> ? T : never

type Fields = Readonly<Record<string, Shape<unknown>>>
type Known<R extends Fields, O extends Fields> = { readonly [K in keyof R]: Shaped<R[K]> } & { readonly [K in keyof O]?: Shaped<O[K]> }

/** Any string. */
export const text: Shape<string> = (input) => (typeof input === 'string' ? input : undefined)

/** Any finite number. */
export const number: Shape<number> = (input) => (typeof input === 'number' && Number.isFinite(input) ? input : undefined)

/** True or false. */
export const flag: Shape<boolean> = (input) => (typeof input === 'boolean' ? input : undefined)

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): Shape<T> {
  return (input) => words.find((word) => word === input)
}

/** The shape, or null. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (input) => (input === null ? null : shape(input))
}

/** An array whose every element has the shape. */
export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (input) => {
    if (!Array.isArray(input)) return undefined
    const out: T[] = []
    for (const element of input) {
      const value = shape(element)
      if (value === undefined) return undefined
      out.push(value)
    }
    return out
  }
}

/** An object whose every member is text, whatever its name. */
export const texts: Shape<Readonly<Record<string, string>>> = (input) => {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return undefined
  const entries: [string, string][] = []
  for (const [name, value] of Object.entries(input)) {
    if (typeof value !== 'string') return undefined
    entries.push([name, value])
  }
  return Object.fromEntries(entries)
}

/** An object whose every member has the shape, whatever its name. */
export function words<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (input) => {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) return undefined
    const entries: [string, T][] = []
    for (const [name, given] of Object.entries(input)) {
      const value = shape(given)
      if (value === undefined) return undefined
      entries.push([name, value])
    }
    return Object.fromEntries(entries)
  }
}

/** A JSON value, as `JSON.parse` gives it. */
export type TreeValue = null | boolean | number | string | readonly TreeValue[] | Tree

/** A JSON object of any members. */
export type Tree = { readonly [key: string]: TreeValue }

/** Any object of what is known to be JSON: only for what has been bounded before it was written. */
export const tree: Shape<Tree> = (input) =>
  typeof input === 'object' && input !== null && !Array.isArray(input) ? (input as Tree) : undefined // JSON.parse gives nothing else

/** An object with every field of `required` and perhaps those of `optional`. Fields that it does not know are left out: a later release may write more. */
export function object<R extends Fields, O extends Fields>(required: R, optional: O): Shape<Known<R, O>> {
  return (input) => {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) return undefined
    const given = new Map<string, unknown>(Object.entries(input))
    const out: Record<string, unknown> = {}
    for (const [name, shape] of Object.entries(required)) {
      const value = shape(given.get(name))
      if (value === undefined) return undefined
      out[name] = value
    }
    for (const [name, shape] of Object.entries(optional)) {
      if (!given.has(name)) continue
      const value = shape(given.get(name))
      if (value === undefined) return undefined
      out[name] = value
    }
    return out as Known<R, O> // the loops above are the proof
  }
}
