import { type Static, Type } from 'typebox'
import { identityParts, instant, isoTime } from '#base'
import type { Twin, TwinChange, TwinSection } from '#hub'
import { anyJson, closed, count, jsonObject, orNull, text } from './hub-schema.ts'
import { time } from './schema.ts'

/* The shapes of twins; see schema.ts for the rules. */

const section = Type.Object({ properties: jsonObject, metadata: jsonObject, version: count }, { ...closed, title: 'TwinSection' })
const configurationStatus = Type.Enum(['Targeted', 'Applied'])

/** The twin of a device or a module. `version` counts every change; `configurations` says what automatic device management did to it. */
export const twin = Type.Object(
  {
    device: text,
    module: orNull(text),
    etag: text,
    version: count,
    modelId: text,
    tags: jsonObject,
    desired: section,
    reported: section,
    configurations: Type.Record(Type.String(), configurationStatus),
  },
  { ...closed, title: 'Twin' },
)

/** What is to change of a twin, or what is to stand in it. */
export const twinPatch = Type.Object(
  { tags: Type.Optional(jsonObject), desired: Type.Optional(jsonObject) },
  { ...closed, title: 'TwinPatch' },
)

/** One change of a twin. `part` says who made it: the device or module itself (reported), or a back end, an operator or the hub. */
export const twinChange = Type.Object(
  {
    offset: count,
    time,
    actor: text,
    part: Type.Enum(['reported', 'service']),
    patch: Type.Object({ tags: Type.Optional(anyJson), desired: Type.Optional(anyJson), reported: Type.Optional(anyJson) }, closed),
    isReplacement: Type.Boolean(),
    version: count,
    cause: Type.Optional(Type.Object({ kind: Type.Enum(['job', 'configuration']), id: text }, closed)),
  },
  { ...closed, title: 'TwinChange' },
)

/** A page of changes, newest first. */
export const twinHistory = Type.Object({ changes: Type.Array(twinChange), next: orNull(count) }, { ...closed, title: 'TwinHistory' })

/** A twin as the API shows it. */
export function twinView(one: Twin): Static<typeof twin> {
  const { device, module } = identityParts(one.identity)
  const statuses = Object.entries(one.configurations).map(([id, { status }]) => [id, status] as const)
  return {
    device,
    module: module ?? null,
    etag: one.etag,
    version: one.version,
    modelId: one.modelId,
    tags: one.tags,
    desired: sectionView(one.desired),
    reported: sectionView(one.reported),
    configurations: Object.fromEntries(statuses),
  }
}

function sectionView({ properties, metadata, version }: TwinSection): Static<typeof section> {
  return { properties, metadata, version }
}

/** A change as the API shows it. */
export function twinChangeView(one: TwinChange): Static<typeof twinChange> {
  const { offset, actor, part, patch, isReplacement, version, cause } = one
  const shown = { offset, time: isoTime(instant(one.time)), actor, part, patch: { ...patch }, isReplacement, version }
  return cause === undefined ? shown : { ...shown, cause: { kind: cause.kind, id: cause.id } }
}
