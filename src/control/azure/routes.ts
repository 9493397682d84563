import { bulkRoutes } from './bulk.ts'
import { configurationRoutes } from './configurations.ts'
import { deviceRoutes } from './devices.ts'
import { digitalTwinRoutes } from './digital-twins.ts'
import { jobRoutes } from './jobs.ts'
import { messageRoutes } from './messages.ts'
import { methodRoutes } from './methods.ts'
import { moduleRoutes } from './modules.ts'
import { queryRoutes } from './queries.ts'
import type { AzureRoute } from './route.ts'
import { transferRoutes } from './transfers.ts'
import { twinRoutes } from './twins.ts'

/** Every route of the surface. Keywords come before ids: `/jobs/v2/query` is not the job `query`. */
export const azureRoutes: readonly AzureRoute[] = [
  ...queryRoutes,
  ...deviceRoutes,
  ...bulkRoutes,
  ...moduleRoutes,
  ...twinRoutes,
  ...methodRoutes,
  ...messageRoutes,
  ...jobRoutes,
  ...configurationRoutes,
  ...transferRoutes,
  ...digitalTwinRoutes,
]
