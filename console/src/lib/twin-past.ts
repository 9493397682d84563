import type { TwinChange } from '../api/types.ts'
import { isObject, type JsonObject } from './json-text.ts'
import { merged } from './twin-diff.ts'

/** What an operator writes of a twin. */
export type TwinText = { readonly tags: JsonObject; readonly desired: JsonObject }

/** The parts of a twin as they were, as far as they are known. */
export type PastTwin = { readonly tags: JsonObject | undefined; readonly desired: JsonObject | undefined }

/** A twin's version before anybody has changed it. */
const firstVersion = 2

/**
 * What tags and desired properties were before and after each change, by its offset. `changes` come newest first and without a gap. Nothing is known before the
 * oldest of them unless it was the very first, and then only what was replaced whole.
 */
export function pastOf(changes: readonly TwinChange[]): ReadonlyMap<number, { readonly before: PastTwin; readonly after: PastTwin }> {
  const past = new Map<number, { readonly before: PastTwin; readonly after: PastTwin }>()
  const oldest = changes.at(-1)
  const empty = oldest !== undefined && oldest.version === firstVersion + 1 ? {} : undefined
  let now: PastTwin = { tags: empty, desired: empty }
  for (const { offset, patch, isReplacement } of changes.toReversed()) {
    const before = now
    now = { tags: after(now.tags, patch.tags, isReplacement), desired: after(now.desired, patch.desired, isReplacement) }
    past.set(offset, { before, after: now })
  }
  return past
}

function after(before: JsonObject | undefined, patch: unknown, isReplacement: boolean): JsonObject | undefined {
  if (!isObject(patch)) return before
  if (isReplacement) return patch
  return before === undefined ? undefined : merged(before, patch)
}
