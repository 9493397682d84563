import type { Fact, Job, Sample, ShrinkProposal } from './types.ts'

const numbers = ['messagesIn', 'messagesOut', 'bytesIn', 'connections', 'denied', 'refused', 'pendingBytes', 'flushMs'] as const

function has(value: unknown, name: string, type: 'string' | 'number'): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === type
}

/** Whether an event of the stream is a fact. Its other members are looked at where they are shown. */
export function isFact(value: unknown): value is Fact {
  return has(value, 'offset', 'number') && has(value, 'time', 'string') && has(value, 'kind', 'string')
}

/** Whether an event of the live stream is a sample. */
export function isSample(value: unknown): value is Sample {
  return has(value, 'time', 'string') && numbers.every((name) => has(value, name, 'number'))
}

/** Whether an event of a search for unused rights is its proposal. */
export function isProposal(value: unknown): value is ShrinkProposal {
  return has(value, 'version', 'number') && has(value, 'records', 'number') && Array.isArray(Reflect.get(Object(value), 'documents'))
}

/** Whether an event of a job's stream is the job. */
export function isJob(value: unknown): value is Job {
  const progress: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'progress') : undefined
  return has(value, 'id', 'string') && has(value, 'status', 'string') && has(progress, 'percent', 'number')
}
