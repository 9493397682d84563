import type { Json } from '#wire/json'
import { isTwinObject } from './twin-rules.ts'
import type { TwinObject } from './twin.ts'

/** When a property was set, and by which version of the desired properties: what `$metadata` says of it. */
export type TwinStamp = { readonly $lastUpdated: string; readonly $lastUpdatedVersion?: number }

/**
 * Applies a JSON merge patch (RFC 7396): null deletes, objects are merged member by member, all else replaces. What is not touched is shared with `base`,
 * and nothing given is changed. Keys have been checked (twin-rules.ts).
 */
export function mergePatch(base: TwinObject, patch: TwinObject): TwinObject {
  const merged: Record<string, Json> = { ...base }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else if (isTwinObject(value)) merged[key] = mergePatch(objectAt(merged, key), value)
    else merged[key] = value
  }
  return merged
}

/** The metadata of a section after a patch: each property that was set, and every object around it, gets the stamp. */
export function mergeMetadata(base: TwinObject, patch: TwinObject, stamp: TwinStamp): TwinObject {
  const merged: Record<string, Json> = { ...base, ...stamp }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else if (isTwinObject(value)) merged[key] = mergeMetadata(objectAt(merged, key), value, stamp)
    else merged[key] = stamp
  }
  return merged
}

/** The metadata of what is named in `properties`, all of one stamp: of a section that was put in place, or of a patch. */
export function metadataOf(properties: TwinObject, stamp: TwinStamp): TwinObject {
  const metadata: Record<string, Json> = { ...stamp }
  for (const [key, value] of Object.entries(properties)) metadata[key] = isTwinObject(value) ? metadataOf(value, stamp) : stamp
  return metadata
}

function objectAt(base: TwinObject, key: string): TwinObject {
  const inner = base[key]
  return isTwinObject(inner) ? inner : {}
}
