import { type DeviceId, type Instant, isoTime } from '#base'
import type { FactOf } from '#journal'
import type { Json } from '#wire/json'
import { type TwinStamp, mergeMetadata, mergePatch, metadataOf } from './twin-merge.ts'
import { isTwinObject } from './twin-rules.ts'
import type { Twin, TwinObject, TwinSection } from './twin.ts'

/** The facts that change a twin. */
export type TwinFact = FactOf<'twin-reported' | 'twin-changed' | 'model-announced'>

/** What the registry knows of a device or a module, as its twin needs it. */
export type Registered = { readonly generationId: string; readonly createdAt: Instant }

/** The version of a twin that nobody has touched: 2, as in the event that IoT Hub sends for a new identity (azure-wire 9.6). */
const firstVersion = 2

/** Time as `$lastUpdated` has it: ISO 8601 in UTC with seven fractional digits. */
export function twinTime(at: Instant): string {
  return `${isoTime(at).slice(0, -1)}0000Z`
}

/** The twin of an identity as it is born. */
export function newTwin(identity: DeviceId, { generationId, createdAt }: Registered): Twin {
  const section: TwinSection = { properties: {}, metadata: { $lastUpdated: twinTime(createdAt) }, version: 1 }
  return {
    identity,
    generationId,
    modelId: '',
    tags: {},
    desired: section,
    reported: section,
    version: firstVersion,
    etag: twinEtag(1),
    configurations: {},
  }
}

/** A counter as an etag: base64 of eight bytes, big-endian (azure-wire 2.10). */
export function twinEtag(number: number): string {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(number))
  return bytes.toString('base64')
}

/** The counter behind an etag of ours. */
export function etagNumber(etag: string): number {
  const bytes = Buffer.from(etag, 'base64')
  return bytes.length === 8 ? Number(bytes.readBigUInt64BE()) : 0
}

/**
 * The etag after a change. [R]: a device that reports leaves it alone, or a back end that reads, thinks and writes would never get its turn.
 */
export function nextEtag(etag: string): string {
  return twinEtag(etagNumber(etag) + 1)
}

/** The twin after a fact that follows on it. Live changes and a start go this one way, so that they cannot differ. */
export function afterFact(twin: Twin, fact: TwinFact): Twin {
  if (fact.kind === 'model-announced') return { ...twin, modelId: fact.modelId }
  if (fact.kind === 'twin-reported') {
    const { properties, metadata } = twin.reported
    return {
      ...twin,
      version: fact.twinVersion,
      reported: {
        properties: mergePatch(properties, fact.patch),
        metadata: mergeMetadata(metadata, fact.patch, { $lastUpdated: twinTime(fact.time) }),
        version: fact.version,
      },
    }
  }
  return {
    ...twin,
    version: fact.twinVersion,
    etag: fact.etag,
    tags: fact.tags === undefined ? twin.tags : fact.replaces ? fact.tags : mergePatch(twin.tags, fact.tags),
    desired: fact.desired === undefined ? twin.desired : desiredAfter(twin.desired, fact, fact.desired),
    configurations: configurationsAfter(twin.configurations, fact),
  }
}

/** Whether a fact found in the journal still has to be applied. Statuses and models are whole values, so they are applied again and end the same. */
export function isNews(twin: Twin, fact: TwinFact): boolean {
  return fact.kind === 'model-announced' || fact.twinVersion > twin.version
}

/** A section that is put in place: null members say that there is nothing. */
export function withoutNulls(properties: TwinObject): TwinObject {
  const out: Record<string, Json> = {}
  for (const [key, value] of Object.entries(properties)) if (value !== null) out[key] = isTwinObject(value) ? withoutNulls(value) : value
  return out
}

function desiredAfter(desired: TwinSection, fact: FactOf<'twin-changed'>, given: TwinObject): TwinSection {
  const stamp: TwinStamp = { $lastUpdated: twinTime(fact.time), $lastUpdatedVersion: fact.desiredVersion }
  if (fact.replaces) return { properties: given, metadata: metadataOf(given, stamp), version: fact.desiredVersion }
  return {
    properties: mergePatch(desired.properties, given),
    metadata: mergeMetadata(desired.metadata, given, stamp),
    version: fact.desiredVersion,
  }
}

function configurationsAfter(before: Twin['configurations'], { configurations }: FactOf<'twin-changed'>): Twin['configurations'] {
  if (configurations === undefined) return before
  const after = new Map(Object.entries(before))
  for (const [id, status] of Object.entries(configurations)) {
    if (status === null) after.delete(id)
    else after.set(id, { status })
  }
  return Object.fromEntries(after)
}
