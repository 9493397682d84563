import { type Compiled, Judged, type TwinView, compile } from './condition.ts'
import { type RouteSet, builtInEndpoint } from './definition.ts'
import { asksTwin } from './enrich.ts'
import type { EventSource, RoutedEvent } from './event.ts'

type Ready = { readonly name: string; readonly endpoint: string; readonly compiled: Compiled }
type ReadySet = { readonly bySource: ReadonlyMap<EventSource, readonly Ready[]>; readonly asksTwin: (source: EventSource) => boolean }

const ready = new WeakMap<RouteSet, ReadySet>()
const nowhere: readonly string[] = Object.freeze([])
const toBuiltIn: readonly string[] = Object.freeze([builtInEndpoint])

/** The endpoints that a set sends an event to, each once; `twin` is what {@link needsTwin} asked for. */
export function endpointsOf(event: Omit<RoutedEvent, 'offset'>, set: RouteSet, twin: TwinView | undefined): readonly string[] {
  const routes = readied(set).bySource.get(event.source)
  const otherwise = set.fallback && event.source === 'DeviceMessages' ? toBuiltIn : nowhere
  if (routes === undefined) return otherwise
  const judged = new Judged(event, twin)
  const found = new Set<string>()
  for (const { endpoint, compiled } of routes) if (!found.has(endpoint) && compiled.matches(judged) === true) found.add(endpoint)
  return found.size === 0 ? otherwise : [...found]
}

/** The names of the routes of a set that match an event. */
export function matchingRoutes(event: Omit<RoutedEvent, 'offset'>, set: RouteSet, twin: TwinView | undefined): readonly string[] {
  const judged = new Judged(event, twin)
  const routes = readied(set).bySource.get(event.source) ?? []
  return routes.filter(({ compiled }) => compiled.matches(judged) === true).map(({ name }) => name)
}

/** Whether events of a source need their sender's twin, for a condition or an enrichment. */
export function needsTwin(set: RouteSet, source: EventSource): boolean {
  return readied(set).asksTwin(source)
}

/** Whether a set sends events of a source anywhere. */
export function concerns(set: RouteSet, source: EventSource): boolean {
  return readied(set).bySource.has(source) || (set.fallback && source === 'DeviceMessages')
}

function readied(set: RouteSet): ReadySet {
  const known = ready.get(set)
  if (known !== undefined) return known
  const bySource = new Map<EventSource, Ready[]>()
  for (const { name, source, condition, endpoint, isEnabled } of set.routes) {
    const compiled = compile(condition)
    // A condition that an earlier release took and this one does not: it matches nothing, and the list of routes says so.
    if (!isEnabled || !compiled.ok) continue
    const routes = bySource.get(source) ?? []
    bySource.set(source, routes)
    routes.push({ name, endpoint, compiled: compiled.value })
  }
  const enriches = set.enrichments.some(asksTwin)
  const made: ReadySet = {
    bySource,
    asksTwin: (source) => enriches || (bySource.get(source)?.some(({ compiled }) => compiled.asksTwin) ?? false),
  }
  ready.set(set, made)
  return made
}
