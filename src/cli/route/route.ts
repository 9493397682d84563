import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, texts } from '../given.ts'
import type { Request } from '../hub.ts'
import { type Piece, styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { type Row, printTable } from '../table.ts'
import { type ApiRouteSet, routeSet } from './shapes.ts'

const routePath = (name: string) => `/api/v1/routes/${encodeURIComponent(name)}`

/** `route ls`: every route in force, and what it adds to events. */
export const routeLs: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path: '/api/v1/routes', failure: 'The routes were not listed.' }, routeSet)
  if (!answer.ok) return answer
  const { terminal } = context
  if (isSet(given, '--json')) {
    await terminal.printJson(answer.value.raw, 2)
    return done
  }
  const { routes, enrichments, fallback } = answer.value.value
  const row = (one: ApiRouteSet['routes'][number]): Row => [
    styled('bold', one.name),
    one.source,
    one.endpoint,
    one.isEnabled ? 'on' : styled('yellow', 'off'),
    one.condition === '' ? 'true' : one.condition,
  ]
  await printTable(terminal, ['NAME', 'SOURCE', 'ENDPOINT', 'STATE', 'CONDITION'], routes.map(row))
  for (const { key, value, endpoints } of enrichments) terminal.say(`${key} = ${value} is added at ${endpoints.join(', ')}`)
  terminal.say(
    fallback ? 'Messages of devices that no route matches go to events.' : 'Messages of devices that no route matches go nowhere.',
  )
  return done
}

/** `route add`: a route holds for what happens from now on. */
export const routeAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const endpoint = text(given, '--to')
  if (endpoint === undefined)
    return stop(exit.usage, 'No endpoint was given.', 'a route goes to one endpoint.', 'give for example --to events.')
  const body = { name, endpoint, ...changes(given), ...(isSet(given, '--off') ? { isEnabled: false } : {}) }
  return change(context, { method: 'POST', path: '/api/v1/routes', body, failure: `Route ${name} was not added.` }, ['added', name])
}

/** `route set`: changes what is given of a route. */
export const routeSetTo: Run = async (context, given) => {
  const name = position(given, 0)
  const endpoint = text(given, '--to')
  const isEnabled = isSet(given, '--on') ? true : isSet(given, '--off') ? false : undefined
  const body = {
    ...changes(given),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(isEnabled === undefined ? {} : { isEnabled }),
  }
  if (Object.keys(body).length === 0)
    return stop(exit.usage, 'Nothing was given to change.', undefined, 'give for example --where or --off.')
  return change(context, { method: 'PATCH', path: routePath(name), body, failure: `Route ${name} was not changed.` }, ['changed', name])
}

/** `route rm`: removes a route. */
export const routeRm: Run = async (context, given) => {
  const name = position(given, 0)
  return change(context, { method: 'DELETE', path: routePath(name), failure: `Route ${name} was not removed.` }, ['removed', name])
}

/** `route fallback`: where messages go that no route matches. */
export const routeFallback: Run = async (context, given) => {
  const word = position(given, 0)
  const body = { isEnabled: word === 'on' }
  return change(context, { method: 'POST', path: '/api/v1/route-fallback', body, failure: 'The fallback was not changed.' }, [
    'fallback',
    word,
  ])
}

/** `route enrich`: adds a property to events on their way. */
export const routeEnrich: Run = async (context, given) => {
  const body = { key: position(given, 0), value: position(given, 1), endpoints: texts(given, '--to') }
  if (body.endpoints.length === 0)
    return stop(exit.usage, 'No endpoint was given.', 'an enrichment is for some endpoints.', 'give for example --to lake.')
  const failure = `Enrichment ${body.key} was not added.`
  return change(context, { method: 'POST', path: '/api/v1/enrichments', body, failure }, ['enriched', body.key])
}

/** `route unenrich`: adds it no more. */
export const routeUnenrich: Run = async (context, given) => {
  const key = position(given, 0)
  const path = `/api/v1/enrichments/${encodeURIComponent(key)}`
  return change(context, { method: 'DELETE', path, failure: `Enrichment ${key} was not removed.` }, ['removed', key])
}

function changes(given: Given): Readonly<Record<string, string>> {
  const source = text(given, '--source')
  const condition = text(given, '--where')
  return { ...(source === undefined ? {} : { source }), ...(condition === undefined ? {} : { condition }) }
}

async function change(context: Context, request: Request, [what, name]: readonly [string, string]): Promise<Outcome> {
  const answer = await ask(context, request, routeSet)
  if (!answer.ok) return answer
  const line: readonly Piece[] = [
    styled('green', what),
    ' ',
    styled('bold', name),
    `, the routes are at version ${answer.value.value.version}`,
  ]
  await context.terminal.print([...line])
  return done
}
