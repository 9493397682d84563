import { type Result, ok } from '#base'
import type { TwinObject, TwinPatch } from '#hub'
import { type JsonObject, optionalObject } from './read.ts'

/** What the hub itself says of properties; clients send it back in a whole twin, and it is theirs neither to set nor to be blamed for. */
const ours: ReadonlySet<string> = new Set(['$metadata', '$version'])

/** Reads tags and desired properties out of a twin or a part of one (azure-wire 5.2). Everything else in it is ignored, as IoT Hub does. */
export function twinPatchFromJson(body: JsonObject): Result<TwinPatch> {
  const tags = optionalObject(body, 'tags')
  if (!tags.ok) return tags
  const properties = optionalObject(body, 'properties')
  if (!properties.ok) return properties
  const desired = optionalObject(properties.value ?? {}, 'desired')
  if (!desired.ok) return desired
  return ok({ tags: tags.value, desired: desired.value === undefined ? undefined : withoutOurs(desired.value) })
}

function withoutOurs(section: JsonObject): TwinObject {
  return Object.fromEntries(Object.entries(section).filter(([name]) => !ours.has(name)))
}
