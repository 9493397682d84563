import { type Result, ok } from '#base'
import { ask } from '../ask.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, positions, text, wholeNumber } from '../given.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { twinBodyGiven } from '../twin/change.ts'
import { job } from './job-shapes.ts'
import { followJob } from './job-watch.ts'
import { methodOf } from './method.ts'

/** A year, which is the longest that a job may take. */
const maxSeconds = 31_536_000

/** `job add`: a method, or a change of twins, for every device that --where is true of. */
export const jobAdd: Run = async (context, given) => {
  const body = jobOf(given)
  if (!body.ok) return body
  const answer = await ask(context, { method: 'POST', path: '/api/v1/jobs', body: body.value, failure: 'The job was not made.' }, job)
  if (!answer.ok) return answer
  const { id, startTime, status } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else
    await context.terminal.print([
      styled('green', 'made'),
      ' job ',
      styled('bold', id),
      status === 'scheduled' ? `, starts at ${startTime}` : '',
    ])
  return isSet(given, '--watch') ? followJob(context, id, isSet(given, '--json')) : done
}

function jobOf(given: Given): Result<Readonly<Record<string, unknown>>, Problem> {
  const condition = text(given, '--where')
  if (condition === undefined)
    return stop(exit.usage, 'For which devices was not said.', undefined, `give --where "tags.site = 'north'", or --where "*" for all.`)
  const seconds = wholeNumber(given, '--max-seconds', 1, maxSeconds)
  if (!seconds.ok) return seconds
  const work = workOf(given)
  if (!work.ok) return work
  const at = text(given, '--at')
  const startTime = at === undefined ? undefined : Date.parse(at)
  if (startTime !== undefined && !Number.isFinite(startTime))
    return stop(exit.usage, `--at does not take "${at ?? ''}".`, 'it is a time.', 'give for example --at 2027-01-31T00:00:00Z.')
  return ok({
    ...work.value,
    id: text(given, '--id'),
    condition,
    startTime: startTime === undefined ? undefined : new Date(startTime).toISOString(),
    maxExecutionSeconds: seconds.value,
  })
}

function workOf(given: Given): Result<Readonly<Record<string, unknown>>, Problem> {
  const name = text(given, '--method')
  const words = positions(given, 0)
  const isTwin = words.length > 0 || text(given, '--file') !== undefined
  if ((name === undefined) !== isTwin)
    return stop(exit.usage, 'A job does one thing.', 'it calls a method or changes twins.', 'give either --method, or KEY=VALUE or --file.')
  if (name === undefined) {
    const twin = twinBodyGiven(given, words)
    return twin.ok ? ok({ twin: twin.value }) : twin
  }
  const method = methodOf(given, name, undefined)
  return method.ok ? ok({ method: method.value }) : method
}

/** `job rm`: cancels what has not begun. */
export const jobRemove: Run = async (context, given) => {
  const id = position(given, 0)
  const request = {
    method: 'POST',
    path: `/api/v1/jobs/${encodeURIComponent(id)}/cancel`,
    failure: `Job ${id} was not cancelled.`,
  } as const
  const answer = await ask(context, { ...request, body: {} }, job)
  if (!answer.ok) return answer
  const { canceledCount, runningCount } = answer.value.value.progress
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else
    await context.terminal.print([
      styled('green', 'cancelled'),
      ' job ',
      styled('bold', id),
      `, ${canceledCount} devices left out, ${runningCount} still under way`,
    ])
  return done
}
