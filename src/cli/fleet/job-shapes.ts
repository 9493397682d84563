import { time } from '../api.ts'
import { anything, list, maybe, number, object, text } from '../shape.ts'

/** A job as it is now. */
export const job = object({
  id: text,
  type: text,
  condition: text,
  method: maybe(object({ name: text })),
  twin: maybe(anything),
  status: text,
  createdBy: text,
  createdAt: time,
  startTime: time,
  endedAt: maybe(time),
  failureReason: maybe(text),
  progress: object({
    deviceCount: number,
    pendingCount: number,
    runningCount: number,
    succeededCount: number,
    failedCount: number,
    canceledCount: number,
  }),
})
/** See {@link job}. */
export type ApiJob = ReturnType<typeof job>

/** A page of jobs. */
export const jobPage = object({ jobs: list(job), continuation: maybe(text) })

/** A page of what a job did to devices. */
export const deviceJobPage = object({
  devices: list(
    object({
      device: text,
      status: text,
      endedAt: maybe(time),
      answer: maybe(object({ status: number, payload: anything })),
      error: maybe(object({ code: text, description: text })),
    }),
  ),
  next: maybe(text),
})
