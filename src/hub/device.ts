import { type DeviceId, type Instant, type Result, instant, ok, parseDeviceId, refuse } from '#base'
import type { Row } from '#store'

/** How a device proves itself. Thumbprints are SHA-256 of the certificate: 64 lower-case hex digits. */
export type Authentication =
  | { readonly type: 'certificateAuthority' }
  /** Shared keys, kept sealed beside the device: only while a migration lasts (docs/authentication.md). */
  | { readonly type: 'sas' }
  | { readonly type: 'selfSigned'; readonly primaryThumbprint: string | null; readonly secondaryThumbprint: string | null }

/** Whether a device may connect. */
export type DeviceStatus = 'enabled' | 'disabled'

/** One device of the registry, as it is now. `generationId` tells a device apart from an earlier one of its name. */
export type Device = {
  readonly id: DeviceId
  readonly generationId: string
  readonly etag: string
  readonly status: DeviceStatus
  readonly statusReason: string | null
  readonly authentication: Authentication
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** A device to be. */
export type DeviceSpec = { readonly id: DeviceId; readonly authentication: Authentication }

/** What an operator may change; what is left out stays. */
export type DevicePatch = {
  readonly status?: DeviceStatus
  readonly statusReason?: string | null
  readonly authentication?: Authentication
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

/** Reads a device back from its row. Throws on a row that this room cannot have written. */
export function deviceOf(row: Row): Device {
  const id = parseDeviceId(text(row, 'id'))
  if (!id.ok) throw new Error(`bug: the registry holds a device id that is none: ${id.error.message}`)
  const device: Device = {
    id: id.value,
    generationId: text(row, 'generation_id'),
    etag: text(row, 'etag'),
    status: text(row, 'status') === 'enabled' ? 'enabled' : 'disabled',
    statusReason: optional(row, 'status_reason'),
    authentication: authenticationOf(row),
    createdAt: time(row, 'created_at'),
    updatedAt: time(row, 'updated_at'),
  }
  return Object.freeze(device)
}

function authenticationOf(row: Row): Authentication {
  // Written as a self-signed device without thumbprints, which a release that knows no keys lets nobody be.
  if (row['sealed_keys'] !== null && row['sealed_keys'] !== undefined) return { type: 'sas' }
  if (text(row, 'auth_type') !== 'selfSigned') return { type: 'certificateAuthority' }
  const primaryThumbprint = optional(row, 'primary_thumbprint')
  return { type: 'selfSigned', primaryThumbprint, secondaryThumbprint: optional(row, 'secondary_thumbprint') }
}

/** The sealed keys of a row, if the device has some. */
export function sealedKeysOf(row: Row): Buffer | undefined {
  const sealed = row['sealed_keys']
  return sealed instanceof Uint8Array ? Buffer.from(sealed) : undefined
}

function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`bug: column ${column} of a device is not text`)
  return value
}

function optional(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

function time(row: Row, column: string): Instant {
  const value = row[column]
  if (typeof value !== 'number') throw new Error(`bug: column ${column} of a device is not a time`)
  return instant(value)
}
