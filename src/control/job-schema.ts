import { type Static, Type } from 'typebox'
import { type Instant, type Result, instant, isoTime, ok, refuse } from '#base'
import { type DeviceJob, type Job, type JobSpec, type JobWork, jobStatuses } from '#hub'
import { anyJson, closed, count, jsonObject, orNull, text, timeOrNull } from './hub-schema.ts'
import { time } from './schema.ts'

/* The shapes of jobs; see schema.ts for the rules. */

/** The states of a job. */
export const jobStatus = Type.Enum([...jobStatuses])

/** What jobs do. */
export const jobType = Type.Enum(['scheduleDeviceMethod', 'scheduleUpdateTwin'])

/** The states of one device in a job. */
export const deviceJobStatus = Type.Enum(['pending', 'running', 'completed', 'failed', 'canceled'])

const call = Type.Object(
  {
    name: text,
    payload: Type.Optional(anyJson),
    responseTimeoutSeconds: Type.Optional(count),
    connectTimeoutSeconds: Type.Optional(count),
  },
  { ...closed, title: 'JobMethod' },
)
const patch = Type.Object(
  { tags: Type.Optional(jsonObject), desired: Type.Optional(jsonObject), etag: Type.Optional(text) },
  { ...closed, title: 'JobTwinPatch' },
)

/** A job to be: a method to call or a twin to merge, of every device or module that `condition` is true of (`*`: all). */
export const jobInput = Type.Object(
  {
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    condition: Type.String({ minLength: 1, maxLength: 16_384 }),
    method: Type.Optional(call),
    twin: Type.Optional(patch),
    startTime: Type.Optional(time),
    maxExecutionSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_536_000 })),
  },
  { ...closed, title: 'JobInput' },
)

const progress = Type.Object(
  {
    deviceCount: count,
    pendingCount: count,
    runningCount: count,
    succeededCount: count,
    failedCount: count,
    canceledCount: count,
    percent: Type.Number({ minimum: 0, maximum: 100 }),
  },
  { ...closed, title: 'JobProgress' },
)

/** A job as it is now. `method` or `twin` says what it does. */
export const job = Type.Object(
  {
    id: text,
    type: jobType,
    condition: text,
    method: Type.Optional(call),
    twin: Type.Optional(patch),
    status: jobStatus,
    createdBy: text,
    createdAt: time,
    startTime: time,
    endedAt: timeOrNull,
    maxExecutionSeconds: count,
    failureReason: orNull(text),
    progress,
  },
  { ...closed, title: 'Job' },
)

/** What a job did to one device or module. `answer` is the device's. */
export const deviceJob = Type.Object(
  {
    device: text,
    status: deviceJobStatus,
    startedAt: timeOrNull,
    endedAt: timeOrNull,
    updatedAt: time,
    answer: orNull(Type.Object({ status: Type.Integer(), payload: anyJson }, closed)),
    error: orNull(Type.Object({ code: text, description: text }, closed)),
  },
  { ...closed, title: 'DeviceJob' },
)

/** Reads a job. Refuses `control/malformed` when it does not do exactly one thing, and for a time that is none. */
export function jobSpecOf(input: Static<typeof jobInput>, id: string): Result<JobSpec> {
  const { method, twin, condition, maxExecutionSeconds } = input
  const startTime = readTime(input.startTime)
  if (!startTime.ok) return startTime
  if ((method === undefined) === (twin === undefined)) return refuse('control/malformed', 'A job has either method or twin.')
  const { etag, ...wanted } = twin ?? {}
  const work: JobWork =
    method === undefined ? { type: 'scheduleUpdateTwin', patch: wanted, etag } : { type: 'scheduleDeviceMethod', call: method }
  return ok({ id, work, condition, startTime: startTime.value, maxExecutionSeconds })
}

function readTime(said: string | undefined): Result<Instant | undefined> {
  if (said === undefined) return ok(undefined)
  const at = Date.parse(said)
  return Number.isFinite(at) ? ok(instant(at)) : refuse('control/malformed', 'startTime is no time such as 2027-01-31T00:00:00Z.')
}

/** A job as the API shows it. */
export function jobView(one: Job): Static<typeof job> {
  const { id, work, condition, status, createdBy, maxExecutionSeconds, failureReason, progress: done } = one
  return {
    id,
    type: work.type,
    condition,
    ...workView(work),
    status,
    createdBy,
    createdAt: isoTime(one.createdTime),
    startTime: isoTime(one.startTime),
    endedAt: one.endTime === null ? null : isoTime(one.endTime),
    maxExecutionSeconds,
    failureReason,
    progress: { ...done },
  }
}

function workView(work: JobWork): Pick<Static<typeof job>, 'method' | 'twin'> {
  if (work.type === 'scheduleUpdateTwin') {
    const { tags, desired } = work.patch
    return {
      twin: {
        ...(tags === undefined ? {} : { tags }),
        ...(desired === undefined ? {} : { desired }),
        ...(work.etag === undefined ? {} : { etag: work.etag }),
      },
    }
  }
  const { name, payload, responseTimeoutSeconds, connectTimeoutSeconds } = work.call
  return {
    method: {
      name,
      ...(payload === undefined ? {} : { payload }),
      ...(responseTimeoutSeconds === undefined ? {} : { responseTimeoutSeconds }),
      ...(connectTimeoutSeconds === undefined ? {} : { connectTimeoutSeconds }),
    },
  }
}

/** What a job did to one device, as the API shows it. */
export function deviceJobView(one: DeviceJob): Static<typeof deviceJob> {
  return {
    device: one.identity,
    status: one.status,
    startedAt: one.startTime === null ? null : isoTime(one.startTime),
    endedAt: one.endTime === null ? null : isoTime(one.endTime),
    updatedAt: isoTime(one.lastUpdatedTime),
    answer: one.answer === null ? null : { status: one.answer.status, payload: one.answer.payload },
    error: one.error === null ? null : { code: one.error.code, description: one.error.description },
  }
}
