import { type DeviceId, type Instant, type Result, ok, refuse } from '#base'
import type { Row } from '#store'
import { idOfRow, instantOf, optionalInstantOf, optionalTextOf, textOf, textsOf } from './registry-columns.ts'
import type { GivenKeys } from './shared-keys.ts'

/** How a device proves itself. Thumbprints are SHA-256 of the certificate: 64 lower-case hex digits. */
export type Authentication =
  | { readonly type: 'certificateAuthority' }
  /** Shared keys, kept sealed beside the device: only while a migration lasts (docs/authentication.md). */
  | { readonly type: 'sas' }
  | { readonly type: 'selfSigned'; readonly primaryThumbprint: string | null; readonly secondaryThumbprint: string | null }

/** Whether a device may connect. */
export type DeviceStatus = 'enabled' | 'disabled'

/** What a device can do besides: an IoT Edge device runs modules and connects others. */
export type Capabilities = { readonly iotEdge: boolean }

/** One device of the registry, as it is now. `generationId` tells a device apart from an earlier one of its name. */
export type Device = {
  readonly id: DeviceId
  readonly generationId: string
  readonly etag: string
  readonly status: DeviceStatus
  readonly statusReason: string | null
  /** When the status was last changed; null: never since it was made. */
  readonly statusUpdatedAt: Instant | null
  readonly authentication: Authentication
  readonly capabilities: Capabilities
  /** Whose child it is, `ms-azure-iot-edge://...`; of an IoT Edge device its own, and its parents' are the `parentScopes`. */
  readonly deviceScope: string | null
  readonly parentScopes: readonly string[]
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** A device to be. What is left out: enabled, no IoT Edge, no scope, and keys of our making where it proves itself by keys. */
export type DeviceSpec = {
  readonly id: DeviceId
  readonly authentication: Authentication
  readonly keys?: GivenKeys | undefined
  readonly status?: DeviceStatus | undefined
  readonly statusReason?: string | null | undefined
  readonly capabilities?: Capabilities | undefined
  readonly deviceScope?: string | null | undefined
  readonly parentScopes?: readonly string[] | undefined
}

/** What may be changed; what is left out stays. */
export type DevicePatch = {
  readonly status?: DeviceStatus | undefined
  readonly statusReason?: string | null | undefined
  readonly authentication?: Authentication | undefined
  /** With shared keys: new ones. */
  readonly keys?: GivenKeys | undefined
  readonly capabilities?: Capabilities | undefined
  readonly deviceScope?: string | null | undefined
  readonly parentScopes?: readonly string[] | undefined
}

/** Scopes of parents that a device may name, and the characters of one. Ours: IoT Hub does not say. */
export const maxParentScopes = 8
const maxScopeLength = 256

/** How the scope of an IoT Edge device begins (azure-wire 5.1, [R]). */
const scopePrefix = 'ms-azure-iot-edge://'

/** The scope that an IoT Edge device gives its children. */
export function edgeScope(id: DeviceId, generationId: string): string {
  return `${scopePrefix}${id}-${generationId}`
}

/** Whether a text has the form of a scope. Nobody asks whether its parent exists: an import may bring the child first. */
export function isScope(text: string): boolean {
  return text.startsWith(scopePrefix) && text.length > scopePrefix.length && text.length <= maxScopeLength && /^[\x21-\x7e]+$/.test(text)
}

/** Longest reason for a status, in characters (Azure IoT Hub). */
export const maxStatusReasonLength = 128

/**
 * Reads a certificate thumbprint as operators paste it: hex with or without colons, spaces and capitals. Refuses
 * `hub/sha1-thumbprint` for 40 digits, `hub/thumbprint-malformed` for anything else that is not 64 digits.
 */
export function parseThumbprint(text: string): Result<string> {
  const hex = text.replaceAll(/[: ]/g, '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return ok(hex)
  if (/^[0-9a-f]{40}$/.test(hex))
    return refuse('hub/sha1-thumbprint', 'This is a SHA-1 thumbprint. SHA-1 collides, so give the SHA-256 one: 64 hex digits.')
  return refuse('hub/thumbprint-malformed', 'A thumbprint is the SHA-256 of the certificate: 64 hex digits.')
}

/** Authentication as it comes from outside: thumbprints are text that nobody has read yet. */
export type AuthenticationText = {
  readonly type: 'certificateAuthority' | 'selfSigned' | 'sas'
  readonly primaryThumbprint?: string | null | undefined
  readonly secondaryThumbprint?: string | null | undefined
}

/** Reads authentication. Refuses bad thumbprints, a self-signed device with none, and thumbprints where a CA vouches. */
export function parseAuthentication(text: AuthenticationText): Result<Authentication> {
  const primary = optionalThumbprint(text.primaryThumbprint)
  if (!primary.ok) return primary
  const secondary = optionalThumbprint(text.secondaryThumbprint)
  if (!secondary.ok) return secondary
  const none = primary.value === null && secondary.value === null
  if (text.type !== 'selfSigned') {
    if (!none) return refuse('hub/thumbprint-unexpected', 'Only a device with a self-signed certificate has thumbprints.')
    return ok({ type: text.type })
  }
  if (none) return refuse('hub/thumbprint-missing', 'A self-signed device needs at least one thumbprint.')
  return ok({ type: 'selfSigned', primaryThumbprint: primary.value, secondaryThumbprint: secondary.value })
}

function optionalThumbprint(text: string | null | undefined): Result<string | null> {
  return text === undefined || text === null || text === '' ? ok(null) : parseThumbprint(text)
}

/** The thumbprints that a device accepts. */
export function thumbprintsOf(authentication: Authentication): readonly string[] {
  if (authentication.type !== 'selfSigned') return []
  return [authentication.primaryThumbprint, authentication.secondaryThumbprint].filter((print) => print !== null)
}

const noEdge: Capabilities = Object.freeze({ iotEdge: false })
const edge: Capabilities = Object.freeze({ iotEdge: true })
const noScopes: readonly string[] = Object.freeze([])

/** One of the two values there are, so that a million devices share them. */
export function capabilitiesOf(isEdge: boolean): Capabilities {
  return isEdge ? edge : noEdge
}

/** Reads a device back from its row. Throws on a row that this room cannot have written. */
export function deviceOf(row: Row): Device {
  const scopes = textsOf(row, 'parent_scopes')
  const device: Device = {
    id: idOfRow(row, 'id'),
    generationId: textOf(row, 'generation_id'),
    etag: textOf(row, 'etag'),
    status: textOf(row, 'status') === 'enabled' ? 'enabled' : 'disabled',
    statusReason: optionalTextOf(row, 'status_reason'),
    statusUpdatedAt: optionalInstantOf(row, 'status_updated_at'),
    authentication: authenticationOf(row),
    capabilities: capabilitiesOf(row['iot_edge'] === 1),
    deviceScope: optionalTextOf(row, 'device_scope'),
    parentScopes: scopes.length === 0 ? noScopes : Object.freeze(scopes),
    createdAt: instantOf(row, 'created_at'),
    updatedAt: instantOf(row, 'updated_at'),
  }
  return Object.freeze(device)
}

/** Reads how the device of a row proves itself. */
export function authenticationOf(row: Row): Authentication {
  // Written as a self-signed device without thumbprints, which a release that knows no keys lets nobody be.
  if (row['sealed_keys'] !== null && row['sealed_keys'] !== undefined) return { type: 'sas' }
  if (textOf(row, 'auth_type') !== 'selfSigned') return { type: 'certificateAuthority' }
  const primaryThumbprint = optionalTextOf(row, 'primary_thumbprint')
  return { type: 'selfSigned', primaryThumbprint, secondaryThumbprint: optionalTextOf(row, 'secondary_thumbprint') }
}

/** The sealed keys of a row, if the device has some. */
export function sealedKeysOf(row: Row): Buffer | undefined {
  const sealed = row['sealed_keys']
  return sealed instanceof Uint8Array ? Buffer.from(sealed) : undefined
}
