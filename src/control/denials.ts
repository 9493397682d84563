import type { Offset } from '#journal'
import type { FactOf } from '#journal'

/** One denial of the journal. */
export type DeniedAt = { readonly offset: Offset; readonly fact: FactOf<'denied'> }

/** Denials of the same thing: how many, since when, and the latest of them. */
export type DenialGroup = { readonly latest: DeniedAt; readonly count: number; readonly first: FactOf<'denied'>['time'] }

/** Groups denials by action and topic, given newest first. A record that stands for several counts as so many. */
export function groupDenials(denials: readonly DeniedAt[]): readonly DenialGroup[] {
  const groups = new Map<string, DenialGroup>()
  for (const one of denials) {
    const key = `${one.fact.action} ${one.fact.topic}`
    const known = groups.get(key)
    const count = (known?.count ?? 0) + (one.fact.count ?? 1)
    groups.set(key, { latest: known?.latest ?? one, count, first: one.fact.time })
  }
  return [...groups.values()]
}
