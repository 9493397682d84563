import type { DenialGroup } from '../api/types.ts'

/** Denials of several pages as one list: the same action on the same topic is one group, the latest denied first. */
export function mergeDenials(pages: readonly (readonly DenialGroup[])[]): readonly DenialGroup[] {
  const groups = new Map<string, DenialGroup>()
  for (const group of pages.flat()) {
    const key = `${group.action} ${group.topic}`
    const known = groups.get(key)
    if (known === undefined) groups.set(key, group)
    else {
      const [newer, older] = known.offset >= group.offset ? [known, group] : [group, known]
      groups.set(key, { ...newer, count: known.count + group.count, first: older.first })
    }
  }
  return [...groups.values()].toSorted((a, b) => b.offset - a.offset)
}
