import { Fault } from '#base'

/*
 * The one place where an answer of the hub, which is `unknown` until read, becomes typed. A hub that answers in another shape is
 * a fault of the world (another version, another program on the port), so it is thrown and told once, in main.
 */

/** Reads one shape out of unknown data, or throws the Fault `cli/unexpected-answer` naming the place. */
export type Shape<T> = (value: unknown, at: string) => T

function unexpected(at: string, wanted: string): never {
  throw new Fault('cli/unexpected-answer', `${at} is not ${wanted}`)
}

/** Text. */
export const text: Shape<string> = (value, at) => (typeof value === 'string' ? value : unexpected(at, 'text'))

/** A finite number. */
export const number: Shape<number> = (value, at) =>
  typeof value === 'number' && Number.isFinite(value) ? value : unexpected(at, 'a number')

/** True or false. */
export const flag: Shape<boolean> = (value, at) => (typeof value === 'boolean' ? value : unexpected(at, 'true or false'))

/** Whatever it is. */
export const anything: Shape<unknown> = (value) => value

/** A list of one shape. */
export function list<T>(of: Shape<T>): Shape<readonly T[]> {
  return (value, at) =>
    Array.isArray(value) ? value.map((entry: unknown, index) => of(entry, `${at}[${index}]`)) : unexpected(at, 'a list')
}

/** A shape that may be absent or null; both read as undefined. */
export function maybe<T>(of: Shape<T>): Shape<T | undefined> {
  return (value, at) => (value === undefined || value === null ? undefined : of(value, at))
}

/** An object with at least these members; others are let pass, so that a newer hub can say more. */
export function object<M extends Readonly<Record<string, Shape<unknown>>>>(
  members: M,
): Shape<{ readonly [K in keyof M]: ReturnType<M[K]> }> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) unexpected(at, 'an object')
    const source = new Map<string, unknown>(Object.entries(value))
    const read = Object.entries(members).map(([name, shape]) => [name, shape(source.get(name), `${at}.${name}`)] as const)
    return Object.fromEntries(read) as { readonly [K in keyof M]: ReturnType<M[K]> }
  }
}

/** An object with names that the peer chose, as a map. */
export function entries<T>(of: Shape<T>): Shape<ReadonlyMap<string, T>> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) unexpected(at, 'an object')
    return new Map(Object.entries(value).map(([name, entry]) => [name, of(entry, `${at}.${name}`)]))
  }
}
