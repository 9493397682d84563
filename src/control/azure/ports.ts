import type { Services } from '#access'
import type { Clock, Random } from '#base'
import type { Hub, RegistryJobs } from '#hub'
import type { AzureThrottles } from './throttles.ts'

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
  readonly transfers?: RegistryJobs | undefined
  /** Told of what went wrong on our side, under the id that the peer was given. */
  trouble(what: string, error: unknown): void
}
