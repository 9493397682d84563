import type { AzureRoute } from './route.ts'

/** Every route of the surface. Keywords come before ids: `/jobs/v2/query` is not the job `query`. */
export const azureRoutes: readonly AzureRoute[] = []
