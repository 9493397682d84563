import type { DeviceId, Grant, Instant, Result } from '#base'
import type { MethodAnswer, MethodCall } from './method.ts'
import type { TwinPatch } from './twin.ts'

/** The states of a job, and those of its work on one device, as IoT Hub spells them (azure-wire 5.7). */
export const jobStatuses = ['scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const

/** A state of a job. `queued`: due, while ten others run. */
export type JobStatus = (typeof jobStatuses)[number]

/** A state of one device in a job. */
export type DeviceJobStatus = 'pending' | 'running' | 'completed' | 'failed' | 'canceled'

/** What a job does to each device. */
export type JobWork =
  | { readonly type: 'scheduleDeviceMethod'; readonly call: MethodCall }
  /** A merge patch; without `etag`, or with `*`, whatever the twin is. */
  | { readonly type: 'scheduleUpdateTwin'; readonly patch: TwinPatch; readonly etag?: string | undefined }

/** The kind of a job's work. */
export type JobType = JobWork['type']

/** A job to be. `condition` is a WHERE body over devices, `*` for all, or `FROM devices.modules WHERE ...`. */
export type JobSpec = {
  readonly id: string
  readonly work: JobWork
  readonly condition: string
  /** Undefined: now. */
  readonly startTime?: Instant | undefined
  /** Default 3,600. */
  readonly maxExecutionSeconds?: number | undefined
}

/** How far a job is. `deviceCount` is known when its condition has been read; `percent` is of devices that are done, 0 to 100. */
export type JobProgress = {
  readonly deviceCount: number
  readonly pendingCount: number
  readonly runningCount: number
  readonly succeededCount: number
  readonly failedCount: number
  readonly canceledCount: number
  readonly percent: number
}

/** A job as it is now. */
export type Job = {
  readonly id: string
  readonly work: JobWork
  readonly condition: string
  readonly status: JobStatus
  readonly createdBy: string
  readonly createdTime: Instant
  readonly startTime: Instant
  readonly endTime: Instant | null
  readonly maxExecutionSeconds: number
  /** Why it failed as a whole. */
  readonly failureReason: string | null
  readonly progress: JobProgress
}

/** What a job did to one device. */
export type DeviceJob = {
  readonly jobId: string
  readonly identity: DeviceId
  readonly type: JobType
  readonly status: DeviceJobStatus
  readonly createdTime: Instant
  readonly startTime: Instant | null
  readonly endTime: Instant | null
  readonly lastUpdatedTime: Instant
  /** What the device answered. */
  readonly answer: MethodAnswer | null
  readonly error: { readonly code: string; readonly description: string } | null
}

/** Which jobs, and which page of them. */
export type JobQuery = {
  readonly status?: JobStatus | undefined
  readonly type?: JobType | undefined
  /** 1 to 1,000, default 100. */
  readonly maxItems?: number | undefined
  readonly continuation?: string | undefined
}

/** The grants that a job is made with: to make one, and to do what it does. */
export type JobGrants = { readonly job: Grant<'job.write'>; readonly work: Grant<'twin.write'> | Grant<'method.invoke'> }

/**
 * Work over many devices, now or later (azure-wire 5.7). Durable: a job goes on after a restart. A twin update may be applied twice, to the same
 * end; a method that was under way when the hub stopped is not called again, and fails with `hub/outcome-unknown`.
 */
export interface Jobs {
  /**
   * Makes a job. Refuses `hub/job-malformed`, `hub/job-exists`, `hub/too-many-jobs`, the refusals of a query for its condition, those of a
   * twin for its patch, and `hub/job-grant` when `grants.work` is not for this work.
   */
  create(grants: JobGrants, spec: JobSpec): Promise<Result<Job>>
  /** Refuses `hub/job-not-found`. */
  find(grant: Grant<'job.read'>, id: string): Promise<Result<Job>>
  /** Ends a job: what runs is let run, what waits is canceled. Refuses `hub/job-not-found`, `hub/job-ended`. */
  cancel(grant: Grant<'job.write'>, id: string): Promise<Result<Job>>
  /** Jobs of the last 30 days, newest first. Refuses `hub/continuation-refused`. */
  list(
    grant: Grant<'job.read'>,
    query: JobQuery,
  ): Promise<Result<{ readonly jobs: readonly Job[]; readonly continuation: string | undefined }>>
  /** The devices of one job in order, after an identity; all, or those in one state. */
  devices(
    grant: Grant<'job.read'>,
    id: string,
    page: { readonly limit: number; readonly after?: string | undefined; readonly status?: DeviceJobStatus | undefined },
  ): Promise<Result<{ readonly devices: readonly DeviceJob[]; readonly next: string | undefined }>>
  /** Told at most once a second while a job moves, and when it ends; `id` undefined: of all jobs. Returns how to stop listening. */
  watch(id: string | undefined, listener: (job: Job) => void): () => void
}
