import { Type } from 'typebox'
import { type Grant, type Result, ok, uuid } from '#base'
import type { Job, JobGrants, JobType } from '#hub'
import { closed, orNull, pageLimit, text } from '../hub-schema.ts'
import { deviceJob, deviceJobStatus, deviceJobView, job, jobInput, jobSpecOf, jobStatus, jobType, jobView } from '../job-schema.ts'
import { type Call, type Route, type StreamOut, bare, nothing, route, streamRoute } from '../route.ts'
import { event, heartbeat, heartbeatMs } from '../sse.ts'
import { Wake } from '../wake.ts'
import type { Parts } from './parts.ts'

const path = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }, closed)
const named = ({ id }: { readonly id: string }) => `job:${id}`
const all = () => 'jobs'

/** Longest name of an identity: a device, a slash and a module. */
const maxIdentityLength = 257

const jobPage = Type.Object({ jobs: Type.Array(job), continuation: orNull(text) }, { ...closed, title: 'JobPage' })
const deviceJobPage = Type.Object({ devices: Type.Array(deviceJob), next: orNull(text) }, { ...closed, title: 'DeviceJobPage' })

/** Work over many devices: made, watched and cancelled. */
export function jobRoutes(parts: Parts): readonly Route[] {
  return [...working(parts), ...looking(parts)]
}

function working({ ports }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/jobs',
      summary: 'Makes a job. It needs the right to do what it does, besides; without an id it gets one.',
      access: { grants: ['job.write'], sometimes: ['twin.write', 'method.invoke'] },
      resource: all,
      body: jobInput,
      answer: { status: 201, is: job, description: 'Made, and durable.' },
      async handle(call) {
        const spec = jobSpecOf(call.body, call.body.id ?? uuid(ports.random))
        if (!spec.ok) return spec
        const grants = grantsFor(call, spec.value.work.type)
        if (!grants.ok) return grants
        const made = await ports.hub.jobs.create(grants.value, spec.value)
        return made.ok ? ok(jobView(made.value)) : made
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/jobs/{id}/cancel',
      summary: 'Ends a job: what is under way at a device is let run, what waits is cancelled.',
      access: { grants: ['job.write'] },
      resource: named,
      params: path,
      answer: { status: 200, is: job, description: 'The job as it is now.' },
      async handle(call) {
        const ended = await ports.hub.jobs.cancel(call.grant('job.write'), call.params.id)
        return ended.ok ? ok(jobView(ended.value)) : ended
      },
    }),
  ]
}

function grantsFor(
  call: Call<'job.write', 'twin.write' | 'method.invoke', typeof nothing, typeof nothing, typeof jobInput>,
  type: JobType,
): Result<JobGrants> {
  const job_ = call.grant('job.write')
  const work: Result<Grant<'twin.write'> | Grant<'method.invoke'>> =
    type === 'scheduleUpdateTwin' ? call.ask('twin.write') : call.ask('method.invoke')
  return work.ok ? ok({ job: job_, work: work.value }) : work
}

function looking({ ports }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/jobs',
      summary: 'Jobs of the last 30 days, newest first.',
      access: { grants: ['job.read'] },
      resource: all,
      query: Type.Object(
        {
          status: Type.Optional(jobStatus),
          type: Type.Optional(jobType),
          limit: pageLimit,
          continuation: Type.Optional(Type.String({ maxLength: 4_096 })),
        },
        closed,
      ),
      answer: { status: 200, is: jobPage, description: 'A page. `continuation` asks for the next.' },
      async handle(call) {
        const { status, type, limit = 50, continuation } = call.query
        const page = await ports.hub.jobs.list(call.grant('job.read'), { status, type, maxItems: limit, continuation })
        return page.ok ? ok({ jobs: page.value.jobs.map(jobView), continuation: page.value.continuation ?? null }) : page
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/jobs/{id}',
      summary: 'One job, and how far it is.',
      access: { grants: ['job.read'] },
      resource: named,
      params: path,
      answer: { status: 200, is: job, description: 'The job.' },
      async handle(call) {
        const found = await ports.hub.jobs.find(call.grant('job.read'), call.params.id)
        return found.ok ? ok(jobView(found.value)) : found
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/jobs/{id}/devices',
      summary: 'What a job did to each device or module, in the order of their names.',
      access: { grants: ['job.read'] },
      resource: named,
      params: path,
      query: Type.Object(
        {
          after: Type.Optional(Type.String({ maxLength: maxIdentityLength })),
          limit: pageLimit,
          status: Type.Optional(deviceJobStatus),
        },
        closed,
      ),
      answer: { status: 200, is: deviceJobPage, description: 'A page. `next` is the `after` of the page that follows.' },
      async handle(call) {
        const { after, limit = 100, status } = call.query
        const page = await ports.hub.jobs.devices(call.grant('job.read'), call.params.id, { limit, after, status })
        return page.ok ? ok({ devices: page.value.devices.map(deviceJobView), next: page.value.next ?? null }) : page
      },
    }),
    streamRoute({
      ...bare,
      method: 'GET',
      path: '/api/v1/jobs/{id}/live',
      summary: 'The job now and whenever it has moved, at most once a second; ends with the job.',
      access: { grants: ['job.read'] },
      resource: named,
      params: path,
      answer: { stream: 'text/event-stream', line: job, description: 'Server-sent events named `job`, and `end` after the last.' },
      async handle(call) {
        const grant = call.grant('job.read')
        const found = await ports.hub.jobs.find(grant, call.params.id)
        return found.ok ? ok((out) => followJob(ports, grant, found.value, out)) : found
      },
    }),
  ]
}

/** Writes a job each time it has moved, and only as fast as the peer takes: what it missed in between it is not told. */
async function followJob({ hub, clock }: Parts['ports'], grant: Grant<'job.read'>, first: Job, out: StreamOut): Promise<void> {
  const wake = new Wake()
  let isBeat = false
  const stop = [
    hub.jobs.watch(first.id, () => wake.wake()),
    clock.every(heartbeatMs, () => {
      isBeat = true
      wake.wake()
    }),
  ]
  try {
    for (let said = ''; !out.signal.aborted;) {
      const more = wake.next(out.signal)
      const now = await hub.jobs.find(grant, first.id)
      if (!now.ok) return
      const line = event({ name: 'job', data: jobView(now.value) })
      if (line !== said) await out.write(line)
      else if (isBeat) await out.write(heartbeat)
      said = line
      isBeat = false
      if (now.value.endTime !== null) {
        await out.write(event({ name: 'end', data: {} }))
        return
      }
      await more
    }
  } finally {
    for (const one of stop) one()
  }
}
