import { number, object, oneOf, text } from './shape.ts'

const job = { job: text, jobType: oneOf('scheduleDeviceMethod', 'scheduleUpdateTwin') }

/** Facts of jobs, for timelines and routes: see facts.ts for the rules. Times in milliseconds since the epoch. */
export const jobFactShapes = {
  /** A job began; `actor` made it. */
  'job-started': object({ ...job, actor: text }, {}),
  /**
   * A job is through with one device. `code` and `description` say why it failed, `answerStatus` what the device answered to a method; what it answered
   * besides is in the job's rows.
   */
  'job-device-ended': object(
    { ...job, device: text, status: oneOf('completed', 'failed'), createdTime: number, startTime: number },
    { answerStatus: number, code: text, description: text },
  ),
  /** A job is over. `reason` says why it failed as a whole. */
  'job-ended': object(
    { ...job, status: oneOf('completed', 'failed', 'cancelled'), devices: number, succeeded: number, failed: number, canceled: number },
    { reason: text },
  ),
} as const
