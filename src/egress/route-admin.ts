import { type Grant, type Result, ok, refuse } from '#base'
import { compileOrRefuse } from './condition.ts'
import { type Enrichment, type Route, type RouteContent, type RouteSet, builtInEndpoint, parseEnrichment, parseName } from './definition.ts'
import { egressLimits } from './limits.ts'
import type { RouteSets } from './route-sets.ts'

/** What may be changed of a route under its name. */
export type RoutePatch = Partial<Omit<Route, 'name'>>

/**
 * Changes of the set of routes, one at a time: each is judged against the set that it will follow. All refuse `egress/routes-conflict`, and
 * `egress/routes-version` when `ifVersion` is not the version in force.
 */
export class RouteAdmin {
  readonly #sets: RouteSets
  readonly #hasEndpoint: (name: string) => boolean
  #queue: Promise<unknown> = Promise.resolve()

  constructor(sets: RouteSets, hasEndpoint: (name: string) => boolean) {
    this.#sets = sets
    this.#hasEndpoint = hasEndpoint
  }

  /** Refuses `egress/name-malformed`, `egress/route-exists`, `egress/too-many-routes`, `egress/condition-malformed`, `egress/endpoint-not-found`. */
  addRoute(grant: Grant<'route.write'>, route: Route, ifVersion?: number): Promise<Result<RouteSet>> {
    return this.#change(grant, `add route ${route.name}`, ifVersion, (content) => {
      const name = parseName(route.name, 'a route')
      if (!name.ok) return name
      if (content.routes.some((one) => one.name === route.name))
        return refuse('egress/route-exists', `There is a route ${route.name} already.`)
      if (content.routes.length >= egressLimits.routes)
        return refuse('egress/too-many-routes', `There are ${egressLimits.routes} routes already.`)
      const good = this.#judge(route)
      return good.ok ? ok({ ...content, routes: [...content.routes, route] }) : good
    })
  }

  /** Refuses `egress/route-not-found` and what {@link RouteAdmin.addRoute} does. */
  changeRoute(grant: Grant<'route.write'>, name: string, patch: RoutePatch, ifVersion?: number): Promise<Result<RouteSet>> {
    return this.#change(grant, `change route ${name}`, ifVersion, (content) => {
      const found = content.routes.find((one) => one.name === name)
      if (found === undefined) return refuse('egress/route-not-found', `There is no route ${name}.`)
      const changed = { ...found, ...patch }
      const good = this.#judge(changed)
      return good.ok ? ok({ ...content, routes: content.routes.map((one) => (one === found ? changed : one)) }) : good
    })
  }

  /** Refuses `egress/route-not-found`. */
  removeRoute(grant: Grant<'route.write'>, name: string, ifVersion?: number): Promise<Result<RouteSet>> {
    return this.#change(grant, `remove route ${name}`, ifVersion, (content) => {
      const routes = content.routes.filter((one) => one.name !== name)
      return routes.length === content.routes.length
        ? refuse('egress/route-not-found', `There is no route ${name}.`)
        : ok({ ...content, routes })
    })
  }

  /** Refuses `egress/enrichment-malformed`, `egress/enrichment-exists`, `egress/too-many-enrichments`, `egress/endpoint-not-found`. */
  addEnrichment(grant: Grant<'route.write'>, given: Enrichment, ifVersion?: number): Promise<Result<RouteSet>> {
    return this.#change(grant, `add enrichment ${given.key.slice(0, egressLimits.nameLength)}`, ifVersion, (content) => {
      const enrichment = parseEnrichment(given)
      if (!enrichment.ok) return enrichment
      const { key, endpoints } = enrichment.value
      if (content.enrichments.some((one) => one.key === key))
        return refuse('egress/enrichment-exists', `There is an enrichment ${key} already.`)
      if (content.enrichments.length >= egressLimits.enrichments)
        return refuse('egress/too-many-enrichments', `There are ${egressLimits.enrichments} enrichments already.`)
      const missing = endpoints.find((name) => !this.#isEndpoint(name))
      return missing === undefined ? ok({ ...content, enrichments: [...content.enrichments, enrichment.value] }) : noEndpoint(missing)
    })
  }

  /** Refuses `egress/enrichment-not-found`. */
  removeEnrichment(grant: Grant<'route.write'>, key: string, ifVersion?: number): Promise<Result<RouteSet>> {
    return this.#change(grant, `remove enrichment ${key.slice(0, egressLimits.nameLength)}`, ifVersion, (content) => {
      const enrichments = content.enrichments.filter((one) => one.key !== key)
      return enrichments.length === content.enrichments.length
        ? refuse('egress/enrichment-not-found', 'There is no such enrichment.')
        : ok({ ...content, enrichments })
    })
  }

  /** Whether messages of devices that no route matches go to the built-in endpoint. */
  setFallback(grant: Grant<'route.write'>, fallback: boolean, ifVersion?: number): Promise<Result<RouteSet>> {
    return this.#change(grant, `fallback ${fallback ? 'on' : 'off'}`, ifVersion, (content) => ok({ ...content, fallback }))
  }

  /** Does `work` when no change is under way, and holds changes back meanwhile. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => undefined)
    return done
  }

  #change(
    grant: Grant<'route.write'>,
    what: string,
    ifVersion: number | undefined,
    change: (content: RouteContent) => Result<RouteContent>,
  ): Promise<Result<RouteSet>> {
    return this.alone(async () => {
      const { current } = this.#sets
      if (ifVersion !== undefined && ifVersion !== current.version)
        return refuse('egress/routes-version', `The routes are at version ${current.version} by now.`)
      const { routes, enrichments, fallback } = current
      const changed = change({ routes, enrichments, fallback })
      return changed.ok ? await this.#sets.change(grant, what, changed.value) : changed
    })
  }

  #judge({ condition, endpoint }: Route): Result<unknown> {
    return this.#isEndpoint(endpoint) ? compileOrRefuse(condition) : noEndpoint(endpoint)
  }

  #isEndpoint(name: string): boolean {
    return name === builtInEndpoint || this.#hasEndpoint(name)
  }
}

function noEndpoint(name: string): Result<never> {
  return refuse('egress/endpoint-not-found', `There is no endpoint ${name.slice(0, egressLimits.nameLength)}.`)
}
