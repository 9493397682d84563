import { type Result, ok } from '#base'
import { type JobGrants, type JobWork, jobToAzureJson } from '#hub'
import { jobFilterOf, jobFromJson } from './job-spec.ts'
import { pageReply, pagingOf } from './queries.ts'
import { objectBody } from './read.ts'
import { json } from './reply.ts'
import { type AzureCall, azureRoute, bodyBytes } from './route.ts'

/** A job does to each device what its maker must be allowed to do to one. */
function grantsFor(call: AzureCall<'job.write', 'twin.write' | 'method.invoke'>, work: JobWork): Result<JobGrants> {
  const job = call.grant('job.write')
  if (work.type === 'scheduleDeviceMethod') {
    const granted = call.ask('method.invoke')
    return granted.ok ? ok({ job, work: granted.value }) : granted
  }
  const granted = call.ask('twin.write')
  return granted.ok ? ok({ job, work: granted.value }) : granted
}

/** Scheduled jobs (azure-wire 5.7). */
export const jobRoutes = [
  azureRoute({
    method: 'GET',
    path: '/jobs/v2/query',
    needs: ['job.read'],
    throttle: 'jobs',
    async run(call) {
      const filter = jobFilterOf(call.query('jobStatus'), call.query('jobType'))
      if (!filter.ok) return filter
      const paging = pagingOf(call)
      if (!paging.ok) return paging
      const page = await call.ports.hub.jobs.list(call.grant('job.read'), { ...filter.value, ...paging.value })
      if (!page.ok) return page
      const { jobs, continuation } = page.value
      return ok(pageReply({ items: jobs.map(jobToAzureJson), itemType: 'JobResponse', continuation }))
    },
  }),
  azureRoute({
    method: 'PUT',
    path: '/jobs/v2/{id}',
    needs: ['job.write'],
    sometimes: ['twin.write', 'method.invoke'],
    throttle: 'jobs',
    bodyBytes,
    async run(call) {
      const body = objectBody(call.body)
      if (!body.ok) return body
      const spec = jobFromJson(call.id('id'), body.value)
      if (!spec.ok) return spec
      const grants = grantsFor(call, spec.value.work)
      if (!grants.ok) return grants
      const job = await call.ports.hub.jobs.create(grants.value, spec.value)
      return job.ok ? ok(json(jobToAzureJson(job.value))) : job
    },
  }),
  azureRoute({
    method: 'GET',
    path: '/jobs/v2/{id}',
    needs: ['job.read'],
    throttle: 'jobs',
    async run(call) {
      const job = await call.ports.hub.jobs.find(call.grant('job.read'), call.id('id'))
      return job.ok ? ok(json(jobToAzureJson(job.value))) : job
    },
  }),
  azureRoute({
    method: 'POST',
    path: '/jobs/v2/{id}/cancel',
    needs: ['job.write'],
    throttle: 'jobs',
    async run(call) {
      const job = await call.ports.hub.jobs.cancel(call.grant('job.write'), call.id('id'))
      return job.ok ? ok(json(jobToAzureJson(job.value))) : job
    },
  }),
]
