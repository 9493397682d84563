import { dateTime } from './format.ts'

/** Milliseconds since 1970 between 2001 and 2286: what a moment among other numbers looks like. */
const moments = { from: 1e12, to: 1e13 } as const
const deepest = 3

/**
 * A part of an observation in words: moments as dates, lists with commas, objects as `name value`. What lies deeper than three levels stays
 * JSON. `name` is the field it was found under; only fields named as moments are read as such.
 */
export function observationText(name: string, value: unknown, depth = 0): string {
  if (value === null || value === undefined) return 'none'
  if (typeof value === 'string') return value === '' ? 'empty' : value
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return isMoment(name, value) ? dateTime(value) : String(value)
  if (depth >= deepest) return JSON.stringify(value)
  if (Array.isArray(value)) return value.map((item: unknown) => observationText(name, item, depth + 1)).join(', ') || 'none'
  return Object.entries(value)
    .filter(([key, inner]) => !(key === 'examples' && Array.isArray(inner) && inner.length === 0))
    .map(([key, inner]) => `${key} ${observationText(key, inner, depth + 1)}`)
    .join(', ')
}

function isMoment(name: string, value: number): boolean {
  return /(At|since|Before|After|Update|Until)$/.test(name) && value >= moments.from && value < moments.to
}
