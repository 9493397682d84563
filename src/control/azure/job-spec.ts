import { type Instant, type Result, instant, ok } from '#base'
import { type JobQuery, type JobSpec, type JobStatus, type JobType, type JobWork, jobStatuses } from '#hub'
import { methodFromJson } from './methods.ts'
import { type JsonObject, field, malformed, optionalInteger, optionalObject, optionalText, requiredText } from './read.ts'
import { twinPatchFromJson } from './twin-patch.ts'

/** Reads a job as IoT Hub's clients write it (azure-wire 5.7). The id of the path and that of the body must agree. */
export function jobFromJson(id: string, body: JsonObject): Result<JobSpec> {
  const named = optionalText(body, 'jobId')
  if (!named.ok) return named
  if (named.value !== undefined && named.value !== id) return malformed('jobId is not the id of the path.')
  const work = workFromJson(body)
  if (!work.ok) return work
  const condition = requiredText(body, 'queryCondition')
  if (!condition.ok) return condition
  const startTime = timeOf(field(body, 'startTime'), 'startTime')
  if (!startTime.ok) return startTime
  const maxExecutionSeconds = optionalInteger(body, 'maxExecutionTimeInSeconds')
  if (!maxExecutionSeconds.ok) return maxExecutionSeconds
  return ok({
    id,
    work: work.value,
    condition: condition.value,
    startTime: startTime.value,
    maxExecutionSeconds: maxExecutionSeconds.value,
  })
}

function workFromJson(body: JsonObject): Result<JobWork> {
  const type = jobTypeOf(field(body, 'type'))
  if (!type.ok) return type
  if (type.value === 'scheduleDeviceMethod') {
    const method = optionalObject(body, 'cloudToDeviceMethod')
    if (!method.ok) return method
    if (method.value === undefined) return malformed('cloudToDeviceMethod is missing.')
    const call = methodFromJson(method.value)
    return call.ok ? ok({ type: 'scheduleDeviceMethod', call: call.value }) : call
  }
  const twin = optionalObject(body, 'updateTwin')
  if (!twin.ok) return twin
  if (twin.value === undefined) return malformed('updateTwin is missing.')
  const patch = twinPatchFromJson(twin.value)
  if (!patch.ok) return patch
  const etag = optionalText(twin.value, 'etag')
  return etag.ok ? ok({ type: 'scheduleUpdateTwin', patch: patch.value, etag: etag.value }) : etag
}

const jobTypes: readonly JobType[] = ['scheduleDeviceMethod', 'scheduleUpdateTwin']

function jobTypeOf(value: unknown): Result<JobType> {
  const type = jobTypes.find((one) => typeof value === 'string' && one.toLowerCase() === value.toLowerCase())
  return type === undefined ? malformed(`type must be one of ${jobTypes.join(', ')}.`) : ok(type)
}

/** Longest time that RFC 3339 needs, with the seven digits of .NET and an offset. */
const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/

function timeOf(value: unknown, name: string): Result<Instant | undefined> {
  if (value === undefined) return ok(undefined)
  const at = typeof value === 'string' && isoTime.test(value) ? Date.parse(value) : Number.NaN
  return Number.isFinite(at) ? ok(instant(at)) : malformed(`${name} must be a time such as 2026-01-01T00:00:00Z.`)
}

/** Reads which jobs are asked for: `jobStatus` and `jobType` of the query, both of them optional. */
export function jobFilterOf(status: string | undefined, type: string | undefined): Result<Pick<JobQuery, 'status' | 'type'>> {
  const wanted = type === undefined || type === '' ? ok(undefined) : jobTypeOf(type)
  if (!wanted.ok) return wanted
  const state = status === undefined || status === '' ? ok(undefined) : jobStatusOf(status)
  return state.ok ? ok({ status: state.value, type: wanted.value }) : state
}

function jobStatusOf(text: string): Result<JobStatus> {
  // Older clients call it so.
  const spelt = text.toLowerCase() === 'enqueued' ? 'queued' : text.toLowerCase()
  const status = jobStatuses.find((one) => one === spelt)
  return status === undefined ? malformed(`jobStatus must be one of ${jobStatuses.join(', ')}.`) : ok(status)
}
