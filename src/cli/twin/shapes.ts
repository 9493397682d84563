import { time } from '../api.ts'
import { anything, entries, flag, list, maybe, number, object, text } from '../shape.ts'

const section = object({ properties: entries(anything), version: number })

/** The twin of a device or a module. */
export const twin = object({
  device: text,
  module: maybe(text),
  etag: text,
  version: number,
  modelId: text,
  tags: entries(anything),
  desired: section,
  reported: section,
  configurations: entries(text),
})
/** See {@link twin}. */
export type ApiTwin = ReturnType<typeof twin>

/** A page of changes of a twin. */
export const history = object({
  changes: list(
    object({
      offset: number,
      time,
      actor: text,
      part: text,
      patch: entries(anything),
      isReplacement: flag,
      version: number,
      cause: maybe(object({ kind: text, id: text })),
    }),
  ),
  next: maybe(number),
})
/** One of its changes. */
export type ApiTwinChange = ReturnType<typeof history>['changes'][number]
