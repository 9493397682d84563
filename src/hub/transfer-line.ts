import { type DeviceId, type Result, fail, identityOf, ok } from '#base'
import { type Json, parseJson } from '#wire/json'
import { type BulkItem, type BulkTwin, bulkItemFromAzureJson } from './bulk-item.ts'
import { parseConfiguration } from './configuration-json.ts'
import type { ConfigurationSpec } from './configuration.ts'
import { type Enrollment, parseEnrollment } from './transfer-enrollment.ts'
import type { ImportLine, ImportSource } from './transfer.ts'
import { withoutNulls } from './twin-change.ts'
import { type TwinPart, checkTwinPart, checkTwinWeight, isTwinObject } from './twin-rules.ts'
import type { TwinObject } from './twin.ts'

/** Longest line of an import in bytes: a twin whose parts are all full, escaped, and keys and certificates besides. */
export const maxLineBytes = 512 * 1024

/** What a line of an import asks for. */
export type ImportItem =
  | { readonly kind: 'identity'; readonly identity: DeviceId; readonly bulk: BulkItem }
  | { readonly kind: 'configuration'; readonly spec: ConfigurationSpec }
  | { readonly kind: 'enrollment'; readonly enrollment: Enrollment }

/** A line that could not be read: what it calls itself, and why. */
export type BadLine = { readonly id: string; readonly code: string; readonly message: string }

/** Reads a line. Nothing in it is trusted, and nothing of it can be a reason to stop: what is wrong comes back. */
export function readLine(source: ImportSource, { text }: ImportLine): Result<ImportItem, BadLine> {
  const json = parseJson(text, maxLineBytes)
  if (!json.ok) return bad('', json.error)
  if (source === 'devices') return readIdentity(json.value)
  if (source === 'configurations') {
    const spec = parseConfiguration(json.value)
    return spec.ok ? ok({ kind: 'configuration', spec: spec.value }) : bad(named(json.value, 'id'), spec.error)
  }
  const kind = source === 'enrollments' ? 'individual' : 'group'
  const enrollment = parseEnrollment(kind, json.value)
  if (enrollment.ok) return ok({ kind: 'enrollment', enrollment: enrollment.value })
  return bad(named(json.value, kind === 'individual' ? 'registrationId' : 'enrollmentGroupId'), enrollment.error)
}

/** What an item is known by: no two lines of an import may be about the same. */
export function keyOf(item: ImportItem): string {
  if (item.kind === 'identity') return item.identity
  return item.kind === 'configuration' ? `configuration ${item.spec.id}` : `${item.enrollment.kind} ${item.enrollment.id.toLowerCase()}`
}

/** How an item is called in a plan. */
export function nameOf(item: ImportItem): string {
  return item.kind === 'identity' ? item.identity : item.kind === 'configuration' ? item.spec.id : item.enrollment.id
}

/** In which order items are done: modules go before their devices, and come after them; parents come before children. */
export function stageOf(item: ImportItem): number {
  if (item.kind === 'configuration') return stages.configurations
  if (item.kind === 'enrollment') return stages.enrollments
  const { target, mode } = item.bulk
  if (target.kind === 'module') return mode.startsWith('delete') ? stages.leavingModules : stages.modules
  return target.said.capabilities?.iotEdge === true ? stages.edges : stages.devices
}

/** The stages of {@link stageOf}. */
export const stages = { leavingModules: 0, edges: 1, devices: 2, modules: 3, configurations: 4, enrollments: 5 } as const

function readIdentity(json: Json): Result<ImportItem, BadLine> {
  const read = bulkItemFromAzureJson(json, 'createOrUpdate')
  if (!read.ok) {
    const { device, module, code, message } = read.error
    return fail({ id: module === undefined || module === '' ? device : `${device}/${module}`, code, message })
  }
  const bulk = read.value
  const { target } = bulk
  const identity = target.kind === 'device' ? target.said.id : identityOf(target.said.device, target.said.id)
  const twin = readTwin(bulk.twin, bulk.mode.startsWith('updateTwin'))
  return twin.ok ? ok({ kind: 'identity', identity, bulk: { ...bulk, twin: twin.value } }) : bad(identity, twin.error)
}

/** Twins over a limit are refused here, whole: a device without the twin that was to be its would be half of what was asked for. */
function readTwin(twin: BulkTwin | undefined, isPatch: boolean): Result<BulkTwin | undefined> {
  if (twin === undefined) return ok(undefined)
  const parts: { [part in TwinPart]?: TwinObject } = {}
  for (const part of ['tags', 'desired', 'reported'] as const) {
    const given = twin[part]
    if (given === undefined) continue
    const checked = checkTwinPart(part, given)
    if (!checked.ok) return checked
    const whole = withoutNulls(checked.value)
    const fits = checkTwinWeight(part, whole)
    if (!fits.ok) return fits
    parts[part] = isPatch ? checked.value : whole
  }
  return ok({ tags: parts.tags, desired: parts.desired, reported: parts.reported, etag: twin.etag })
}

function named(json: Json, member: string): string {
  const id = isTwinObject(json) ? json[member] : undefined
  return typeof id === 'string' ? id.slice(0, 256) : ''
}

function bad(id: string, { code, message }: { readonly code: string; readonly message: string }): Result<never, BadLine> {
  return fail({ id, code, message })
}
