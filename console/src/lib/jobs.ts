import type { DeviceJobStatus, Job, JobStatus } from '../api/types.ts'

/** The states of a job, in the order of its life. */
export const jobStatuses: readonly JobStatus[] = ['scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled']

/** The states of one device in a job. */
export const deviceJobStatuses: readonly DeviceJobStatus[] = ['pending', 'running', 'completed', 'failed', 'canceled']

/** How a state of a job, or of a device in it, is coloured. */
export function jobTone(status: JobStatus | DeviceJobStatus): 'ok' | 'bad' | 'warn' | 'quiet' | 'accent' {
  if (status === 'completed') return 'ok'
  if (status === 'failed') return 'bad'
  if (status === 'cancelled' || status === 'canceled') return 'warn'
  return status === 'running' ? 'accent' : 'quiet'
}

/** What a job does, in words. */
export function jobWork({ method, twin }: Pick<Job, 'method' | 'twin'>): string {
  if (method !== undefined) return `calls ${method.name}`
  const parts = [...(twin?.tags === undefined ? [] : ['tags']), ...(twin?.desired === undefined ? [] : ['desired properties'])]
  return `changes ${parts.join(' and ') || 'the twin'}`
}
