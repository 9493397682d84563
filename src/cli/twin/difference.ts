import { isDeepStrictEqual } from 'node:util'
import { type Line, plainJson, styled } from '../line.ts'

/** What a JSON object holds, by name. */
export type Members = ReadonlyMap<string, unknown>

/** One place where two objects differ; undefined: it is not there. */
export type Difference = { readonly path: string; readonly from: unknown; readonly to: unknown }

/** The members of a JSON object; undefined for any other value. */
export function membersOf(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : undefined
}

/** Where two objects differ, in the order of their keys; lists are compared whole. */
export function differences(from: Members, to: Members, path = ''): readonly Difference[] {
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((key) => {
    const [left, right] = [from.get(key), to.get(key)]
    const at = path === '' ? key : `${path}.${key}`
    const [inLeft, inRight] = [membersOf(left), membersOf(right)]
    if (inLeft !== undefined && inRight !== undefined) return differences(inLeft, inRight, at)
    return isDeepStrictEqual(left, right) ? [] : [{ path: at, from: left, to: right }]
  })
}

/** The merge patch (RFC 7396) that makes `from` into `to`; undefined where they are the same. */
export function mergePatch(from: Members, to: Members): Readonly<Record<string, unknown>> | undefined {
  const patch = new Map<string, unknown>()
  for (const key of from.keys()) if (!to.has(key)) patch.set(key, null)
  for (const [key, wanted] of to) {
    const [before, after] = [membersOf(from.get(key)), membersOf(wanted)]
    if (before === undefined || after === undefined) {
      if (!isDeepStrictEqual(from.get(key), wanted)) patch.set(key, wanted)
      continue
    }
    const inner = mergePatch(before, after)
    if (inner !== undefined) patch.set(key, inner)
  }
  return patch.size === 0 ? undefined : Object.fromEntries(patch)
}

/** Differences as lines: what goes in red, what comes in green. */
export function differenceLines(found: readonly Difference[]): readonly Line[] {
  return found.flatMap(({ path, from, to }): Line[] => [
    ...(from === undefined ? [] : [styled('red', `- ${path} = ${plainJson(from)}`)]),
    ...(to === undefined ? [] : [styled('green', `+ ${path} = ${plainJson(to)}`)]),
  ])
}

/** Every value of an object by its path; an empty object counts as one. */
export function leaves(of: Members, path: string): readonly (readonly [path: string, value: unknown])[] {
  return [...of].flatMap(([key, value]) => {
    const inner = membersOf(value)
    return inner === undefined || inner.size === 0 ? [[`${path}.${key}`, value] as const] : leaves(inner, `${path}.${key}`)
  })
}
