import { isoTime } from '#base'
import type { Json } from '#wire/json'
import type { DeviceJob, Job } from './job.ts'

/** A job as IoT Hub's clients read it (azure-wire 5.7). */
export function jobToAzureJson(job: Job): Json {
  const { work, progress } = job
  return {
    jobId: job.id,
    queryCondition: job.condition,
    createdTime: isoTime(job.createdTime),
    startTime: isoTime(job.startTime),
    ...(job.endTime === null ? {} : { endTime: isoTime(job.endTime) }),
    maxExecutionTimeInSeconds: job.maxExecutionSeconds,
    type: work.type,
    status: job.status,
    ...(work.type === 'scheduleDeviceMethod'
      ? {
          cloudToDeviceMethod: {
            methodName: work.call.name,
            payload: work.call.payload ?? null,
            responseTimeoutInSeconds: work.call.responseTimeoutSeconds ?? 30,
            connectTimeoutInSeconds: work.call.connectTimeoutSeconds ?? 0,
          },
        }
      : {
          updateTwin: {
            etag: work.etag ?? '*',
            ...(work.patch.tags === undefined ? {} : { tags: work.patch.tags }),
            ...(work.patch.desired === undefined ? {} : { properties: { desired: work.patch.desired } }),
          },
        }),
    ...(job.failureReason === null ? {} : { failureReason: job.failureReason }),
    ...(job.status === 'cancelled' ? { statusMessage: 'The job was cancelled.' } : {}),
    deviceJobStatistics: {
      deviceCount: progress.deviceCount,
      failedCount: progress.failedCount + progress.canceledCount,
      succeededCount: progress.succeededCount,
      runningCount: progress.runningCount,
      pendingCount: progress.pendingCount,
    },
  }
}

/** A row of `devices.jobs` as IoT Hub's clients read it (azure-wire 5.4). */
export function deviceJobToAzureJson(row: DeviceJob): Json {
  const [deviceId = '', moduleId] = row.identity.split('/')
  return {
    deviceId,
    ...(moduleId === undefined ? {} : { moduleId }),
    jobId: row.jobId,
    jobType: row.type,
    status: row.status,
    ...(row.startTime === null ? {} : { startTimeUtc: isoTime(row.startTime) }),
    ...(row.endTime === null ? {} : { endTimeUtc: isoTime(row.endTime) }),
    createdDateTimeUtc: isoTime(row.createdTime),
    lastUpdatedDateTimeUtc: isoTime(row.lastUpdatedTime),
    ...(row.answer === null ? {} : { outcome: { deviceMethodResponse: { status: row.answer.status, payload: row.answer.payload } } }),
    ...(row.error === null ? {} : { error: { code: row.error.code, description: row.error.description } }),
  }
}
