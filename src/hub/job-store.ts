import type { DeviceId, Instant } from '#base'
import type { Row, Store, Value } from '#store'
import type { DeviceJob, DeviceJobStatus, JobProgress, JobStatus, JobType } from './job.ts'
import { type JobRow, deviceJobOf, jobRowOf, readIdentity } from './job-rows.ts'

/** Devices of one state, for the progress of a job. */
export type Counts = Omit<JobProgress, 'percent' | 'deviceCount'>

const deviceColumns = `j.job_id, j.identity, j.status, j.started_at, j.ended_at, j.updated_at, j.answer_status, j.answer_payload, j.error_code,
  j.error_description, k.type, k.created_at`

/** What jobs read from their rows. Throws the store's Faults. */
export class JobStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Jobs that have not ended, in the order of their creation. */
  async unfinished(): Promise<readonly JobRow[]> {
    return (await this.#store.query('SELECT * FROM jobs WHERE ended_at IS NULL ORDER BY number')).map(jobRowOf)
  }

  async lastNumber(): Promise<number> {
    const [row] = await this.#store.query('SELECT max(number) AS last FROM jobs')
    return Number(row?.['last'] ?? 0)
  }

  async find(id: string): Promise<JobRow | undefined> {
    const [row] = await this.#store.query('SELECT * FROM jobs WHERE id = ?', id)
    return row === undefined ? undefined : jobRowOf(row)
  }

  /** Jobs before a number, newest first. */
  async list(limit: number, before: number, status: JobStatus | undefined, type: JobType | undefined): Promise<readonly JobRow[]> {
    const args: Value[] = [before, ...(status === undefined ? [] : [status]), ...(type === undefined ? [] : [type]), limit]
    const rows = await this.#store.query(
      `SELECT * FROM jobs WHERE number < ?${status === undefined ? '' : ' AND status = ?'}${type === undefined ? '' : ' AND type = ?'}
        ORDER BY number DESC LIMIT ?`,
      ...args,
    )
    return rows.map(jobRowOf)
  }

  /** How many devices of a job are in which state. */
  async counts(jobId: string): Promise<Counts> {
    const rows = await this.#store.query('SELECT status, count(*) AS n FROM device_jobs WHERE job_id = ? GROUP BY status', jobId)
    const of = (status: DeviceJobStatus) => Number(rows.find((row) => row['status'] === status)?.['n'] ?? 0)
    return {
      pendingCount: of('pending'),
      runningCount: of('running'),
      succeededCount: of('completed'),
      failedCount: of('failed'),
      canceledCount: of('canceled'),
    }
  }

  /** Devices of a job after an identity; all, or those in one state. */
  async devices(jobId: string, limit: number, after: string, status: DeviceJobStatus | undefined): Promise<readonly DeviceJob[]> {
    const from = `SELECT ${deviceColumns} FROM device_jobs j JOIN jobs k ON k.id = j.job_id WHERE j.job_id = ? AND j.identity > ?`
    const rows =
      status === undefined
        ? await this.#store.query(`${from} ORDER BY j.identity LIMIT ?`, jobId, after, limit)
        : await this.#store.query(`${from} AND j.status = ? ORDER BY j.identity LIMIT ?`, jobId, after, status, limit)
    return rows.map(deviceJobOf)
  }

  /** Devices in one state after an identity. */
  async identities(jobId: string, status: DeviceJobStatus, limit: number, after: string): Promise<readonly DeviceId[]> {
    const sql = 'SELECT identity FROM device_jobs WHERE job_id = ? AND status = ? AND identity > ? ORDER BY identity LIMIT ?'
    return (await this.#store.query(sql, jobId, status, after, limit)).map((row: Row) => readIdentity(String(row['identity'])))
  }

  /** Up to `limit` jobs that ended before a time. */
  async endedBefore(at: Instant, limit: number): Promise<readonly string[]> {
    const rows = await this.#store.query('SELECT id FROM jobs WHERE ended_at < ? ORDER BY ended_at LIMIT ?', at, limit)
    return rows.map((row) => String(row['id']))
  }

  /** Removes a job that has ended, its devices first and a thousand at a time. */
  async remove(id: string): Promise<void> {
    for (;;) {
      const some = await this.#store.query('SELECT identity FROM device_jobs WHERE job_id = ? ORDER BY identity LIMIT 1000', id)
      const last = some.at(-1)?.['identity']
      if (last === undefined) break
      await this.#store.commit([{ sql: 'DELETE FROM device_jobs WHERE job_id = ? AND identity <= ?', args: [id, last] }])
    }
    await this.#store.commit([{ sql: 'DELETE FROM jobs WHERE id = ?', args: [id] }])
  }
}
