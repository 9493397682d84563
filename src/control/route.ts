import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { authorize } from '#access'
import { type Action, type Grant, type Result, limits, ok, refuse } from '#base'
import type { Identity } from './identity.ts'
import type { Refused } from './problem.ts'

/*
 * Theory of operation.
 * A route says who may use it before it says what it does: `access` is required, and the handler gets at grants only for the actions named there.
 * Schemas are the one source of validation, types and the OpenAPI document. Everything typed ends in this file: a `Route` takes
 * unknown input, so the HTTP side needs to know nothing about any of them.
 */

/** Who may use a route: holders of every right in `grants`; anybody signed in; or anyone at all, with the reason why. */
export type Access<A extends Action, S extends Action> =
  | { readonly grants: readonly [A, ...A[]]; readonly sometimes?: readonly S[] }
  | { readonly signedIn: string }
  | { readonly anyone: string }

/** What a handler gets. Path, query and body have been validated. */
export type Call<A extends Action, S extends Action, P extends TSchema, Q extends TSchema, B extends TSchema> = {
  readonly params: Static<P>
  readonly query: Static<Q>
  readonly body: Static<B>
  readonly identity: Identity | undefined
  /** The peer's address. */
  readonly address: string
  /** A request header, in lower case; the first when there are several. */
  header(name: string): string | undefined
  setHeader(name: string, value: string): void
  /** Answers with another status than the declared one: for health, which is a shape and a status. */
  setStatus(status: 503): void
  /** The grant for an action that the route demands of everybody. */
  grant<K extends A>(action: K): Grant<K>
  /** The grant for an action that the route demands only of some requests. */
  ask<K extends S>(action: K): Result<Grant<K>>
}

/** Writes a streamed answer; see `Outlet` for its back-pressure. */
export type Streaming = (out: StreamOut) => Promise<void>

/** Where a stream's text or bytes go. */
export type StreamOut = {
  /** Aborted when the peer is gone, too slow, or signed out, or when the hub closes. */
  readonly signal: AbortSignal
  /** Resolves when there is room for more. Rejects once `signal` is aborted. */
  write(part: string | Uint8Array): Promise<void>
}

/** What a route answers with: JSON, or with `type` text of that type, or (204) nothing. A handler may set another status for the same shape. */
export type Answer<R extends TSchema> = {
  readonly status: 200 | 201 | 204
  readonly is: R
  readonly type?: string
  readonly description: string
}

/** What a streaming route answers with: lines of this shape, as server-sent events or newline-delimited JSON; or bytes as they are. */
export type StreamAnswer = {
  readonly stream: 'text/event-stream' | 'application/x-ndjson' | 'application/octet-stream'
  readonly line: TSchema
  readonly description: string
}

type Awaitable<T> = T | Promise<T>

type Common<A extends Action, S extends Action, P extends TSchema, Q extends TSchema, B extends TSchema> = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With parameters in braces, as in OpenAPI. */
  readonly path: string
  readonly summary: string
  readonly access: Access<A, S>
  /** What the grants are for; the hub as a whole unless said. */
  readonly resource?: (params: Static<P>) => string
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly bodyBytes?: number
}

/** A route as its author writes it. */
export type RouteSpec<
  A extends Action,
  S extends Action,
  P extends TSchema,
  Q extends TSchema,
  B extends TSchema,
  R extends TSchema,
> = Common<A, S, P, Q, B> & {
  readonly answer: Answer<R>
  readonly handle: (call: Call<A, S, P, Q, B>) => Awaitable<Result<Static<R>, Refused>>
}

/** A route whose answer goes on. Refusals come before the stream begins. */
export type StreamSpec<A extends Action, S extends Action, P extends TSchema, Q extends TSchema, B extends TSchema> = Common<
  A,
  S,
  P,
  Q,
  B
> & {
  readonly answer: StreamAnswer
  readonly handle: (call: Call<A, S, P, Q, B>) => Awaitable<Result<Streaming, Refused>>
}

/** What the HTTP side hands in: nothing of it has been looked at. */
export type RawCall = Pick<Call<never, never, TSchema, TSchema, TSchema>, 'identity' | 'address' | 'header' | 'setHeader' | 'setStatus'> & {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

/** What came out: a value to be written whole, or a stream to be run. */
export type Produced = { readonly value: unknown } | { readonly stream: Streaming }

/** A route with its types inside. */
export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly summary: string
  readonly access: Access<Action, Action>
  readonly params: TSchema
  readonly query: TSchema
  readonly body: TSchema
  readonly bodyBytes: number
  readonly answer: Answer<TSchema> | StreamAnswer
  run(raw: RawCall): Promise<Result<Produced, Refused>>
}

/** The schema of a part that a route does not have: nothing may be there. */
export const nothing = Type.Object({}, { additionalProperties: false })

/** For routes to begin with: no parameters, no query, no body. */
export const bare = { params: nothing, query: nothing, body: nothing } as const

/** Declares a route that answers at once. */
export function route<
  const A extends Action = never,
  const S extends Action = never,
  P extends TSchema = TSchema,
  Q extends TSchema = TSchema,
  B extends TSchema = TSchema,
  R extends TSchema = TSchema,
>(spec: RouteSpec<A, S, P, Q, B, R>): Route {
  const open = opener(spec)
  return {
    ...shown(spec),
    answer: spec.answer,
    async run(raw) {
      const call = open(raw)
      if (!call.ok) return call
      const outcome = await spec.handle(call.value)
      return outcome.ok ? ok({ value: outcome.value }) : outcome
    },
  }
}

/** Declares a route whose answer goes on. */
export function streamRoute<
  const A extends Action = never,
  const S extends Action = never,
  P extends TSchema = TSchema,
  Q extends TSchema = TSchema,
  B extends TSchema = TSchema,
>(spec: StreamSpec<A, S, P, Q, B>): Route {
  const open = opener(spec)
  return {
    ...shown(spec),
    answer: spec.answer,
    async run(raw) {
      const call = open(raw)
      if (!call.ok) return call
      const outcome = await spec.handle(call.value)
      return outcome.ok ? ok({ stream: outcome.value }) : outcome
    },
  }
}

type AnyCommon = Common<Action, Action, TSchema, TSchema, TSchema>

function shown({
  method,
  path,
  summary,
  access,
  params,
  query,
  body,
  bodyBytes,
}: Omit<AnyCommon, 'resource'>): Omit<Route, 'answer' | 'run'> {
  return { method, path, summary, access, params, query, body, bodyBytes: bodyBytes ?? limits.jsonBytes }
}

/** Makes what turns an untyped request into a call: path read, rights asked, query and body read, in this order. */
function opener<A extends Action, S extends Action, P extends TSchema, Q extends TSchema, B extends TSchema>(
  spec: Common<A, S, P, Q, B>,
): (raw: RawCall) => Result<Call<A, S, P, Q, B>> {
  const params = parser(spec.params, 'path')
  const query = parser(spec.query, 'query')
  const body = parser(spec.body, 'body')
  return (raw) => {
    const from = params(raw.params)
    if (!from.ok) return from
    const allowed = allow(spec.access, raw.identity, spec.resource?.(from.value) ?? 'hub')
    if (!allowed.ok) return allowed
    const asked = query(readNumbers(raw.query, spec.query))
    if (!asked.ok) return asked
    const given = body(raw.body ?? {})
    if (!given.ok) return given
    return ok({
      params: from.value,
      query: asked.value,
      body: given.value,
      identity: raw.identity,
      address: raw.address,
      ask: allowed.value,
      header: (name) => raw.header(name),
      setHeader: (name, value) => raw.setHeader(name, value),
      setStatus: (status) => raw.setStatus(status),
      grant(action) {
        const granted = allowed.value(action)
        if (!granted.ok) throw new Error('bug: a grant that was checked is gone')
        return granted.value
      },
    })
  }
}

/** Authorizes everything that a route demands, and gives back how to get the single grants. */
function allow(
  access: Access<Action, Action>,
  identity: Identity | undefined,
  resource: string,
): Result<<K extends Action>(action: K) => Result<Grant<K>>> {
  const ask = <K extends Action>(action: K): Result<Grant<K>> => authorize(identity?.caller, action, resource)
  if ('anyone' in access) return ok(ask)
  if (identity === undefined) return refuse('access/not-signed-in', 'Sign in first.')
  if ('grants' in access)
    for (const action of access.grants) {
      const granted = ask(action)
      if (!granted.ok) return granted
    }
  return ok(ask)
}

/** Makes the parser of one part of a request. Schemas are compiled at their first use, so that a hub starts without that work. */
function parser<T extends TSchema>(schema: T, part: string): (value: unknown) => Result<Static<T>> {
  let validator: ReturnType<typeof Compile<T>> | undefined
  return (value) => {
    validator ??= Compile(schema)
    if (validator.Check(value)) return ok(value)
    const [first] = validator.Errors(value)
    const where = `${part}${(first?.instancePath ?? '').replaceAll('/', '.')}`
    return refuse('control/malformed', `${where} ${first?.message ?? 'is not as it must be'}.`.slice(0, 300))
  }
}

/**
 * A query is text. Members that the schema says are whole numbers are read as such, strictly: no sign, no exponent, no leading zero; anything
 * else stays text and is refused by the schema. The validator itself never coerces.
 */
function readNumbers(query: unknown, schema: TSchema): unknown {
  const properties = Type.IsObject(schema) ? schema.properties : {}
  if (typeof query !== 'object' || query === null) return query
  return Object.fromEntries(
    Object.entries(query).map(([name, value]: [string, unknown]) => {
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined
      const numeric =
        property !== undefined && Type.IsInteger(property) && typeof value === 'string' && /^(?:0|[1-9][0-9]{0,15})$/.test(value)
      return [name, numeric ? Number(value) : value]
    }),
  )
}
