import { type Instant, type Result, isoTime, ok, parseDeviceId, parseModuleId, refuse } from '#base'
import type { Json } from '#wire/json'
import { type JsonObject, authenticationFromAzureJson, authenticationToAzureJson } from './device-authentication-json.ts'
import { type Device, type DevicePatch, type DeviceSpec, capabilitiesOf } from './device.ts'
import type { Module, ModulePatch, ModuleSpec } from './module.ts'
import type { PresenceOf } from './presence.ts'
import type { SharedKeys } from './shared-keys.ts'

/** A time that never was, as IoT Hub writes it. */
const never = '0001-01-01T00:00:00Z'

/**
 * A device as IoT Hub's clients read it (azure-wire 5.1). `messages`: how many wait for it. `keys` are for who may set them; without them a device that
 * has some shows empty ones (docs/divergences.md).
 */
export function deviceToAzureJson(device: Device, presence: PresenceOf, messages: number, keys: SharedKeys | undefined): JsonObject {
  return {
    deviceId: device.id,
    generationId: device.generationId,
    etag: device.etag,
    connectionState: presence.connectionState,
    status: device.status,
    statusReason: device.statusReason,
    connectionStateUpdatedTime: timeText(presence.connectionStateUpdatedTime),
    statusUpdatedTime: timeText(device.statusUpdatedAt),
    lastActivityTime: timeText(presence.lastActivityTime),
    cloudToDeviceMessageCount: messages,
    authentication: authenticationToAzureJson(device.authentication, keys),
    capabilities: { iotEdge: device.capabilities.iotEdge },
    deviceScope: device.deviceScope,
    parentScopes: device.parentScopes,
  }
}

/** A module as IoT Hub's clients read it (azure-wire 5.1); the arguments as of {@link deviceToAzureJson}. */
export function moduleToAzureJson(module: Module, presence: PresenceOf, messages: number, keys: SharedKeys | undefined): JsonObject {
  return {
    moduleId: module.id,
    managedBy: module.managedBy,
    deviceId: module.device,
    generationId: module.generationId,
    etag: module.etag,
    connectionState: presence.connectionState,
    connectionStateUpdatedTime: timeText(presence.connectionStateUpdatedTime),
    lastActivityTime: timeText(presence.lastActivityTime),
    cloudToDeviceMessageCount: messages,
    authentication: authenticationToAzureJson(module.authentication, keys),
  }
}

/** What a back end says of a device: who it is, and what is to be. What it does not say is not there. */
export type AzureDevice = DevicePatch & { readonly id: DeviceSpec['id'] }

/** What a back end says of a module. */
export type AzureModule = ModulePatch & Pick<ModuleSpec, 'device' | 'id'>

/** The device to be made: who says nothing of how it proves itself asks for keys (azure-wire 1.11). */
export function deviceSpecOf(said: AzureDevice): DeviceSpec {
  return { ...said, authentication: said.authentication ?? { type: 'sas' } }
}

/** The module to be made, likewise. */
export function moduleSpecOf(said: AzureModule): ModuleSpec {
  return { ...said, authentication: said.authentication ?? { type: 'sas' } }
}

/**
 * Reads a device as IoT Hub's clients write it; members that are ours to say (times, states, etags) are passed over, as are those that nobody knows.
 * Refuses `hub/registry-malformed` for a shape that is none, and bad ids, thumbprints and keys with their own codes.
 */
export function deviceFromAzureJson(json: Json): Result<AzureDevice> {
  if (!isObject(json)) return malformed('A device')
  const id = idOf(json, 'deviceId')
  if (!id.ok) return id
  return deviceMembersFromAzureJson(id.value, json)
}

/** The same for a device whose id is known from elsewhere, as in a list of imports. */
export function deviceMembersFromAzureJson(id: DeviceSpec['id'], json: JsonObject): Result<AzureDevice> {
  const status = json['status'] ?? undefined
  if (status !== undefined && status !== 'enabled' && status !== 'disabled') return malformed('status')
  const statusReason = optionalText(json, 'statusReason')
  if (!statusReason.ok) return statusReason
  const deviceScope = optionalText(json, 'deviceScope')
  if (!deviceScope.ok) return deviceScope
  const parentScopes = json['parentScopes'] ?? undefined
  if (parentScopes !== undefined && !isTexts(parentScopes)) return malformed('parentScopes')
  const capabilities = json['capabilities'] ?? undefined
  if (capabilities !== undefined && !isObject(capabilities)) return malformed('capabilities')
  const isEdge = capabilities?.['iotEdge'] ?? undefined
  if (isEdge !== undefined && typeof isEdge !== 'boolean') return malformed('capabilities.iotEdge')
  const proof = authenticationFromAzureJson(json['authentication'])
  if (!proof.ok) return proof
  if (proof.value.authentication?.type === 'none') return malformed('authentication.type')
  return ok({
    id,
    status,
    statusReason: statusReason.value,
    authentication: proof.value.authentication,
    keys: proof.value.keys,
    capabilities: isEdge === undefined ? undefined : capabilitiesOf(isEdge),
    deviceScope: deviceScope.value,
    parentScopes,
  })
}

/** Reads a module as IoT Hub's clients write it, as {@link deviceFromAzureJson} does a device. */
export function moduleFromAzureJson(json: Json): Result<AzureModule> {
  if (!isObject(json)) return malformed('A module')
  const device = idOf(json, 'deviceId')
  if (!device.ok) return device
  const name = json['moduleId']
  const id = typeof name === 'string' ? parseModuleId(name) : malformed('moduleId')
  return id.ok ? moduleMembersFromAzureJson({ device: device.value, id: id.value }, json) : id
}

/** The same for a module whose ids are known from elsewhere. */
export function moduleMembersFromAzureJson(ids: Pick<ModuleSpec, 'device' | 'id'>, json: JsonObject): Result<AzureModule> {
  const managedBy = optionalText(json, 'managedBy')
  if (!managedBy.ok) return managedBy
  const proof = authenticationFromAzureJson(json['authentication'])
  if (!proof.ok) return proof
  return ok({ device: ids.device, id: ids.id, managedBy: managedBy.value, ...proof.value })
}

function idOf(json: JsonObject, name: string): Result<DeviceSpec['id']> {
  const value = json[name]
  return typeof value === 'string' ? parseDeviceId(value) : malformed(name)
}

function optionalText(json: JsonObject, name: string): Result<string | null | undefined> {
  const value = json[name]
  return value === undefined || value === null || typeof value === 'string' ? ok(value) : malformed(name)
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function malformed(what: string): Result<never> {
  return refuse('hub/registry-malformed', `${what} is not what it should be here.`)
}

function timeText(at: Instant | null): string {
  return at === null ? never : isoTime(at)
}
