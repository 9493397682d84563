import { Type } from 'typebox'
import { type Result, ok, refuse } from '#base'
import { type RouteSet, egressLimits, eventSources } from '#egress'
import {
  endpoint,
  endpointChange,
  endpointInput,
  endpointView,
  enrichmentInput,
  routeChange,
  routeInput,
  routeSet,
  routeSetView,
} from '../egress-schema.ts'
import { jsonOf } from '../egress-test.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const namePath = Type.Object({ name: Type.String({ minLength: 1, maxLength: egressLimits.nameLength }) }, closed)
const keyPath = Type.Object({ key: Type.String({ minLength: 1, maxLength: egressLimits.nameLength }) }, closed)
const all = () => 'routes'
const routeNamed = ({ name }: { readonly name: string }) => `route:${name}`
const endpointNamed = ({ name }: { readonly name: string }) => `endpoint:${name}`
const enrichmentNamed = ({ key }: { readonly key: string }) => `enrichment:${key}`

const setAnswer = { status: 200, is: routeSet, description: 'Every route, as it is from now on.' } as const

/** Where events go: routes, what is added to events, and endpoints. */
export function egressRoutes(parts: Parts): readonly Route[] {
  return [...routes(parts), ...enrichments(parts), ...endpoints(parts)]
}

/** The version that a request was made for; undefined: whichever is in force. */
function expected(header: string | undefined): number | undefined {
  const version = Number(header?.replaceAll('"', ''))
  return header === undefined || header === '*' || !Number.isSafeInteger(version) ? undefined : version
}

function shown(changed: Result<RouteSet>) {
  return changed.ok ? ok(routeSetView(changed.value)) : changed
}

function routes({ ports }: Parts): readonly Route[] {
  const { egress } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/routes',
      summary: 'The routes in force, what they add to events, and whether there is a fallback.',
      access: { grants: ['route.read'] },
      resource: all,
      answer: { ...setAnswer, description: 'The routes.' },
      handle: (call) => ok(routeSetView(egress.routes(call.grant('route.read')))),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/routes',
      summary: 'Adds a route; it holds for what happens from now on. With If-Match only at that version of the routes.',
      access: { grants: ['route.write'] },
      resource: all,
      body: routeInput,
      answer: { ...setAnswer, status: 201 },
      async handle(call) {
        const { name, endpoint: to, source = 'DeviceMessages', condition = '', isEnabled = true } = call.body
        const added = { name, source, condition, endpoint: to, isEnabled }
        return shown(await egress.admin.addRoute(call.grant('route.write'), added, expected(call.header('if-match'))))
      },
    }),
    route({
      ...bare,
      method: 'PATCH',
      path: '/api/v1/routes/{name}',
      summary: 'Changes a route. With If-Match only at that version of the routes.',
      access: { grants: ['route.write'] },
      resource: routeNamed,
      params: namePath,
      body: routeChange,
      answer: setAnswer,
      handle: async (call) =>
        shown(await egress.admin.changeRoute(call.grant('route.write'), call.params.name, call.body, expected(call.header('if-match')))),
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/routes/{name}',
      summary: 'Removes a route. What it has already sent on its way is delivered.',
      access: { grants: ['route.write'] },
      resource: routeNamed,
      params: namePath,
      answer: setAnswer,
      handle: async (call) =>
        shown(await egress.admin.removeRoute(call.grant('route.write'), call.params.name, expected(call.header('if-match')))),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/route-fallback',
      summary: 'Says whether messages of devices that no route matches go to the built-in endpoint; otherwise they go nowhere.',
      access: { grants: ['route.write'] },
      resource: all,
      body: Type.Object({ isEnabled: Type.Boolean() }, { ...closed, title: 'RouteFallback' }),
      answer: setAnswer,
      handle: async (call) =>
        shown(await egress.admin.setFallback(call.grant('route.write'), call.body.isEnabled, expected(call.header('if-match')))),
    }),
  ]
}

function enrichments({ ports }: Parts): readonly Route[] {
  const { admin } = ports.egress
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/enrichments',
      summary: 'Adds a property to every event on its way to some endpoints: a text, $iothubname, or a path into the twin of the sender.',
      access: { grants: ['route.write'] },
      resource: all,
      body: enrichmentInput,
      answer: { ...setAnswer, status: 201 },
      handle: async (call) => shown(await admin.addEnrichment(call.grant('route.write'), call.body, expected(call.header('if-match')))),
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/enrichments/{key}',
      summary: 'Adds a property no more.',
      access: { grants: ['route.write'] },
      resource: enrichmentNamed,
      params: keyPath,
      answer: setAnswer,
      handle: async (call) =>
        shown(await admin.removeEnrichment(call.grant('route.write'), call.params.key, expected(call.header('if-match')))),
    }),
  ]
}

function endpoints({ ports }: Parts): readonly Route[] {
  const { egress } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/endpoints',
      summary: 'Every endpoint that was made, how it does and how far it is. The built-in one keeps no place: its readers do.',
      access: { grants: ['route.read'] },
      resource: all,
      answer: {
        status: 200,
        is: Type.Object({ endpoints: Type.Array(endpoint) }, { ...closed, title: 'Endpoints' }),
        description: 'The endpoints.',
      },
      handle: async (call) => ok({ endpoints: (await egress.endpoints(call.grant('route.read'))).map(endpointView) }),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/endpoints',
      summary:
        'Makes an endpoint. It gets what happens from now on, as far as routes send it there and its sources and condition let it through.',
      access: { grants: ['route.write'] },
      resource: all,
      body: endpointInput,
      answer: { status: 201, is: endpoint, description: 'Made.' },
      async handle(call) {
        const { name, kind, sources = eventSources, condition = '' } = call.body
        const settings = jsonOf(call.body.settings)
        if (!settings.ok) return settings
        const made = await egress.addEndpoint(call.grant('route.write'), { name, kind, settings: settings.value, sources, condition })
        if (!made.ok) return made
        const view = await egress.endpointOf(name)
        return view === undefined ? refuse('egress/endpoint-not-found', 'It was removed again at once.') : ok(endpointView(view))
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/endpoints/{name}',
      summary: 'One endpoint, how it does and how far it is.',
      access: { grants: ['route.read'] },
      resource: endpointNamed,
      params: namePath,
      answer: { status: 200, is: endpoint, description: 'The endpoint.' },
      async handle(call) {
        const found = await egress.endpoint(call.grant('route.read'), call.params.name)
        return found.ok ? ok(endpointView(found.value)) : found
      },
    }),
    route({
      ...bare,
      method: 'PATCH',
      path: '/api/v1/endpoints/{name}',
      summary: 'Changes an endpoint: all its settings, its sources, its condition. It goes on from its place.',
      access: { grants: ['route.write'] },
      resource: endpointNamed,
      params: namePath,
      body: endpointChange,
      answer: { status: 200, is: endpoint, description: 'The endpoint.' },
      async handle(call) {
        const { name } = call.params
        const { settings: given, ...patch } = call.body
        const settings = given === undefined ? ok(undefined) : jsonOf(given)
        if (!settings.ok) return settings
        const changed = await egress.changeEndpoint(call.grant('route.write'), name, {
          ...patch,
          ...(settings.value === undefined ? {} : { settings: settings.value }),
        })
        if (!changed.ok) return changed
        const view = await egress.endpointOf(name)
        return view === undefined ? refuse('egress/endpoint-not-found', 'It was removed at once.') : ok(endpointView(view))
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/endpoints/{name}',
      summary: 'Ends an endpoint that no route names, with its place and its dead letters.',
      access: { grants: ['route.write'] },
      resource: endpointNamed,
      params: namePath,
      answer: { status: 204, is: Type.Null(), description: 'Ended.' },
      async handle(call) {
        const removed = await egress.removeEndpoint(call.grant('route.write'), call.params.name)
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}
