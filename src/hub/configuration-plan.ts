import { isDeepStrictEqual } from 'node:util'
import type { DeviceId } from '#base'
import type { Json } from '#wire/json'
import { type ConfigurationKind, cleared, placed, settingsFor } from './configuration-content.ts'
import type { Configuration } from './configuration.ts'
import { isTwinObject } from './twin-rules.ts'
import type { Twin, TwinObject, TwinOrder } from './twin.ts'

/** The configurations of one kind as an evaluation sees them. `gone` are deleted ones that may still have left something behind. */
export type Ground = { readonly kind: ConfigurationKind; readonly live: readonly Configuration[]; readonly gone: readonly Configuration[] }

/** What is to be done at a twin, and which configuration says so; undefined: nothing. `applied` is the one whose content the twin has then. */
export type TwinPlan = { readonly order: TwinOrder | undefined; readonly applied: string | undefined; readonly by: string }

/** The order of configurations: the highest priority first, of the same the one made last (azure-wire 5.5). */
export function byPriority(left: Configuration, right: Configuration): number {
  return right.priority - left.priority || right.createdTime - left.createdTime || (left.id < right.id ? -1 : 1)
}

/** Who targets a twin: `winner` is to be applied, the rest of `all` waits. `target` is the device or module that the conditions were true of. */
export type Targeting = { readonly target: DeviceId; readonly all: readonly Configuration[]; readonly winner: Configuration | undefined }

/**
 * What those who target a twin make of it. What another one set before and the winner does not is taken away, as are the statuses of all that target it no
 * more.
 */
export function planTwin(twin: Twin, { target, all, winner }: Targeting, ground: Ground): TwinPlan {
  const known = new Map([...ground.gone, ...ground.live].map((configuration) => [configuration.id, configuration]))
  const statuses: Record<string, 'Targeted' | 'Applied' | null> = {}
  for (const [id, { status }] of Object.entries(twin.configurations)) {
    if (!known.has(id)) continue
    const wanted = statusOf(id, all, winner)
    if (wanted !== status) statuses[id] = wanted
  }
  for (const { id } of all) if (twin.configurations[id] === undefined) statuses[id] = statusOf(id, all, winner)
  const former = [...ground.gone, ...ground.live].filter(({ id }) => twin.configurations[id]?.status === 'Applied')
  let desired = twin.desired.properties
  for (const configuration of former)
    if (configuration !== winner) desired = cleared(desired, settingsFor(configuration.content, target).get(twin.identity) ?? [])
  if (winner !== undefined) desired = placed(desired, settingsFor(winner.content, target).get(twin.identity) ?? [])
  const patch = difference(twin.desired.properties, desired)
  const isChanged = Object.keys(patch).length > 0
  const by = winner?.id ?? former[0]?.id ?? Object.keys(statuses)[0] ?? ''
  if (!isChanged && Object.keys(statuses).length === 0) return { order: undefined, applied: winner?.id, by }
  return { order: { configurations: statuses, ...(isChanged ? { desired: patch } : {}) }, applied: winner?.id, by }
}

/** The order when the winner's content does not fit: everybody waits. */
export function orderWithout(order: TwinOrder, winner: string | undefined): TwinOrder {
  return { configurations: winner === undefined ? order.configurations : { ...order.configurations, [winner]: 'Targeted' } }
}

/** The merge patch that makes `from` into `to`; empty when they are the same. */
export function difference(from: TwinObject, to: TwinObject): TwinObject {
  const patch: Record<string, Json> = {}
  for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) patch[key] = null
  for (const [key, wanted] of Object.entries(to)) {
    const is = Object.hasOwn(from, key) ? from[key] : undefined
    if (isTwinObject(is) && isTwinObject(wanted)) {
      const inner = difference(is, wanted)
      if (Object.keys(inner).length > 0) patch[key] = inner
    } else if (!isDeepStrictEqual(is, wanted)) patch[key] = wanted
  }
  return patch
}

function statusOf(id: string, all: readonly Configuration[], winner: Configuration | undefined): 'Targeted' | 'Applied' | null {
  return winner?.id === id ? 'Applied' : all.some((other) => other.id === id) ? 'Targeted' : null
}
