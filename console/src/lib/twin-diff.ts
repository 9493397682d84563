import { isObject, type JsonObject } from './json-text.ts'

/** One difference between two objects. What is not there is undefined. */
export type Change = { readonly path: readonly string[]; readonly before: unknown; readonly after: unknown }

/** Deepest level that is looked into: twins have ten. */
const deepest = 16

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

/** Members in one order, so that order alone is no difference. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)])
}

/**
 * What has to change to come from `before` to `after`, in the order of names. Lists are one value. A null in `after` is a member that goes, as twins have
 * none.
 */
export function changesBetween(before: JsonObject, after: JsonObject, path: readonly string[] = []): readonly Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()
  return names.flatMap((name): readonly Change[] => {
    const here = [...path, name]
    const [old, wanted] = [Object.hasOwn(before, name) ? before[name] : undefined, Object.hasOwn(after, name) ? after[name] : undefined]
    const now = wanted === null ? undefined : wanted
    // An empty object says nothing in a merge patch: what it had is taken out member by member.
    const isNew = old === undefined && isObject(now) && Object.keys(now).length > 0
    if (isObject(now) && (isNew || isObject(old)) && here.length < deepest) return changesBetween(isObject(old) ? old : {}, now, here)
    return same(old, now) ? [] : [{ path: here, before: old, after: now }]
  })
}

/** `object` with the changes made in it. */
export function withChanges(object: JsonObject, changes: readonly Change[]): JsonObject {
  return changes.reduce((all, { path, after }) => withValue(all, path, after), object)
}

function withValue(object: JsonObject, [name, ...rest]: readonly string[], value: unknown): JsonObject {
  if (name === undefined) return object
  const old = Object.hasOwn(object, name) ? object[name] : undefined
  const inner = rest.length === 0 ? value : withValue(isObject(old) ? old : {}, rest, value)
  const others = Object.entries(object).filter(([key]) => key !== name)
  // The place among the others is kept, so that a text does not jump.
  if (inner === undefined) return Object.fromEntries(others)
  return Object.hasOwn(object, name)
    ? Object.fromEntries(Object.entries(object).map(([key, each]) => [key, key === name ? inner : each]))
    : Object.fromEntries([...others, [name, inner]])
}

/** The JSON merge patch (RFC 7396) that makes the changes: null for what goes. */
export function mergePatchOf(changes: readonly Change[]): JsonObject {
  return changes.reduce<JsonObject>((patch, { path, after }) => withValue(patch, path, after === undefined ? null : after), {})
}

/** `object` after a JSON merge patch (RFC 7396). */
export function merged(object: JsonObject, patch: JsonObject): JsonObject {
  return Object.entries(patch).reduce<JsonObject>((all, [name, value]) => {
    if (value === null) return withValue(all, [name], undefined)
    const old = Object.hasOwn(all, name) ? all[name] : undefined
    return withValue(all, [name], isObject(value) ? merged(isObject(old) ? old : {}, value) : value)
  }, object)
}

/** Those of `mine` that say something else about a place than `theirs` does. */
export function clashes(mine: readonly Change[], theirs: readonly Change[]): readonly Change[] {
  return mine.filter((one) =>
    theirs.some((other) => {
      const shared = Math.min(one.path.length, other.path.length)
      const touches = one.path.slice(0, shared).every((name, n) => name === other.path[n])
      return touches && !(one.path.length === other.path.length && same(one.after, other.after))
    }),
  )
}

/** `desired.interval`; what is no plain name as queries write it: `tags.[[serial no]]`. */
export const pathText = (path: readonly string[]): string =>
  path.map((name) => (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(name) ? name : `[[${name}]]`)).join('.')
