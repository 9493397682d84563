import { client, given, take } from './client.ts'
import type {
  DeadLetters,
  EventEndpoint,
  EndpointInput,
  EventEndpoints,
  OpenedDeadLetter,
  RouteInput,
  RouteSet,
  RouteTest,
  RouteTested,
} from './types.ts'

const at = (version: number) => ({ 'if-match': `"${version}"` })

/** The routes in force. */
export const fetchRoutes = (): Promise<RouteSet> => take(client.GET('/api/v1/routes'))

/** Adds a route, if the routes are still at that version. */
export const addRoute = (body: RouteInput, version: number): Promise<RouteSet> =>
  take(client.POST('/api/v1/routes', { body, headers: at(version) }))

/** Changes a route, if the routes are still at that version. */
export const changeRoute = ({ name, ...body }: RouteInput, version: number): Promise<RouteSet> =>
  take(client.PATCH('/api/v1/routes/{name}', { params: { path: { name } }, body, headers: at(version) }))

/** Switches a route on or off, if the routes are still at that version. */
export const switchRoute = (name: string, isEnabled: boolean, version: number): Promise<RouteSet> =>
  take(client.PATCH('/api/v1/routes/{name}', { params: { path: { name } }, body: { isEnabled }, headers: at(version) }))

/** Removes a route, if the routes are still at that version. */
export const removeRoute = (name: string, version: number): Promise<RouteSet> =>
  take(client.DELETE('/api/v1/routes/{name}', { params: { path: { name } }, headers: at(version) }))

/** Says whether messages that no route matches go to the built-in endpoint, if the routes are still at that version. */
export const switchFallback = (isEnabled: boolean, version: number): Promise<RouteSet> =>
  take(client.POST('/api/v1/route-fallback', { body: { isEnabled }, headers: at(version) }))

/** Every endpoint that was made, and how it does. */
export const fetchEndpoints = (): Promise<EventEndpoints> => take(client.GET('/api/v1/endpoints'))

/** Makes an endpoint. */
export const addEndpoint = (body: EndpointInput): Promise<EventEndpoint> => take(client.POST('/api/v1/endpoints', { body }))

/** Ends an endpoint that no route names. */
export async function removeEndpoint(name: string): Promise<void> {
  await take(client.DELETE('/api/v1/endpoints/{name}', { params: { path: { name } } }))
}

/** Dead letters, oldest first, after one. */
export const fetchDeadLetters = (after: number | undefined): Promise<DeadLetters> =>
  take(client.GET('/api/v1/dead-letters', { params: { query: given({ after, limit: 100 }) } }))

/** One dead letter with its event. */
export const openDeadLetter = (id: number): Promise<OpenedDeadLetter> =>
  take(client.GET('/api/v1/dead-letters/{id}', { params: { path: { id: String(id) } } }))

/** One dead letter, or all of an endpoint. */
export type LetterChoice = { readonly id: number } | { readonly endpoint: string }

/** Tries dead letters again. */
export const replayLetters = (body: LetterChoice): Promise<{ letters: number }> =>
  take(client.POST('/api/v1/dead-letters/replay', { body }))

/** Throws dead letters away. */
export const dropLetters = (body: LetterChoice): Promise<{ letters: number }> => take(client.POST('/api/v1/dead-letters/drop', { body }))

/** Tries a message with the routes in force, or with a condition of its own. Sends nothing. */
export const testRoutes = (body: RouteTest): Promise<RouteTested> => take(client.POST('/api/v1/routes/test', { body }))
