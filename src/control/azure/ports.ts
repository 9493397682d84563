import type { Services } from '#access'
import type { Clock, Grant, Random, Result } from '#base'
import type { Hub } from '#hub'
import type { Json } from '#wire/json'
import type { AzureThrottles } from './throttles.ts'

/** Import and export of the registry through files (azure-wire 5.8). A job is JSON as its clients read it. */
export type TransferJobs = {
  create(grants: TransferGrants, request: { readonly [key: string]: Json }): Promise<Result<Json>>
  list(grant: Grant<'device.read'>): Promise<readonly Json[]>
  /** Undefined: no such job. */
  find(grant: Grant<'device.read'>, jobId: string): Promise<Json | undefined>
  cancel(grant: Grant<'device.write'>, jobId: string): Promise<Result<void>>
}

/** An import writes and deletes, an export reads: Azure asks for all three rights for either (azure-wire 1.10). */
export type TransferGrants = {
  readonly read: Grant<'device.read'>
  readonly write: Grant<'device.write'>
  readonly remove: Grant<'device.delete'>
}

/** What Azure's service REST surface asks of the rest of the house. */
export type AzureServicePorts = {
  readonly clock: Clock
  readonly random: Random
  readonly hub: Hub
  /** Proves back ends, and slows down who fails at it again and again. */
  readonly services: Services
  /** How often a caller may ask; the defaults where nothing is said. */
  readonly throttles?: AzureThrottles | undefined
  /** Undefined: import and export jobs are refused. */
  readonly transfers?: TransferJobs | undefined
  /** Told of what went wrong on our side, under the id that the peer was given. */
  trouble(what: string, error: unknown): void
}
