import { type Result, ok, refuse } from '#base'
import type { JobGrants, JobSpec } from './job.ts'
import { checkCall, methodDefaults } from './method-rules.ts'
import { planCondition, readCondition } from './query-plan.ts'
import { checkTwinPart } from './twin-rules.ts'

/** Longest time that a job may be given, in seconds: 30 days, as long as jobs are kept. */
export const maxExecutionSeconds = 30 * 24 * 3_600

/** How long a job may run when nobody says so (azure-wire 5.7). */
export const defaultExecutionSeconds = 3_600

/** Whom the condition of a job is about. Refuses what a query refuses. */
export function targetOf(condition: string): Result<'devices' | 'modules'> {
  const read = readCondition(condition)
  if (!read.ok) return read
  if (read.value.from === 'devices.jobs') return refuse('hub/query-unsupported', 'A job is done to devices or to modules.')
  return ok(read.value.from === 'devices.modules' ? 'modules' : 'devices')
}

/** Looks at a job before it is made. Refuses `hub/job-malformed`, `hub/job-grant`, and what its condition, its patch or its call is refused for. */
export function checkJob({ work: grant }: JobGrants, spec: JobSpec): Result<void> {
  const { work, condition } = spec
  // The alphabet of device ids (azure-wire 1.1), in which clients write them; it is never part of a path or a topic.
  if (!/^[A-Za-z0-9\-.+%_#*?!(),:=@$']{1,128}$/.test(spec.id))
    return malformed("The id of a job is 1 to 128 letters, digits and - . + % _ # * ? ! ( ) , : = @ $ '.")
  const seconds = spec.maxExecutionSeconds ?? defaultExecutionSeconds
  if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > maxExecutionSeconds)
    return malformed(`A job may be given 1 to ${maxExecutionSeconds} seconds.`)
  if (grant.action !== (work.type === 'scheduleUpdateTwin' ? 'twin.write' : 'method.invoke'))
    return refuse('hub/job-grant', 'This job does something that you were not asked about.')
  const target = targetOf(condition)
  if (!target.ok) return target
  const plan = planCondition(target.value, condition)
  if (!plan.ok) return plan
  if (work.type === 'scheduleDeviceMethod') {
    const call = checkCall(work.call, methodDefaults)
    return call.ok ? ok(undefined) : call
  }
  if (work.patch.tags === undefined && work.patch.desired === undefined)
    return malformed('This job changes neither tags nor desired properties.')
  for (const part of ['tags', 'desired'] as const) {
    const given = work.patch[part]
    const checked = given === undefined ? ok({}) : checkTwinPart(part, given)
    if (!checked.ok) return checked
  }
  return ok(undefined)
}

function malformed(message: string): Result<never> {
  return refuse('hub/job-malformed', message)
}
