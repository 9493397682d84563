import type { Grant, Result } from '#base'
import type { JsonObject } from './device-authentication-json.ts'

/** The states of a job that imports or exports the registry, as IoT Hub spells them (azure-wire 5.8). */
export type RegistryJobStatus = 'enqueued' | 'running' | 'completed' | 'failed' | 'cancelled'

/** An import writes and deletes, an export reads: Azure asks for all three rights for either (azure-wire 1.10). */
export type RegistryJobGrants = {
  readonly read: Grant<'device.read'>
  readonly write: Grant<'device.write'>
  readonly remove: Grant<'device.delete'>
}

/** What such a job may do besides; IoT Hub's rights on the registry cover it. */
export type RegistryJobPermits = {
  readonly readTwins: Grant<'twin.read'>
  readonly writeTwins: Grant<'twin.write'>
  readonly configurations: Grant<'configuration.read'>
}

/** Import and export of the registry through containers of our own. Jobs are JSON as clients read them. */
export interface RegistryJobs extends AsyncDisposable {
  /**
   * Begins a job; one runs at a time. Refuses `hub/registry-job-malformed`, `hub/registry-job-running`, and `hub/container-forbidden` for a place that is
   * not one of our containers.
   */
  create(grants: RegistryJobGrants, request: JsonObject): Promise<Result<JsonObject>>
  /** The newest first, at most 100. */
  list(grant: Grant<'device.read'>): Promise<readonly JsonObject[]>
  /** Undefined: no such job. */
  find(grant: Grant<'device.read'>, jobId: string): Promise<JsonObject | undefined>
  /** What was done stays. Refuses `hub/job-not-found`. */
  cancel(grant: Grant<'device.write'>, jobId: string): Promise<Result<void>>
}
