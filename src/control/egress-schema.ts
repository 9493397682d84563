import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import { type DeadLetter, type EndpointView, type RouteSet, egressLimits, eventSources } from '#egress'
import { textOrNull, time } from './schema.ts'

/* The shapes of routes, endpoints and dead letters; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const text = Type.String()
const count = Type.Integer({ minimum: 0 })
const name = Type.String({ minLength: 1, maxLength: egressLimits.nameLength })
const source = Type.Enum([...eventSources])
const condition = Type.String({ maxLength: 8_192 })

/** A route: which events go to one endpoint. */
export const eventRoute = Type.Object(
  { name: text, source, condition: text, endpoint: text, isEnabled: Type.Boolean() },
  { ...closed, title: 'EventRoute' },
)

/** A property that events get on their way. */
export const enrichment = Type.Object({ key: text, value: text, endpoints: Type.Array(text) }, { ...closed, title: 'Enrichment' })

/** Everything that decides where events go. `fallback`: messages of devices that no route matches go to the built-in endpoint. */
export const routeSet = Type.Object(
  {
    version: count,
    from: count,
    digest: text,
    actor: text,
    changedAt: time,
    fallback: Type.Boolean(),
    routes: Type.Array(eventRoute),
    enrichments: Type.Array(enrichment),
  },
  { ...closed, title: 'RouteSet' },
)

/** A route to be. Without a condition it is true of every event of its source. */
export const routeInput = Type.Object(
  {
    name,
    source: Type.Optional(source),
    condition: Type.Optional(condition),
    endpoint: name,
    isEnabled: Type.Optional(Type.Boolean()),
  },
  { ...closed, title: 'EventRouteInput' },
)

/** What may be changed of a route. */
export const routeChange = Type.Object(
  {
    source: Type.Optional(source),
    condition: Type.Optional(condition),
    endpoint: Type.Optional(name),
    isEnabled: Type.Optional(Type.Boolean()),
  },
  { ...closed, title: 'EventRouteChange' },
)

/** An enrichment to be. */
export const enrichmentInput = Type.Object(
  {
    key: name,
    value: Type.String({ minLength: 1, maxLength: egressLimits.enrichmentValueLength }),
    endpoints: Type.Array(name, { minItems: 1, maxItems: egressLimits.endpointsPerEnrichment }),
  },
  { ...closed, title: 'EnrichmentInput' },
)

/** An endpoint to be. What `settings` are depends on its kind (docs/routes.md). */
export const endpointInput = Type.Object(
  {
    name,
    kind: name,
    settings: Type.Record(Type.String(), Type.Unknown()),
    sources: Type.Optional(Type.Array(source, { minItems: 1, maxItems: eventSources.length })),
    condition: Type.Optional(condition),
  },
  { ...closed, title: 'EndpointInput' },
)

/** What may be changed of an endpoint; its settings as a whole. */
export const endpointChange = Type.Object(
  {
    settings: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    sources: Type.Optional(Type.Array(source, { minItems: 1, maxItems: eventSources.length })),
    condition: Type.Optional(condition),
  },
  { ...closed, title: 'EndpointChange' },
)

/** An endpoint, and how it does. Lag is in records of the journal, and in milliseconds since the oldest event that waits. */
export const endpoint = Type.Object(
  {
    name: text,
    kind: text,
    settings: Type.Unknown(),
    sources: Type.Array(source),
    condition: text,
    createdAt: time,
    createdBy: text,
    health: Type.Enum(['unknown', 'healthy', 'degraded', 'unhealthy', 'dead']),
    failingSince: Type.Union([time, Type.Null()]),
    reason: textOrNull,
    cursor: count,
    lagRecords: count,
    lagMs: Type.Number({ minimum: 0 }),
    inFlight: count,
    delivered: count,
    deadLettered: count,
    deadLetters: count,
    trimmed: count,
    failures: count,
    lost: count,
    tooLarge: count,
  },
  { ...closed, title: 'EventEndpoint' },
)

const letterFields = {
  id: count,
  endpoint: text,
  offset: count,
  device: text,
  reason: text,
  tries: count,
  putAsideAt: time,
  replays: Type.Boolean(),
}

/** An event that an endpoint would not take, or did not take in time. */
export const deadLetter = Type.Object(letterFields, { ...closed, title: 'DeadLetter' })

/** A dead letter with its event, in the form that endpoints of JSON get. */
export const openedLetter = Type.Object({ ...letterFields, event: Type.Unknown() }, { ...closed, title: 'OpenedDeadLetter' })

const texts = Type.Record(Type.String(), Type.String({ maxLength: 65_536 }))

/** A message to try conditions with, or all routes when there is no condition. `system` has IoT Hub's names, such as `content-type`. */
export const routeTest = Type.Object(
  {
    condition: Type.Optional(condition),
    source: Type.Optional(source),
    device: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    module: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    system: Type.Optional(texts),
    properties: Type.Optional(texts),
    body: Type.Optional(Type.String({ maxLength: 262_144 })),
    twin: Type.Optional(
      Type.Object(
        {
          tags: Type.Optional(Type.Unknown()),
          properties: Type.Optional(
            Type.Object({ desired: Type.Optional(Type.Unknown()), reported: Type.Optional(Type.Unknown()) }, closed),
          ),
        },
        closed,
      ),
    ),
  },
  { ...closed, title: 'RouteTest' },
)

/**
 * How the message fares: by the condition that was given (`matches` null: neither true nor false), or by the routes in force. `problem` says why the
 * condition is none, and where; line and column count from 1.
 */
export const routeTested = Type.Object(
  {
    matches: Type.Union([Type.Boolean(), Type.Null()]),
    problem: Type.Union([Type.Object({ message: text, at: count, line: count, column: count }, closed), Type.Null()]),
    routes: Type.Array(text),
    endpoints: Type.Array(text),
  },
  { ...closed, title: 'RouteTested' },
)

/** A set of routes as the API shows it. */
export function routeSetView(set: RouteSet): Static<typeof routeSet> {
  const { version, from, digest, actor, changedAt, fallback, routes, enrichments } = set
  return {
    version,
    from,
    digest,
    actor,
    changedAt: isoTime(changedAt),
    fallback,
    routes: [...routes],
    enrichments: enrichments.map(({ key, value, endpoints }) => ({ key, value, endpoints: [...endpoints] })),
  }
}

/** An endpoint as the API shows it. */
export function endpointView(view: EndpointView): Static<typeof endpoint> {
  const { state, deadLetters, createdAt, sources, ...made } = view
  const { counts, failingSince, reason, ...rest } = state
  return {
    ...made,
    ...rest,
    ...counts,
    deadLetters,
    sources: [...sources],
    createdAt: isoTime(createdAt),
    failingSince: failingSince === undefined ? null : isoTime(failingSince),
    reason: reason ?? null,
  }
}

/** A dead letter as the API shows it. */
export function letterView({
  id,
  endpoint: of,
  offset,
  device,
  reason,
  tries,
  putAsideAt,
  replays,
}: DeadLetter): Static<typeof deadLetter> {
  return { id, endpoint: of, offset, device, reason, tries, putAsideAt: isoTime(putAsideAt), replays }
}
