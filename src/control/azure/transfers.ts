import { ok, refuse } from '#base'
import { objectBody } from './read.ts'
import { json, noContent } from './reply.ts'
import { azureRoute, bodyBytes } from './route.ts'

const noStorage = refuse('control/azure-no-storage', 'This hub has no store of files for imports and exports.')
const noJob = refuse('hub/job-not-found', 'There is no such job.')

/** Import and export jobs (azure-wire 5.8). What they do is not here: the program gives it, or they are refused. */
export const transferRoutes = [
  azureRoute({
    method: 'POST',
    path: '/jobs/create',
    needs: ['device.read', 'device.write', 'device.delete'],
    throttle: 'jobs',
    bodyBytes,
    async run(call) {
      const { transfers } = call.ports
      if (transfers === undefined) return noStorage
      const body = objectBody(call.body)
      if (!body.ok) return body
      const grants = { read: call.grant('device.read'), write: call.grant('device.write'), remove: call.grant('device.delete') }
      const job = await transfers.create(grants, body.value)
      return job.ok ? ok(json(job.value)) : job
    },
  }),
  azureRoute({
    method: 'GET',
    path: '/jobs',
    needs: ['device.read'],
    throttle: 'jobs',
    run: async (call) => ok(json((await call.ports.transfers?.list(call.grant('device.read'))) ?? [])),
  }),
  azureRoute({
    method: 'GET',
    path: '/jobs/{id}',
    needs: ['device.read'],
    throttle: 'jobs',
    async run(call) {
      const job = await call.ports.transfers?.find(call.grant('device.read'), call.id('id'))
      return job === undefined ? noJob : ok(json(job))
    },
  }),
  azureRoute({
    method: 'DELETE',
    path: '/jobs/{id}',
    needs: ['device.write'],
    throttle: 'jobs',
    async run(call) {
      const { transfers } = call.ports
      if (transfers === undefined) return noJob
      const cancelled = await transfers.cancel(call.grant('device.write'), call.id('id'))
      return cancelled.ok ? ok(noContent) : cancelled
    },
  }),
]
