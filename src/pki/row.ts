import { type DeviceId, type Instant, instant, parseDeviceId } from '#base'
import type { Row } from '#store'
import { type ProfileName, profileNames } from './profile.ts'

/** Why a certificate was revoked, in the words of RFC 5280 section 5.3.1. */
export const revocationReasons = ['unspecified', 'keyCompromise', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn'] as const

/** One of the {@link revocationReasons}. */
export type RevocationReason = (typeof revocationReasons)[number]

/** What the inventory knows of one certificate that we made. */
export type CertificateRecord = {
  readonly serial: string
  readonly profile: ProfileName
  readonly issuer: string
  readonly subject: string
  /** The device it is for; null for our own. */
  readonly device: DeviceId | null
  readonly keySha256: string
  readonly notBefore: Instant
  readonly notAfter: Instant
  /** SHA-256 of the DER, lower-case hex; null when it was recorded but never handed out. */
  readonly fingerprintSha256: string | null
  readonly revoked: { readonly at: Instant; readonly reason: RevocationReason } | null
}

/** The column `reason` of a row that is revoked. */
export function reasonOf(row: Row): RevocationReason {
  return oneOf(revocationReasons, textOf(row, 'reason'))
}

/** Reads a row of `pki_certificate`. A column of another type is our bug. */
export function recordOf(row: Row): CertificateRecord {
  const revokedAt = row['revoked_at']
  return {
    serial: textOf(row, 'serial'),
    profile: oneOf(profileNames, textOf(row, 'profile')),
    issuer: textOf(row, 'issuer'),
    subject: textOf(row, 'subject'),
    device: row['device'] === null ? null : deviceOf(row),
    keySha256: textOf(row, 'key_sha256'),
    notBefore: timeOf(row, 'not_before'),
    notAfter: timeOf(row, 'not_after'),
    fingerprintSha256: row['fingerprint'] === null ? null : textOf(row, 'fingerprint'),
    revoked: revokedAt === null ? null : { at: timeOf(row, 'revoked_at'), reason: reasonOf(row) },
  }
}

/** A text column. */
export function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`bug: ${column} is not text`)
  return value
}

/** A column of whole numbers. */
export function numberOf(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new Error(`bug: ${column} is not a number`)
  return value
}

/** A column of bytes. */
export function bytesOf(row: Row, column: string): Buffer {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw new Error(`bug: ${column} is not bytes`)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function deviceOf(row: Row): DeviceId {
  const id = parseDeviceId(textOf(row, 'device'))
  if (!id.ok) throw new Error('bug: a row names no device')
  return id.value
}

function timeOf(row: Row, column: string): Instant {
  return instant(numberOf(row, column))
}

function oneOf<T extends string>(known: readonly T[], text: string): T {
  const found = known.find((one) => one === text)
  if (found === undefined) throw new Error('bug: unknown word in a row')
  return found
}
