import { type Result, ok } from '#base'
import { ask } from '../ask.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { isSet, position } from '../given.ts'
import type { Request } from '../hub.ts'
import { styled } from '../line.ts'
import { anything } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'
import { filesIn, linesOf } from '../transfer/files.io.ts'
import { type ApiRouteSet, endpoints, exportedEndpoints, routeSet, routeSettings } from './shapes.ts'

/** One thing to do so that this hub routes as the file says. */
type Step = { readonly action: 'make' | 'change'; readonly what: string; readonly request: Request }

const named = (path: string, name: string) => `/api/v1/${path}/${encodeURIComponent(name)}`
const isSame = (a: unknown, b: unknown) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

/** `route import`: endpoints, routes and enrichments of an export, made or changed here; what the file does not name stays. */
export const routeImport: Run = async (context, given) => {
  const directory = position(given, 0)
  const wanted = await readFile(directory)
  if (!wanted.ok) return wanted
  const failure = 'The routes were not read.'
  const routes = await ask(context, { method: 'GET', path: '/api/v1/routes', failure }, routeSet)
  if (!routes.ok) return routes
  const here = await ask(context, { method: 'GET', path: '/api/v1/endpoints', failure }, endpoints)
  if (!here.ok) return here
  const first = endpointSteps(wanted.value.endpoints, here.value.value.endpoints)
  if (!first.ok) return first
  const steps = [...first.value, ...routeSteps(wanted.value.routes, routes.value.value)]
  const { terminal } = context
  if (isSet(given, '--json')) await terminal.printJson({ steps: steps.map(({ action, what }) => ({ action, what })) }, 2)
  else if (steps.length > 0)
    await printTable(
      terminal,
      ['ACTION', 'WHAT'],
      steps.map(({ action, what }) => [styled('green', action), what]),
    )
  if (steps.length === 0) terminal.say('Everything is there already.')
  const isWanted = isSet(given, '--yes') || (!isSet(given, '--json') && steps.length > 0 && (await terminal.confirm('Do this?')) === true)
  if (steps.length === 0 || isSet(given, '--dry-run') || !isWanted) return done
  for (const { request } of steps) {
    const answer = await ask(context, request, anything)
    if (!answer.ok) return answer
  }
  terminal.say([styled('green', 'done'), '. Secrets of endpoints are not part of an export: put them where docs/routes.md says.'])
  return done
}

type Wanted = { readonly routes: Omit<ApiRouteSet, 'version'>; readonly endpoints: ReturnType<typeof exportedEndpoints>['endpoints'] }

/** What an export says of routes. */
async function readFile(directory: string): Promise<Result<Wanted, Problem>> {
  const [path] = filesIn(directory, ['routes.jsonl'])
  const none = (why: string) => stop(exit.usage, 'Nothing was changed.', why, 'name the directory of an export.')
  if (path === undefined) return none(`${directory} has no routes.jsonl.`)
  const said = new Map<unknown, unknown>()
  try {
    for await (const { text } of linesOf(path)) {
      const line: unknown = JSON.parse(text)
      if (typeof line === 'object' && line !== null && 'kind' in line && 'value' in line) said.set(line.kind, line.value)
    }
    return ok({
      routes: routeSettings(said.get('routes'), path),
      endpoints: exportedEndpoints(said.get('endpoints'), path).endpoints,
    })
  } catch (error) {
    return none(`${path} is none of an export: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function endpointSteps(wanted: Wanted['endpoints'], here: Wanted['endpoints']): Result<readonly Step[], Problem> {
  const steps: Step[] = []
  for (const { name, kind, settings, sources, condition } of wanted) {
    const known = here.find((one) => one.name === name)
    const what = `endpoint ${name}`
    const failure = `The ${what} was not made.`
    if (known === undefined) {
      const body = { name, kind, settings, sources, condition }
      steps.push({ action: 'make', what, request: { method: 'POST', path: '/api/v1/endpoints', body, failure } })
    } else if (known.kind !== kind)
      return stop(exit.conflict, 'Nothing was changed.', `the ${what} is of kind ${known.kind} here.`, 'remove it here, or rename it.')
    else if (!isSame([known.settings, known.sources, known.condition], [settings, sources, condition])) {
      const body = { settings, sources, condition }
      steps.push({ action: 'change', what, request: { method: 'PATCH', path: named('endpoints', name), body, failure } })
    }
  }
  return ok(steps)
}

function routeSteps(wanted: Wanted['routes'], here: ApiRouteSet): readonly Step[] {
  const steps: Step[] = []
  for (const route of wanted.routes) {
    const { name, ...body } = route
    const known = here.routes.find((one) => one.name === name)
    const what = `route ${name}`
    const failure = `The ${what} was not made.`
    if (known === undefined) steps.push({ action: 'make', what, request: { method: 'POST', path: '/api/v1/routes', body: route, failure } })
    else if (!isSame(known, route))
      steps.push({ action: 'change', what, request: { method: 'PATCH', path: named('routes', name), body, failure } })
  }
  for (const body of wanted.enrichments) {
    const known = here.enrichments.find(({ key }) => key === body.key)
    if (isSame(known, body)) continue
    const what = `enrichment ${body.key}`
    const failure = `The ${what} was not made.`
    // There is no change of one: it goes, and comes back.
    if (known !== undefined)
      steps.push({ action: 'change', what, request: { method: 'DELETE', path: named('enrichments', body.key), failure } })
    steps.push({ action: 'make', what, request: { method: 'POST', path: '/api/v1/enrichments', body, failure } })
  }
  if (wanted.fallback !== here.fallback) {
    const body = { isEnabled: wanted.fallback }
    const failure = 'The fallback was not changed.'
    steps.push({ action: 'change', what: 'fallback', request: { method: 'POST', path: '/api/v1/route-fallback', body, failure } })
  }
  return steps
}

/** The same with the members of objects in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, one]) => [name, sorted(one)]))
}
