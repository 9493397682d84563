import { type Result, ok } from '#base'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { readGiven } from '../device/files.io.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { isSet, position, text, texts } from '../given.ts'
import { type Piece, styled } from '../line.ts'
import { anything } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'
import { type ApiEndpoint, endpoint, endpoints } from './shapes.ts'

const path = (name: string) => `/api/v1/endpoints/${encodeURIComponent(name)}`
const everyMs = 1_000

/** `endpoint ls`: every endpoint, how it does and how far it is behind. */
export const endpointLs: Run = async (context, given) => show(context, isSet(given, '--json'))

/** `route watch`: the same every second, until it is ended. */
export const routeWatch: Run = async (context, given) => {
  while (!context.signal.aborted) {
    const shown = await show(context, isSet(given, '--json'))
    if (!shown.ok) return shown
    await pause(context)
  }
  return done
}

/** `endpoint add`: makes an endpoint by the settings of a file. */
export const endpointAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const kind = text(given, '--kind')
  if (kind === undefined) return stop(exit.usage, 'No kind was given.', undefined, 'give for example --kind file.')
  const file = text(given, '--settings')
  const settings: Result<unknown, Problem> = file === undefined ? ok({}) : readSettings(file)
  if (!settings.ok) return settings
  const sources = texts(given, '--source')
  const condition = text(given, '--where')
  const body = {
    name,
    kind,
    settings: settings.value,
    ...(sources.length === 0 ? {} : { sources }),
    ...(condition === undefined ? {} : { condition }),
  }
  const answer = await ask(
    context,
    { method: 'POST', path: '/api/v1/endpoints', body, failure: `Endpoint ${name} was not made.` },
    endpoint,
  )
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print([styled('green', 'made'), ' ', styled('bold', name)])
  context.terminal.say(`Send something there: thingwall route add NAME --to ${name}`)
  return done
}

/** `endpoint set`: other settings, sources or another condition; what waits for the endpoint goes on from its place. */
export const endpointSet: Run = async (context, given) => {
  const name = position(given, 0)
  const file = text(given, '--settings')
  const settings = file === undefined ? ok(undefined) : readSettings(file)
  if (!settings.ok) return settings
  const sources = texts(given, '--source')
  const condition = text(given, '--where')
  const body = {
    ...(file === undefined ? {} : { settings: settings.value }),
    ...(sources.length === 0 ? {} : { sources }),
    ...(condition === undefined ? {} : { condition }),
  }
  if (Object.keys(body).length === 0)
    return stop(exit.usage, 'Nothing was said to change.', undefined, 'give --settings, --source or --where.')
  const answer = await ask(context, { method: 'PATCH', path: path(name), body, failure: `Endpoint ${name} was not changed.` }, endpoint)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print([styled('green', 'changed'), ' ', styled('bold', name)])
  return done
}

/** `endpoint show`: one endpoint with its settings, in which no secret is. */
export const endpointShow: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await ask(context, { method: 'GET', path: path(name), failure: `Endpoint ${name} was not found.` }, endpoint)
  if (!answer.ok) return answer
  const { terminal } = context
  if (isSet(given, '--json')) {
    await terminal.printJson(answer.value.raw, 2)
    return done
  }
  const one = answer.value.value
  await printMembers(terminal, [
    ['name', styled('bold', one.name)],
    ['kind', one.kind],
    ['settings', JSON.stringify(one.settings)],
    ['sources', one.sources.join(', ')],
    ['condition', one.condition === '' ? 'true' : one.condition],
    ['health', healthPiece(one)],
    ...(one.reason === undefined ? [] : ([['reason', one.reason]] as const)),
    ...(one.failingSince === undefined ? [] : ([['failing since', one.failingSince]] as const)),
    ['cursor', String(one.cursor)],
    ['lag', `${one.lagRecords} records, ${one.lagMs} ms`],
    ['delivered', String(one.delivered)],
    ['dead letters', one.trimmed === 0 ? String(one.deadLetters) : `${one.deadLetters}, and ${one.trimmed} dropped for want of room`],
    ['failures', String(one.failures)],
    ['lost to retention', String(one.lost)],
    ['made', `${one.createdAt} by ${one.createdBy}`],
  ])
  return done
}

/** `endpoint rm`: ends an endpoint with its place and its dead letters. */
export const endpointRm: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await ask(context, { method: 'DELETE', path: path(name), failure: `Endpoint ${name} was not removed.` }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'removed'), ' ', styled('bold', name)])
  return done
}

async function show(context: Context, asJson: boolean): Promise<Outcome> {
  const failure = 'The endpoints were not listed.'
  const answer = await ask(context, { method: 'GET', path: '/api/v1/endpoints', failure }, endpoints)
  if (!answer.ok) return answer
  const { terminal } = context
  if (asJson) {
    await terminal.printJson(answer.value.raw, 2)
    return done
  }
  const row = (one: ApiEndpoint): Row => [
    styled('bold', one.name),
    one.kind,
    healthPiece(one),
    String(one.lagRecords),
    String(one.lagMs),
    String(one.delivered),
    String(one.deadLetters),
    one.reason ?? '-',
  ]
  const columns = ['NAME', 'KIND', 'HEALTH', 'BEHIND', 'LAG MS', 'DELIVERED', 'DEAD', 'REASON']
  await printTable(terminal, columns, answer.value.value.endpoints.map(row))
  return done
}

function healthPiece({ health }: ApiEndpoint): Piece {
  return health === 'healthy'
    ? styled('green', health)
    : health === 'unknown'
      ? health
      : styled(health === 'degraded' ? 'yellow' : 'red', health)
}

function readSettings(file: string): Result<unknown, Problem> {
  const content = readGiven(file, 'settings')
  if (!content.ok) return content
  try {
    const value: unknown = JSON.parse(content.value)
    return ok(value)
  } catch {
    return stop(exit.usage, `${file} is no JSON.`, undefined, 'see docs/routes.md for the settings of each kind.')
  }
}

async function pause({ clock, signal }: Context): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(everyMs, resolve)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  cancel()
}
