import type { TSchema } from 'typebox'
import { type Settings, limitsSchema, settingsSchema } from './settings-schema.ts'
import { membersOf } from './settings.ts'

/** One setting as it counts: its place in the file, its value (undefined: there is no bound, or it is worked out at start) and whether the file says it. */
export type EffectiveSetting = { readonly path: string; readonly value: unknown; readonly given: boolean }

/**
 * Every setting with the value that counts. Limits are shown once for each listener, as they hold there, with `given` for what the file says
 * there or under `limits`.
 */
export function effectiveSettings(settings: Settings): readonly EffectiveSetting[] {
  const found: EffectiveSetting[] = []
  walk(settingsSchema, '', [settings], settings.limits, found)
  return found
}

/** The same as one nested value, for a program; what has no value is left out. */
export function effectiveJson(settings: Settings): object {
  const tree = new Map<string, unknown>()
  for (const { path, value } of effectiveSettings(settings)) {
    if (value === undefined) continue
    const names = path.split('.')
    let at = tree
    for (const name of names.slice(0, -1)) {
      const next: unknown = at.get(name)
      const group = next instanceof Map ? next : new Map<string, unknown>()
      at.set(name, group)
      at = group
    }
    at.set(names.at(-1) ?? '', value)
  }
  return plain(tree)
}

function plain(tree: ReadonlyMap<string, unknown>): object {
  return Object.fromEntries([...tree].map(([name, value]) => [name, value instanceof Map ? plain(value) : value]))
}

/** `layers`: where a value may stand, the one that wins first. */
function walk(schema: TSchema, path: string, layers: readonly unknown[], limits: unknown, found: EffectiveSetting[]): void {
  for (const [name, member] of membersOf(schema) ?? []) {
    const at = path === '' ? name : `${path}.${name}`
    // What stands under `limits` is shown with the listeners.
    if (at === 'limits') continue
    const inner = layers.map((layer) => memberOf(layer, name))
    if (membersOf(member) !== undefined) {
      walk(member, at, name === 'limits' ? [...inner, limits] : inner, limits, found)
      continue
    }
    const value = inner.find((each) => each !== undefined)
    const standard: unknown = Reflect.get(member, 'default')
    found.push({ path: at, value: value ?? standard, given: value !== undefined })
  }
}

function memberOf(layer: unknown, name: string): unknown {
  return typeof layer === 'object' && layer !== null && Object.hasOwn(layer, name) ? Reflect.get(layer, name) : undefined
}

/** The names under `limits`, for tests that compare. */
export const limitNames: readonly string[] = [...(membersOf(limitsSchema)?.keys() ?? [])]
