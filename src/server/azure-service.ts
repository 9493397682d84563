import type { Services } from '#access'
import type { Clock, Random } from '#base'
import { type AzureService, openAzureService } from '#control'
import type { Hub } from '#hub'
import type { Log } from './log.io.ts'

/** What the REST surface for back ends is joined to. */
export type AzureServiceRooms = {
  readonly hub: Hub
  readonly services: Services
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Joins the REST surface for back ends to the rooms; the HTTPS listener hands it what is not for devices. */
export function azureServiceOf({ hub, services, clock, random, log }: AzureServiceRooms): AzureService {
  return openAzureService({ hub, services, clock, random, trouble: (what, error) => log.error(what, { error }) })
}
