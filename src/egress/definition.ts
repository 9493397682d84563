import { createHash } from 'node:crypto'
import { type Instant, type Result, ok, refuse } from '#base'
import type { Offset } from '#journal'
import type { Json } from '#wire/json'
import { type EventSource, eventSources } from './event.ts'
import { egressLimits } from './limits.ts'

/** The endpoint that every hub has: what reads it speaks the protocol of Event Hubs. */
export const builtInEndpoint = 'events'

/** Which events go to one endpoint. `condition` is a text of azure-wire 9.2; empty is true of everything. */
export type Route = {
  readonly name: string
  readonly source: EventSource
  readonly condition: string
  readonly endpoint: string
  readonly isEnabled: boolean
}

/** A property that events get on their way to some endpoints (azure-wire 9.4). `value` is a text, `$iothubname`, or a path into the sender's twin. */
export type Enrichment = { readonly key: string; readonly value: string; readonly endpoints: readonly string[] }

/** Everything that decides where events go. `fallback`: messages of devices that no route matches go to the built-in endpoint. */
export type RouteContent = {
  readonly routes: readonly Route[]
  readonly enrichments: readonly Enrichment[]
  readonly fallback: boolean
}

/** A set of routes in force. `from`: the first record that it is for. */
export type RouteSet = RouteContent & {
  readonly version: number
  readonly from: Offset
  /** SHA-256 of the content, hexadecimal. */
  readonly digest: string
  readonly actor: string
  readonly changedAt: Instant
}

/** An endpoint as it was made: what it is, and what it may be sent. Its secrets are named in the settings, never in them. */
export type Endpoint = {
  readonly name: string
  readonly kind: string
  readonly settings: Json
  /** Sources that it may receive, whatever routes say. */
  readonly sources: readonly EventSource[]
  /** Of every event that it may receive, whatever routes say; empty: all. */
  readonly condition: string
  readonly createdAt: Instant
  readonly createdBy: string
}

/** What is in force while nobody has said anything: all telemetry to the built-in endpoint. */
export const firstContent: RouteContent = Object.freeze({ routes: [], enrichments: [], fallback: true })

// What a file name, a header and a label of a metric can hold alike; none begins with a dot.
const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/
const keyPattern = /^[A-Za-z0-9._-]+$/
// What a receiver would take for the hub's own word.
const reservedKey = /^(?:iothub-|mqtt-)/i

/** Whether a text may name a route, an endpoint or a secret. */
export function isName(text: string): boolean {
  return text.length <= egressLimits.nameLength && namePattern.test(text)
}

/** Whether a text is one of the sources. */
export function isSource(text: string): text is EventSource {
  return eventSources.some((source) => source === text)
}

/** Refuses `egress/name-malformed`. */
export function parseName(text: string, what: string): Result<string> {
  return isName(text)
    ? ok(text)
    : refuse(
        'egress/name-malformed',
        `The name of ${what} has 1 to ${egressLimits.nameLength} letters, digits and . _ - and begins with no dot.`,
      )
}

/** Refuses `egress/enrichment-malformed`: a key or value that no event may carry. */
export function parseEnrichment(given: Enrichment): Result<Enrichment> {
  const { key, value, endpoints } = given
  const malformed = (message: string) => refuse('egress/enrichment-malformed', message)
  if (key.length > egressLimits.nameLength || !keyPattern.test(key))
    return malformed('The key of an enrichment has letters, digits and . _ -')
  if (reservedKey.test(key)) return malformed(`The key ${key} belongs to the hub.`)
  if (value.length === 0 || value.length > egressLimits.enrichmentValueLength || hasControl(value))
    return malformed(`The value of an enrichment has 1 to ${egressLimits.enrichmentValueLength} characters and none of control.`)
  if (endpoints.length === 0 || endpoints.length > egressLimits.endpointsPerEnrichment || !endpoints.every(isName))
    return malformed('An enrichment names the endpoints that it is for.')
  return ok({ key, value, endpoints: [...new Set(endpoints)] })
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20 || text.charCodeAt(i) === 0x7f) return true
  return false
}

/** SHA-256 of what a set decides, hexadecimal. */
export function digestOf({ routes, enrichments, fallback }: RouteContent): string {
  return createHash('sha256').update(JSON.stringify({ routes, enrichments, fallback })).digest('hex')
}
