import type { DeviceId, Grant, Instant, Result } from '#base'
import type { Json } from '#wire/json'

/** What is set where: `properties.desired.interval` -> a value. */
export type ContentPart = { readonly [path: string]: Json }

/**
 * What a configuration sets: desired properties of devices, of modules, or of modules of an IoT Edge device by their names. It never changes while
 * the configuration lives.
 */
export type ConfigurationContent =
  | { readonly deviceContent: ContentPart }
  | { readonly moduleContent: ContentPart }
  | { readonly modulesContent: { readonly [module: string]: ContentPart } }

/** A configuration to be. `targetCondition` is a WHERE body over devices, `*` for all, or `FROM devices.modules WHERE ...` for `moduleContent`. */
export type ConfigurationSpec = {
  readonly id: string
  readonly labels: { readonly [name: string]: string }
  readonly content: ConfigurationContent
  readonly targetCondition: string
  /** 0 to 2,147,483,647; the highest wins, and of the same the one made last. */
  readonly priority: number
  /** Queries by name, at most five: how many rows each gives. */
  readonly metricQueries: { readonly [name: string]: string }
}

/** What may be changed; what is left out stays. The content may be said again, but not changed. */
export type ConfigurationPatch = Partial<Omit<ConfigurationSpec, 'id'>>

/** A configuration as it stands. Results are those of the last evaluation, which may be five minutes old; null before the first. */
export type Configuration = ConfigurationSpec & {
  readonly etag: string
  readonly createdTime: Instant
  readonly lastUpdatedTime: Instant
  readonly results: ConfigurationResults | null
}

/** What an evaluation found: how many twins are targeted, how many have the content, and the metrics by name. */
export type ConfigurationResults = {
  readonly evaluatedTime: Instant
  readonly targeted: number
  readonly applied: number
  /** Of IoT Edge: what the runtime of the devices says of its deployment. */
  readonly reportedSuccessful: number
  readonly reportedFailed: number
  readonly metrics: { readonly [name: string]: number }
}

/** What is wrong with a target condition and with queries of metrics; empty where nothing is. */
export type QueryErrors = { readonly targetConditionError: string; readonly customMetricQueryErrors: { readonly [name: string]: string } }

/** Automatic device management (azure-wire 5.5). */
export interface Configurations {
  /** All of them, by id: there are at most 100. */
  list(grant: Grant<'configuration.read'>): readonly Configuration[]
  /** Refuses `hub/configuration-not-found`. */
  find(grant: Grant<'configuration.read'>, id: string): Result<Configuration>
  /**
   * Makes one, and begins to apply it. Refuses `hub/configuration-malformed`, `-content`, `-condition`, `-metrics`, `-exists`, and
   * `hub/too-many-configurations`.
   */
  create(grant: Grant<'configuration.write'>, spec: ConfigurationSpec): Promise<Result<Configuration>>
  /** `etag` undefined or `*`: whatever it is. Refuses as `create`, and `hub/configuration-immutable`, `hub/etag-differs`, `hub/configuration-not-found`. */
  update(grant: Grant<'configuration.write'>, id: string, patch: ConfigurationPatch, etag?: string): Promise<Result<Configuration>>
  /** Deletes one, and begins to take back what it set. Refuses `hub/configuration-not-found`, `hub/etag-differs`. */
  remove(grant: Grant<'configuration.write'>, id: string, etag?: string): Promise<Result<void>>
  /** Tries a target condition and queries of metrics. */
  test(
    grant: Grant<'configuration.read'>,
    queries: { readonly targetCondition: string; readonly metricQueries: { readonly [name: string]: string } },
  ): Promise<QueryErrors>
  /**
   * Sets content at one device, once and whole: what a path names becomes what the content says. Durable when it resolves, each twin by itself. Refuses
   * `hub/configuration-content`, `hub/device-not-found`, `hub/module-not-found`, and as twins do.
   */
  applyContent(grant: Grant<'configuration.write'>, device: DeviceId, content: ConfigurationContent): Promise<Result<void>>
  /** Devices or modules were made: they are looked at soon. */
  registryGrew(): void
  /** Resolves when an evaluation that began after the call has ended; rejects when it failed. */
  evaluated(): Promise<void>
}
