import type { Instant } from '#base'
import type { Segment } from './catalog.ts'

/** How much is kept: the oldest segments go when there is more than `bytes`, and when their newest record is older than `ageMs`. */
export type Retention = { readonly bytes: number; readonly ageMs: number }

/** How many segments, from the oldest on, may go. Never the last one: it is being written. */
export function countExpired(segments: readonly Segment[], retention: Retention, now: Instant): number {
  let kept = 0
  for (const segment of segments) kept += segment.bytes
  let count = 0
  for (const segment of segments.slice(0, -1)) {
    if (kept <= retention.bytes && segment.lastTime + retention.ageMs >= now) break
    kept -= segment.bytes
    count++
  }
  return count
}
