import { type TSchema, Type } from 'typebox'
import { csrfHeader, sessionCookie } from './identity.ts'
import { type Route, nothing } from './route.ts'
import { problem } from './schema.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonObject = { readonly [key: string]: Json }

/**
 * The OpenAPI 3.1 document of `routes`, made from the same schemas that validate them. A schema with a `title` becomes a component of that
 * name. Keys come in a fixed order, so that the document can be compared as text.
 */
export function openApiOf(routes: readonly Route[], version: string): JsonObject {
  const components = new Map<string, Json>()
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    const path = (paths[route.path] ??= {})
    path[route.method.toLowerCase()] = operationOf(route, components)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Thingwall control API',
      version,
      description: 'The operator door of a hub. Every no is a problem document (RFC 9457) whose code is listed in docs/errors.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: sessionCookie,
          description: `Begun by a one-time link. A change must carry ${csrfHeader}.`,
        },
        local: { type: 'http', scheme: 'bearer', description: 'The local credential, from this machine only.' },
      },
    },
  }
}

function operationOf(route: Route, components: Map<string, Json>): JsonObject {
  const { access, answer } = route
  const parameters = [...parametersOf(route.params, 'path', components), ...parametersOf(route.query, 'query', components)]
  const open = 'anyone' in access
  return {
    operationId: operationId(route),
    summary: route.summary,
    security: open ? [] : [{ session: [] }, { local: [] }],
    'x-thingwall-access': accessOf(route),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body === nothing
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, components) } } } }),
    responses: {
      ...successOf(answer, components),
      default: { description: 'A refusal.', content: { 'application/problem+json': { schema: schemaOf(problem, components) } } },
    },
  }
}

function successOf(answer: Route['answer'], components: Map<string, Json>): JsonObject {
  const { description } = answer
  if ('stream' in answer) return { 200: { description, content: { [answer.stream]: { schema: schemaOf(answer.line, components) } } } }
  if (answer.status === 204) return { 204: { description } }
  return { [answer.status]: { description, content: { [answer.type ?? 'application/json']: { schema: schemaOf(answer.is, components) } } } }
}

function accessOf({ access }: Route): JsonObject {
  if ('anyone' in access) return { anyone: access.anyone }
  if ('signedIn' in access) return { signedIn: access.signedIn }
  return { grants: [...access.grants], ...(access.sometimes === undefined ? {} : { sometimes: [...access.sometimes] }) }
}

function parametersOf(schema: TSchema, where: 'path' | 'query', components: Map<string, Json>): readonly JsonObject[] {
  if (!Type.IsObject(schema)) return []
  const required = new Set<string>(schema.required)
  return Object.entries(schema.properties).map(([name, property]) => ({
    name,
    in: where,
    required: required.has(name),
    schema: schemaOf(property, components),
  }))
}

/** A schema as JSON, with named ones put aside as components. */
function schemaOf(schema: TSchema, components: Map<string, Json>): Json {
  return namedApart(JSON.parse(JSON.stringify(schema)), components)
}

function namedApart(value: Json, components: Map<string, Json>): Json {
  if (isList(value)) return value.map((item) => namedApart(item, components))
  if (typeof value !== 'object' || value === null) return value
  const { title, ...rest } = value
  // A member that is called `title` is no name: there it is a schema, and stays.
  const named = typeof title === 'string'
  const inner = Object.fromEntries(Object.entries(named ? rest : value).map(([key, item]) => [key, namedApart(item, components)]))
  if (!named) return inner
  components.set(title, inner)
  return { $ref: `#/components/schemas/${title}` }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** `GET /api/v1/devices/{id}/timeline` becomes `getDevicesIdTimeline`. */
function operationId({ method, path }: Route): string {
  const words = path.replace('/api/v1', '').split(/[^A-Za-z0-9]+/)
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}
