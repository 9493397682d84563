import type { Services } from '#access'
import type { Clock, Random } from '#base'
import { type AzureService, type AzureThrottles, openAzureService } from '#control'
import type { Hub } from '#hub'
import type { Log } from './log.io.ts'

/** What the REST surface for back ends is joined to. */
export type AzureServiceRooms = {
  readonly hub: Hub
  readonly services: Services
  readonly throttles: AzureThrottles
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Joins the REST surface for back ends to the rooms; the HTTPS listener hands it what is not for devices. */
export function azureServiceOf({ log, ...ports }: AzureServiceRooms): AzureService {
  return openAzureService({ ...ports, transfers: ports.hub.registryJobs, trouble: (what, error) => log.error(what, { error }) })
}
