import { type Result, ok } from '#base'
import type { Twin, TwinObject } from '#hub'
import type { Json } from '#wire/json'
import { type JsonObject, field, isObject, malformed } from './read.ts'

/*
 * Theory of operation.
 * A digital twin is the twin of a device that follows plug and play, told the other way round: not desired beside reported, but each property
 * once, with what is wanted and what the device said about it under `$metadata`. A component is an object marked with `"__t": "c"`.
 */

const mark = '__t'

/** The digital twin that a device twin amounts to (azure-wire 5.11). */
export function digitalTwinJson(twin: Twin, deviceId: string): JsonObject {
  const { values, metadata, components } = section(view(twin))
  return { $dtId: deviceId, ...values, ...components, $metadata: { $model: twin.modelId, ...metadata } }
}

type View = {
  readonly desired: JsonObject
  readonly desiredMetadata: JsonObject
  readonly desiredVersion: number
  readonly reported: JsonObject
  readonly reportedMetadata: JsonObject
}

function view({ desired, reported }: Twin): View {
  return {
    desired: desired.properties,
    desiredMetadata: desired.metadata,
    desiredVersion: desired.version,
    reported: reported.properties,
    reportedMetadata: reported.metadata,
  }
}

function section(of: View) {
  const values: [string, Json][] = []
  const metadata: [string, Json][] = []
  const components: [string, Json][] = []
  for (const name of new Set([...Object.keys(of.reported), ...Object.keys(of.desired)])) {
    if (name === mark) continue
    const told = field(of.reported, name)
    const wanted = field(of.desired, name)
    if (isComponent(told) || isComponent(wanted)) {
      const inner = section({
        desired: isObject(wanted) ? wanted : {},
        desiredMetadata: objectAt(of.desiredMetadata, name),
        desiredVersion: of.desiredVersion,
        reported: isObject(told) ? told : {},
        reportedMetadata: objectAt(of.reportedMetadata, name),
      })
      components.push([name, { ...inner.values, $metadata: inner.metadata }])
      continue
    }
    const answer = acknowledgement(told)
    if (told !== undefined) values.push([name, answer === undefined ? told : (field(answer, 'value') ?? null)])
    metadata.push([name, propertyMetadata(of, name, wanted, answer)])
  }
  return { values: Object.fromEntries(values), metadata: Object.fromEntries(metadata), components: Object.fromEntries(components) }
}

function propertyMetadata(of: View, name: string, wanted: Json | undefined, answer: JsonObject | undefined): JsonObject {
  const wantedMetadata = objectAt(of.desiredMetadata, name)
  const lastUpdateTime = field(objectAt(of.reportedMetadata, name), '$lastUpdated') ?? field(wantedMetadata, '$lastUpdated')
  return {
    ...(wanted === undefined
      ? {}
      : { desiredValue: wanted, desiredVersion: field(wantedMetadata, '$lastUpdatedVersion') ?? of.desiredVersion }),
    ...(answer === undefined
      ? {}
      : {
          ackVersion: field(answer, 'av') ?? null,
          ackCode: field(answer, 'ac') ?? null,
          ...(field(answer, 'ad') === undefined ? {} : { ackDescription: field(answer, 'ad') ?? null }),
        }),
    ...(lastUpdateTime === undefined ? {} : { lastUpdateTime }),
  }
}

/** What a device says about a property that it was asked to set: `{value, ac, av, ad?}` (plug and play conventions). */
function acknowledgement(told: Json | undefined): JsonObject | undefined {
  return isObject(told) && Object.hasOwn(told, 'value') && Object.hasOwn(told, 'ac') && Object.hasOwn(told, 'av') ? told : undefined
}

function isComponent(value: Json | undefined): boolean {
  return isObject(value) && field(value, mark) === 'c'
}

function objectAt(object: JsonObject, name: string): JsonObject {
  const value = field(object, name)
  return isObject(value) ? value : {}
}

/** Operations in one patch. */
const mostOperations = 100

/**
 * Turns a JSON patch of a digital twin into a merge patch of desired properties (azure-wire 5.11). `/property` is a property of the root and
 * `/component/property` one of a component; a whole component may be added or replaced, with an empty `$metadata`. Refuses
 * `control/azure-malformed` for any other operation or path.
 */
export function desiredOfPatch(patch: Json, twin: Twin): Result<TwinObject> {
  if (!Array.isArray(patch) || patch.length === 0 || patch.length > mostOperations)
    return malformed(`A patch of a digital twin is a list of 1 to ${mostOperations} operations.`)
  const root = new Map<string, Json>()
  const components = new Map<string, Map<string, Json>>()
  for (const operation of patch) {
    const read = isObject(operation) ? operationOf(operation) : malformed('An operation must be an object.')
    if (!read.ok) return read
    const { path, value } = read.value
    const [first = '', second] = path
    if (second !== undefined) {
      const members = components.get(first) ?? new Map<string, Json>([[mark, 'c']])
      members.set(second, value)
      components.set(first, members)
      continue
    }
    const whole = componentOf(first, value, twin)
    if (whole === undefined) root.set(first, value)
    else components.set(first, whole)
  }
  for (const [name, members] of components) root.set(name, Object.fromEntries(members))
  return ok(Object.fromEntries(root))
}

/** The members of a whole component that is put in place; undefined where the name is that of a plain property. */
function componentOf(name: string, value: Json, twin: Twin): Map<string, Json> | undefined {
  const wanted = field(twin.desired.properties, name)
  const known = isComponent(wanted) || isComponent(field(twin.reported.properties, name))
  if (!isObject(value)) return undefined
  if (!known && !Object.hasOwn(value, '$metadata')) return undefined
  const gone = isObject(wanted) ? Object.keys(wanted).map((member): [string, Json] => [member, null]) : []
  const members = new Map<string, Json>(gone)
  members.set(mark, 'c')
  for (const [member, inner] of Object.entries(value)) if (member !== '$metadata') members.set(member, inner)
  return members
}

function operationOf(operation: JsonObject): Result<{ readonly path: readonly string[]; readonly value: Json }> {
  const op = field(operation, 'op')
  const at = field(operation, 'path')
  const path = typeof at === 'string' && at.startsWith('/') ? at.slice(1).split('/').map(unescapePointer) : []
  if (path.length < 1 || path.length > 2 || path.some((part) => part.startsWith('$') || noNames.has(part)))
    return malformed('A path must be /property or /component/property.')
  if (op === 'remove') return ok({ path, value: null })
  if (op !== 'add' && op !== 'replace') return malformed('An operation must be add, replace or remove.')
  const value = Object.hasOwn(operation, 'value') ? operation['value'] : undefined
  return value === undefined || value === null ? malformed('An operation that adds or replaces needs a value.') : ok({ path, value })
}

/** What a path may not name: nothing, our mark, and what parsed JSON may not have as a key either. */
const noNames: ReadonlySet<string> = new Set(['', mark, '__proto__', 'constructor', 'prototype'])

/** RFC 6901 section 4. */
function unescapePointer(text: string): string {
  return text.replaceAll('~1', '/').replaceAll('~0', '~')
}
