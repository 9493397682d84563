import { Fault } from '#base'
import type { Context } from '../context.ts'
import { type Outcome, done, exit, stop } from '../exit.ts'
import { isSet, position } from '../given.ts'
import type { Run } from '../spec.ts'
import { jobPath, statusPiece } from './job-read.ts'
import { type ApiJob, job } from './job-shapes.ts'

/** `job watch`: the progress of a job until it ends. Exit 1 when it failed, or failed at a device. */
export const jobWatch: Run = (context, given) => followJob(context, position(given, 0), isSet(given, '--json'))

/** Follows a job to its end; with `json` each state that it is told of is a line of JSON on stdout. */
export async function followJob(context: Context, id: string, json = false): Promise<Outcome> {
  const hub = context.hub()
  if (!hub.ok) return hub
  const stream = await hub.value.events(jobPath(id, '/live'), `Job ${id} cannot be watched.`)
  if (!stream.ok) return stream
  const progress = context.terminal.progress(id)
  let last: ApiJob | undefined
  try {
    for await (const event of stream.value) {
      if (event.event === 'end') break
      if (event.event !== 'job') continue
      const state = parse(event.data)
      last = job(state, 'a job')
      if (json) await context.terminal.printJson(state)
      const { succeededCount, failedCount, canceledCount, deviceCount } = last.progress
      progress.at(succeededCount + failedCount + canceledCount, deviceCount)
    }
  } finally {
    progress.end()
  }
  if (last?.endedAt === undefined)
    return stop(exit.unreachable, `Job ${id} goes on, and the hub is away.`, undefined, `run "thingwall job watch ${id}" when it is back.`)
  const { succeededCount, failedCount, canceledCount } = last.progress
  const outcome: Outcome = last.status === 'failed' || failedCount > 0 ? { ok: true, value: exit.failed } : done
  if (json) return outcome
  await context.terminal.print([
    statusPiece(last.status),
    `, ${succeededCount} succeeded, ${failedCount} failed, ${canceledCount} cancelled`,
    last.failureReason === undefined ? '' : `: ${last.failureReason}`,
  ])
  return outcome
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (error) {
    throw new Fault('cli/unexpected-answer', 'an event of the job is not JSON', error)
  }
}
