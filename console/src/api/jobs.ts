import { useEffect, useState } from 'react'
import { client, given, take } from './client.ts'
import { openLink } from './link.ts'
import type { DeviceJobPage, DeviceJobStatus, Job, JobInput, JobPage, JobStatus } from './types.ts'
import { isJob } from './wire.ts'

/** A page of jobs, newest first. */
export const fetchJobs = (status: JobStatus | undefined, continuation: string | undefined): Promise<JobPage> =>
  take(client.GET('/api/v1/jobs', { params: { query: given({ status, continuation, limit: 50 }) } }))

/** One job. */
export const fetchJob = (id: string): Promise<Job> => take(client.GET('/api/v1/jobs/{id}', { params: { path: { id } } }))

/** Makes a job. */
export const createJob = (body: JobInput): Promise<Job> => take(client.POST('/api/v1/jobs', { body }))

/** Ends a job: what is under way is let run. */
export const cancelJob = (id: string): Promise<Job> => take(client.POST('/api/v1/jobs/{id}/cancel', { params: { path: { id } } }))

/** What a job did to each device, by name. */
export const fetchJobDevices = (id: string, status: DeviceJobStatus | undefined, after: string | undefined): Promise<DeviceJobPage> =>
  take(client.GET('/api/v1/jobs/{id}/devices', { params: { path: { id }, query: given({ status, after, limit: 100 }) } }))

/** A job while it moves: the newest that the hub has told, undefined before the first. Ends with the job. */
export function useJob(id: string): Job | undefined {
  const [job, setJob] = useState<Job>()
  useEffect(() => {
    setJob(undefined)
    const close = openLink({
      path: () => Promise.resolve(`/api/v1/jobs/${encodeURIComponent(id)}/live`),
      event: 'job',
      take: (data) => {
        if (!isJob(data)) return
        setJob(data)
        // The hub ends the stream with the job; a stream that ends is otherwise opened again.
        if (data.endedAt !== null) close()
      },
      told: () => undefined,
    })
    return close
  }, [id])
  return job
}
