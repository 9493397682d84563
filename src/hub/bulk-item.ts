import { type DeviceId, type ModuleId, type Result, fail, ok, parseDeviceId, parseModuleId, refuse } from '#base'
import type { Json } from '#wire/json'
import type { JsonObject } from './device-authentication-json.ts'
import { type AzureDevice, type AzureModule, deviceMembersFromAzureJson, moduleMembersFromAzureJson } from './device-json.ts'
import type { TwinObject } from './twin.ts'

/** What may be asked of each item, as IoT Hub spells it; read without regard to case (azure-wire 5.3). */
export const bulkModes = [
  'create',
  'update',
  'updateIfMatchETag',
  'delete',
  'deleteIfMatchETag',
  'createOrUpdate',
  'createOrUpdateIfMatchETag',
  'updateTwin',
  'updateTwinIfMatchETag',
] as const

/** What is asked of an item. */
export type BulkMode = (typeof bulkModes)[number]

/** Twin parts of an item, without what the hub itself writes in them. */
export type BulkTwin = {
  readonly tags: TwinObject | undefined
  readonly desired: TwinObject | undefined
  readonly reported: TwinObject | undefined
  readonly etag: string | undefined
}

/** Whom an item is about, and what is said of it. */
export type BulkTarget = { readonly kind: 'device'; readonly said: AzureDevice } | { readonly kind: 'module'; readonly said: AzureModule }

/** One item of a bulk request or of an import. */
export type BulkItem = {
  readonly target: BulkTarget
  readonly mode: BulkMode
  readonly etag: string | undefined
  readonly twin: BulkTwin | undefined
}

/** What became of an item that failed; the ids as they were sent, as far as they were text. */
export type BulkProblem = { readonly device: string; readonly module: string | undefined; readonly code: string; readonly message: string }

/** Items that could be read, and what is wrong with those that could not. */
export type BulkList = { readonly items: readonly BulkItem[]; readonly problems: readonly BulkProblem[] }

/**
 * Reads items as IoT Hub's clients and its exports write them. `mode`: what is asked of an item that does not say; REST means `create`, an import
 * `createOrUpdate`. Nothing here is a reason to refuse the others: what cannot be read stands among the problems.
 */
export function bulkFromAzureJson(list: readonly Json[], mode: BulkMode): BulkList {
  const items: BulkItem[] = []
  const problems: BulkProblem[] = []
  for (const json of list) {
    const item = bulkItemFromAzureJson(json, mode)
    if (item.ok) items.push(item.value)
    else problems.push(item.error)
  }
  return { items, problems }
}

/** Reads one item. */
export function bulkItemFromAzureJson(json: Json, mode: BulkMode): Result<BulkItem, BulkProblem> {
  const object = isObject(json) ? json : {}
  const read = readItem(object, mode)
  if (read.ok) return read
  const { code, message } = read.error
  return fail({ device: shown(object['id']) ?? '', module: shown(object['moduleId']), code, message })
}

const modesByName: ReadonlyMap<string, BulkMode> = new Map(bulkModes.map((mode) => [mode.toLowerCase(), mode]))

function readItem(json: JsonObject, defaultMode: BulkMode): Result<BulkItem> {
  const id = typeof json['id'] === 'string' ? parseDeviceId(json['id']) : malformed('id')
  if (!id.ok) return id
  const named = json['importMode'] ?? defaultMode
  const mode = typeof named === 'string' ? modesByName.get(named.toLowerCase()) : undefined
  if (mode === undefined) return malformed('importMode')
  const etag = textOf(json['eTag'] ?? json['etag'], 'eTag')
  if (!etag.ok) return etag
  const target = targetOf(id.value, json)
  if (!target.ok) return target
  const twin = twinOf(json)
  return twin.ok ? ok({ target: target.value, mode, etag: etag.value, twin: twin.value }) : twin
}

function targetOf(device: DeviceId, json: JsonObject): Result<BulkTarget> {
  const name = json['moduleId'] ?? ''
  if (name === '') {
    const said = deviceMembersFromAzureJson(device, json)
    return said.ok ? ok({ kind: 'device', said: said.value }) : said
  }
  const id: Result<ModuleId> = typeof name === 'string' ? parseModuleId(name) : malformed('moduleId')
  if (!id.ok) return id
  const said = moduleMembersFromAzureJson({ device, id: id.value }, json)
  return said.ok ? ok({ kind: 'module', said: said.value }) : said
}

function twinOf(json: JsonObject): Result<BulkTwin | undefined> {
  const properties = json['properties'] ?? undefined
  if (properties !== undefined && !isObject(properties)) return malformed('properties')
  const tags = partOf(json['tags'], 'tags')
  if (!tags.ok) return tags
  const desired = partOf(properties?.['desired'], 'properties.desired')
  if (!desired.ok) return desired
  const reported = partOf(properties?.['reported'], 'properties.reported')
  if (!reported.ok) return reported
  const etag = textOf(json['twinETag'], 'twinETag')
  if (!etag.ok) return etag
  if (tags.value === undefined && desired.value === undefined && reported.value === undefined) return ok(undefined)
  return ok({ tags: tags.value, desired: desired.value, reported: reported.value, etag: etag.value })
}

/** A part of a twin; exports write `$metadata` and `$version` in it, which are the hub's to say. */
function partOf(json: Json | undefined, name: string): Result<TwinObject | undefined> {
  if (json === undefined || json === null) return ok(undefined)
  if (!isObject(json)) return malformed(name)
  return ok(Object.fromEntries(Object.entries(json).filter(([key]) => key !== '$metadata' && key !== '$version')))
}

function textOf(json: Json | undefined, name: string): Result<string | undefined> {
  if (json === undefined || json === null || json === '') return ok(undefined)
  return typeof json === 'string' ? ok(json.replaceAll(/^"|"$/g, '')) : malformed(name)
}

function shown(json: Json | undefined): string | undefined {
  return typeof json === 'string' ? json.slice(0, 256) : undefined
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function malformed(what: string): Result<never> {
  return refuse('hub/registry-malformed', `${what} is not what it should be here.`)
}
