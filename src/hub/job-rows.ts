import { type DeviceId, type Instant, type Result, identityOf, parseDeviceId, parseModuleId } from '#base'
import type { Migration, Row, Statement } from '#store'
import type { Json } from '#wire/json'
import {
  type DeviceJob,
  type DeviceJobStatus,
  type Job,
  type JobProgress,
  type JobStatus,
  type JobType,
  type JobWork,
  jobStatuses,
} from './job.ts'
import type { MethodAnswer } from './method.ts'
import { instantOf, optionalInstantOf, optionalTextOf, textOf } from './registry-columns.ts'

/** The tables of jobs. After `hubMigrations`. */
export const hubJobMigrations: readonly Migration[] = [
  {
    // `work` is JSON. `filled_to` says how far the condition has been read: NULL not begun, an identity, or `/` for the end. Counts are of a job that ended.
    name: 'hub-job/001-jobs',
    sql: `
      CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL UNIQUE,
        type TEXT NOT NULL,
        work TEXT NOT NULL,
        condition TEXT NOT NULL,
        status TEXT NOT NULL,
        created_by TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        start_at INTEGER NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        max_execution_seconds INTEGER NOT NULL,
        failure_reason TEXT,
        filled_to TEXT,
        succeeded INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        canceled INTEGER NOT NULL DEFAULT 0
      );
      CREATE TABLE device_jobs (
        job_id TEXT NOT NULL,
        identity TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        updated_at INTEGER NOT NULL,
        answer_status INTEGER,
        answer_payload TEXT,
        error_code TEXT,
        error_description TEXT,
        PRIMARY KEY (job_id, identity)
      ) WITHOUT ROWID;
      CREATE INDEX device_jobs_by_status ON device_jobs (job_id, status, identity);
    `,
  },
]

/** What a job's row says besides the {@link Job}: its place in the order of creation, when it began, how far its condition has been read. */
export type JobRow = {
  readonly job: Omit<Job, 'progress'>
  readonly number: number
  readonly startedAt: Instant | null
  readonly filledTo: string | null
  readonly counts: Pick<JobProgress, 'succeededCount' | 'failedCount' | 'canceledCount'>
}

/** Reads a job back from its row. Throws on a row that this room cannot have written. */
export function jobRowOf(row: Row): JobRow {
  const status = jobStatuses.find((one) => one === row['status'])
  if (status === undefined) throw new Error('bug: a job has no status that we know')
  const count = (column: string) => Number(row[column])
  return {
    job: {
      id: textOf(row, 'id'),
      work: workOf(textOf(row, 'work')),
      condition: textOf(row, 'condition'),
      status,
      createdBy: textOf(row, 'created_by'),
      createdTime: instantOf(row, 'created_at'),
      startTime: instantOf(row, 'start_at'),
      endTime: optionalInstantOf(row, 'ended_at'),
      maxExecutionSeconds: count('max_execution_seconds'),
      failureReason: optionalTextOf(row, 'failure_reason'),
    },
    number: count('number'),
    startedAt: optionalInstantOf(row, 'started_at'),
    filledTo: optionalTextOf(row, 'filled_to'),
    counts: { succeededCount: count('succeeded'), failedCount: count('failed'), canceledCount: count('canceled') },
  }
}

function workOf(text: string): JobWork {
  const work: JobWork = JSON.parse(text)
  return work
}

/** A new job as its row. `conflict`: there is one of this id. */
export function jobInsertion(job: Omit<Job, 'progress'>, number: number): Statement {
  return {
    sql: `INSERT INTO jobs (id, number, type, work, condition, status, created_by, created_at, start_at, max_execution_seconds)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    args: [
      job.id,
      number,
      job.work.type,
      JSON.stringify(job.work),
      job.condition,
      job.status,
      job.createdBy,
      job.createdTime,
      job.startTime,
      job.maxExecutionSeconds,
    ],
  }
}

/** A job that begins to run. */
export function jobStarted(id: string, at: Instant): Statement {
  return { sql: "UPDATE jobs SET status = 'running', started_at = ? WHERE id = ?", args: [at, id] }
}

/** Where a job waits for its turn. */
export function jobQueued(id: string): Statement {
  return { sql: "UPDATE jobs SET status = 'queued' WHERE id = ? AND status = 'scheduled'", args: [id] }
}

/** How far the condition of a job has been read: behind an identity, or to the end. */
export const wholeCondition = '/'

/** Moves how far the condition of a job has been read: an identity, or {@link wholeCondition}. */
export function jobFilled(id: string, to: string): Statement {
  return { sql: 'UPDATE jobs SET filled_to = ? WHERE id = ?', args: [to, id] }
}

/** A job that is to end early: its rows are not all told yet. */
export function jobStopped(id: string, status: JobStatus, failureReason: string | null): Statement {
  return { sql: 'UPDATE jobs SET status = ?, failure_reason = ? WHERE id = ?', args: [status, failureReason, id] }
}

/** A job that is over. */
export function jobEnded(id: string, status: JobStatus, at: Instant, counts: JobRow['counts'], failureReason: string | null): Statement {
  return {
    sql: 'UPDATE jobs SET status = ?, ended_at = ?, succeeded = ?, failed = ?, canceled = ?, failure_reason = ? WHERE id = ?',
    args: [status, at, counts.succeededCount, counts.failedCount, counts.canceledCount, failureReason, id],
  }
}

/** A device that a job will reach. One that is there already stays as it is: a page of the condition may be read twice. */
export function deviceJobInsertion(jobId: string, identity: DeviceId, at: Instant): Statement {
  return {
    sql: "INSERT OR IGNORE INTO device_jobs (job_id, identity, status, updated_at) VALUES (?, ?, 'pending', ?)",
    args: [jobId, identity, at],
  }
}

/** Devices whose turn it is: written before anything is done to them, so that a start knows what may have been done. */
export function deviceJobsStarted(jobId: string, identities: readonly DeviceId[], at: Instant): readonly Statement[] {
  return identities.map((identity) => ({
    sql: "UPDATE device_jobs SET status = 'running', started_at = ?, updated_at = ? WHERE job_id = ? AND identity = ? AND status = 'pending'",
    args: [at, at, jobId, identity],
  }))
}

/** A device that nothing was done to, and that is tried again. */
export function deviceJobAgain(jobId: string, identity: DeviceId, at: Instant): Statement {
  return {
    sql: "UPDATE device_jobs SET status = 'pending', started_at = NULL, updated_at = ? WHERE job_id = ? AND identity = ?",
    args: [at, jobId, identity],
  }
}

/** A device that a job does not reach any more. */
export function deviceJobCanceled(jobId: string, identity: DeviceId, at: Instant): Statement {
  return {
    sql: "UPDATE device_jobs SET status = 'canceled', ended_at = ?, updated_at = ? WHERE job_id = ? AND identity = ?",
    args: [at, at, jobId, identity],
  }
}

/** What became of a device in a job. */
export type DeviceOutcome = {
  readonly identity: DeviceId
  readonly at: Instant
  readonly outcome: Result<MethodAnswer | undefined, { readonly code: string; readonly description: string }>
}

/** A device that is done, or failed. */
export function deviceJobEnded(jobId: string, { identity, at, outcome }: DeviceOutcome): Statement {
  const answer = outcome.ok ? outcome.value : undefined
  const error = outcome.ok ? undefined : outcome.error
  return {
    sql: `UPDATE device_jobs SET status = ?, ended_at = ?, updated_at = ?, answer_status = ?, answer_payload = ?, error_code = ?, error_description = ?
      WHERE job_id = ? AND identity = ?`,
    args: [
      outcome.ok ? 'completed' : 'failed',
      at,
      at,
      answer?.status ?? null,
      answer === undefined ? null : JSON.stringify(answer.payload),
      error?.code ?? null,
      error?.description ?? null,
      jobId,
      identity,
    ],
  }
}

/** A row of `device_jobs` with the `type` and `created_at` of its job. Throws on a row that this room cannot have written. */
export function deviceJobOf(row: Row): DeviceJob {
  const status = deviceStatuses.find((one) => one === row['status'])
  const type = jobTypes.find((one) => one === row['type'])
  if (status === undefined || type === undefined) throw new Error('bug: a device in a job has no status or type that we know')
  const code = optionalTextOf(row, 'error_code')
  return {
    jobId: textOf(row, 'job_id'),
    identity: readIdentity(textOf(row, 'identity')),
    type,
    status,
    createdTime: instantOf(row, 'created_at'),
    startTime: optionalInstantOf(row, 'started_at'),
    endTime: optionalInstantOf(row, 'ended_at'),
    lastUpdatedTime: instantOf(row, 'updated_at'),
    answer: answerOf(row),
    error: code === null ? null : { code, description: optionalTextOf(row, 'error_description') ?? '' },
  }
}

const deviceStatuses: readonly DeviceJobStatus[] = ['pending', 'running', 'completed', 'failed', 'canceled']
const jobTypes: readonly JobType[] = ['scheduleDeviceMethod', 'scheduleUpdateTwin']

function answerOf(row: Row): MethodAnswer | null {
  const status = row['answer_status']
  const payload = optionalTextOf(row, 'answer_payload')
  if (typeof status !== 'number' || payload === null) return null
  const json: Json = JSON.parse(payload)
  return { status, payload: json }
}

/** An identity as a row names it. Throws when it is none. */
export function readIdentity(text: string): DeviceId {
  const slash = text.indexOf('/')
  const device = parseDeviceId(slash < 0 ? text : text.slice(0, slash))
  const module = slash < 0 ? undefined : parseModuleId(text.slice(slash + 1))
  if (!device.ok || (module !== undefined && !module.ok)) throw new Error('bug: a row names an identity that is none')
  return identityOf(device.value, module?.value)
}
