import type { DeviceId, Grant, Result } from '#base'
import type { Offset } from '#journal'
import type { Json } from '#wire/json'

/** A JSON object of a twin: tags, or the properties of a section without `$metadata` and `$version`. */
export type TwinObject = { readonly [key: string]: Json }

/** Desired or reported properties, with what IoT Hub says about each (`$metadata`) and the section's version, from 1. */
export type TwinSection = { readonly properties: TwinObject; readonly metadata: TwinObject; readonly version: number }

/** The twin of a device or a module. `version` counts every change; `etag` is the base64 of a counter (azure-wire 2.10). */
export type Twin = {
  readonly identity: DeviceId
  readonly generationId: string
  readonly modelId: string
  readonly tags: TwinObject
  readonly desired: TwinSection
  readonly reported: TwinSection
  readonly version: number
  readonly etag: string
  /** What automatic device management did to it: configuration id -> status. */
  readonly configurations: { readonly [id: string]: { readonly status: 'Targeted' | 'Applied' } }
}

/** What a service may change. A patch is a JSON merge patch (null deletes); a replacement puts whole sections in place. */
export type TwinPatch = { readonly tags?: TwinObject | undefined; readonly desired?: TwinObject | undefined }

/** Who changed the desired properties, where that is no person: a job or a configuration, by id. */
export type TwinCause = { readonly kind: 'job' | 'configuration'; readonly id: string }

/** Desired properties have changed and are durable. `body` is what the device is told: the patch (nulls for what went), or all after a replacement. */
export type DesiredChange = { readonly identity: DeviceId; readonly version: number; readonly body: TwinObject }

/** One change of a twin out of the journal, newest first. */
export type TwinChange = {
  readonly offset: Offset
  readonly time: number
  readonly actor: string
  readonly part: 'reported' | 'service'
  readonly patch: { readonly tags?: Json; readonly desired?: Json; readonly reported?: Json }
  readonly isReplacement: boolean
  /** Of the twin, after the change. */
  readonly version: number
  readonly cause?: TwinCause
}

/** A page of changes, newest first. `next` says before which offset to go on; undefined: there is nothing older in the journal. */
export type TwinHistory = { readonly changes: readonly TwinChange[]; readonly next: Offset | undefined }

/** What automatic device management does to a twin: a merge patch of desired properties, and statuses by configuration (null: taken away). */
export type TwinOrder = {
  readonly desired?: TwinObject | undefined
  readonly configurations: { readonly [id: string]: 'Targeted' | 'Applied' | null }
}

/**
 * The twins of this hub. Everything that resolves is durable. Refusals: `hub/twin-*`, `hub/etag-differs`, `hub/device-not-found`, and `hub/busy` while the
 * disk takes nothing.
 */
export interface Twins {
  /** The twin of a registered identity; undefined where nobody is registered. */
  get(identity: DeviceId): Promise<Twin | undefined>
  /** A device's own report: a JSON merge patch. Refuses `hub/twin-version-differs` when `ifVersion` is not the section's. */
  patchReported(identity: DeviceId, patch: Json, ifVersion?: number): Promise<Result<{ readonly version: number }>>
  /** Merges into tags and desired properties. `etag` undefined or `*`: whatever it is now. */
  patch(grant: Grant<'twin.write'>, identity: DeviceId, patch: TwinPatch, etag?: string, cause?: TwinCause): Promise<Result<Twin>>
  /** Replaces tags and desired properties, those that are given; reported stay. */
  replace(grant: Grant<'twin.write'>, identity: DeviceId, whole: TwinPatch, etag?: string): Promise<Result<Twin>>
  /** What a configuration wants of a twin; it needs no grant of its own, since the configuration was audited. Refuses as `patch` does. */
  configure(identity: DeviceId, order: TwinOrder, configurationId: string): Promise<Result<Twin>>
  /** Told of every change of desired properties, once it is durable, in order for each twin. Returns how to stop listening. */
  onDesired(listener: (change: DesiredChange) => void): () => void
  /** The model that a connecting client says it has (plug and play); kept when it is not the one that is known. */
  announceModel(identity: DeviceId, modelId: string): void
  /**
   * Changes of one twin as far as the journal reaches, newest first, from before an offset. It looks at no more records than a moment allows:
   * a page may hold fewer than `limit`, or none, and still name a `next`.
   */
  history(grant: Grant<'twin.read'>, identity: DeviceId, limit: number, before?: Offset): Promise<TwinHistory>
  /** Resolves when the rows hold every change that was durable at the call: for queries. */
  flushed(): Promise<void>
}
