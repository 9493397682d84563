import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, done } from '../exit.ts'
import { isSet, position, text, wholeNumber } from '../given.ts'
import { withQuery } from '../hub.ts'
import { type Piece, plainJson, styled } from '../line.ts'
import { anything, list, object } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'
import { type ApiJob, deviceJobPage, job, jobPage } from './job-shapes.ts'

const pageSize = 100
const rawJobs = object({ jobs: list(anything) })
const rawDevices = object({ devices: list(anything) })

/** The path of one job. */
export function jobPath(id: string, rest = ''): string {
  return `/api/v1/jobs/${encodeURIComponent(id)}${rest}`
}

/** A state in its colour. */
export function statusPiece(status: string): Piece {
  if (status === 'completed') return styled('green', status)
  if (status === 'failed') return styled('red', status)
  return status === 'running' ? styled('cyan', status) : styled('yellow', status)
}

/** What a job does, in a few words. */
export function workText({ method, twin }: ApiJob): string {
  return method === undefined ? `set ${plainJson(twin)}` : `call ${method.name}`
}

/** `job ls`: jobs, newest first. */
export const jobLs: Run = async (context, given) => {
  const limit = wholeNumber(given, '--limit', 1, 100_000)
  if (!limit.ok) return limit
  const wanted = limit.value ?? 50
  const type = text(given, '--type')
  const types = new Map([
    ['method', 'scheduleDeviceMethod'],
    ['twin', 'scheduleUpdateTwin'],
  ])
  const query = { status: text(given, '--status'), type: type === undefined ? undefined : types.get(type) }
  const [rows, all]: [Row[], unknown[]] = [[], []]
  let continuation: string | undefined
  do {
    const path = withQuery('/api/v1/jobs', { ...query, continuation, limit: Math.min(pageSize, wanted - all.length) })
    const page = await ask(context, { method: 'GET', path, failure: 'The jobs were not listed.' }, jobPage)
    if (!page.ok) return page
    all.push(...rawJobs(page.value.raw, 'the answer').jobs)
    rows.push(...page.value.value.jobs.map(jobRow))
    continuation = page.value.value.continuation
  } while (continuation !== undefined && all.length < wanted)
  if (isSet(given, '--json')) await context.terminal.printJson(all, 2)
  else await printTable(context.terminal, ['ID', 'STATUS', 'DONE', 'FAILED', 'START', 'WORK'], rows)
  if (all.length === 0 && context.terminal.isPerson)
    context.terminal.say('No jobs. Make one with: thingwall job add --method NAME --where "*"')
  return done
}

function jobRow(one: ApiJob): Row {
  const { deviceCount, succeededCount, failedCount, canceledCount } = one.progress
  const ended = succeededCount + failedCount + canceledCount
  return [styled('bold', one.id), statusPiece(one.status), `${ended} of ${deviceCount}`, String(failedCount), one.startTime, workText(one)]
}

/** `job show`: one job, and what it did to each device. */
export const jobShow: Run = async (context, given) => {
  const id = position(given, 0)
  const answer = await ask(context, { method: 'GET', path: jobPath(id), failure: `Job ${id} was not found.` }, job)
  if (!answer.ok) return answer
  const isJson = isSet(given, '--json')
  if (!isJson) await printJob(context, answer.value.value)
  const devices = await devicesOf(context, id, text(given, '--status'))
  if (!devices.ok) return devices.outcome
  if (isJson) await context.terminal.printJson({ ...Object(answer.value.raw), devices: devices.all }, 2)
  else if (devices.rows.length > 0) {
    await context.terminal.print('')
    await printTable(context.terminal, ['DEVICE', 'STATUS', 'ENDED', 'ANSWER'], devices.rows)
  }
  return done
}

function printJob({ terminal }: Context, one: ApiJob): Promise<void> {
  const { progress } = one
  return printMembers(terminal, [
    ['id', styled('bold', one.id)],
    ['status', statusPiece(one.status)],
    ['work', workText(one)],
    ['where', one.condition],
    ['made', `${one.createdAt} by ${one.createdBy}`],
    ['start', one.startTime],
    ...(one.endedAt === undefined ? [] : [['end', one.endedAt] as const]),
    ...(one.failureReason === undefined ? [] : [['reason', styled('red', one.failureReason)] as const]),
    ['devices', String(progress.deviceCount)],
    ['succeeded', String(progress.succeededCount)],
    ['failed', String(progress.failedCount)],
    ['cancelled', String(progress.canceledCount)],
    ['under way', String(progress.runningCount)],
    ['waiting', String(progress.pendingCount)],
  ])
}

type Devices =
  | { readonly ok: false; readonly outcome: Outcome }
  | { readonly ok: true; readonly all: readonly unknown[]; readonly rows: readonly Row[] }

async function devicesOf(context: Context, id: string, status: string | undefined): Promise<Devices> {
  const [rows, all]: [Row[], unknown[]] = [[], []]
  let after: string | undefined
  do {
    const path = withQuery(jobPath(id, '/devices'), { after, status, limit: 500 })
    const page = await ask(context, { method: 'GET', path, failure: `The devices of job ${id} were not read.` }, deviceJobPage)
    if (!page.ok) return { ok: false, outcome: page }
    all.push(...rawDevices(page.value.raw, 'the answer').devices)
    rows.push(
      ...page.value.value.devices.map((one): Row => [
        one.device,
        statusPiece(one.status),
        one.endedAt ?? '-',
        one.error !== undefined
          ? `${one.error.description} (${one.error.code})`
          : one.answer === undefined
            ? '-'
            : `${one.answer.status} ${plainJson(one.answer.payload)}`,
      ]),
    )
    after = page.value.value.next
  } while (after !== undefined)
  return { ok: true, all, rows }
}
