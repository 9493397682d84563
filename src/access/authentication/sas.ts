import { timingSafeEqual } from 'node:crypto'
import { type DeviceId, type Instant, type Result, type Secret, instant, ok } from '#base'
import { parseSharedAccessSignature, resourceSegments, signSharedAccess } from '#wire/azure'
import type { Refused } from '../authenticate.ts'
import { refuseCredentials } from './identity.ts'

/** The two keys of a device, so that one can be changed while the other serves. Decoded bytes. */
export type DeviceKeys = { readonly primary: Secret; readonly secondary: Secret }

/** Until when shared access signatures are taken at all, and the keys of a device that has some. Without this port they never are. */
export type SasPort = { readonly allowedUntil: Instant; keysOf(device: DeviceId): DeviceKeys | undefined }

/** A device's token may end at most this far ahead; stock SDKs make them for an hour. */
const sasLifetimeMs = 24 * 60 * 60 * 1000

/** What the peer hears whatever was wrong, so that it cannot ask which devices there are (azure-wire 1.2). */
export const hidden = 'The device is not known or may not connect.'

/** Longest token, in bytes. */
const maxTokenBytes = 4_096

/**
 * Verifies a device's shared access signature: form, signature by either key over the text as written, scope, expiry, in that order. The scope is the device
 * itself or whole leading segments of it, on a name of ours. Its end: the token's or that of the migration, whichever comes first.
 */
export function verifySas(
  password: Secret,
  device: DeviceId,
  sas: SasPort,
  isOurHost: (host: string) => boolean,
  now: Instant,
): Result<{ readonly expiresAt: Instant }, Refused> {
  if (now >= sas.allowedUntil)
    return refuseCredentials('access/sas-ended', 'Shared access signatures are not accepted any more; connect with a certificate.')
  const text = password.use((bytes) => (bytes.length > maxTokenBytes ? '' : bytes.toString('latin1')))
  const token = parseSharedAccessSignature(text)
  if (!token.ok) return refuseCredentials('access/sas-malformed', hidden, token.error.message)
  const { resource, expiry, signature, policy } = token.value
  if (policy !== undefined) return refuseCredentials('access/sas-policy', hidden, 'tokens of shared access policies are not served')
  const keys = sas.keysOf(device)
  if (keys === undefined) return refuseCredentials('access/sas-wrong', hidden, 'the device has no keys')
  // Both, always: which one it was is nobody's business.
  const matches = [keys.primary, keys.secondary].map((key) =>
    key.use((bytes) => timingSafeEqual(signSharedAccess(bytes, resource, expiry), signature)),
  )
  if (!matches.includes(true)) return refuseCredentials('access/sas-wrong', hidden, 'the signature is by neither key of the device')
  const [host = '', ...path] = resourceSegments(resource) ?? []
  const whole = ['devices', device]
  if (!isOurHost(host) || path.length > whole.length || path.some((segment, at) => segment !== whole[at]))
    return refuseCredentials('access/sas-scope', hidden, 'the token is for another resource')
  const ends = Number(expiry) * 1000
  if (ends <= now) return refuseCredentials('access/sas-expired', hidden, 'the token has expired; look at the clock of the device')
  if (ends > now + sasLifetimeMs) return refuseCredentials('access/sas-too-long', hidden, 'the token is for more than 24 hours')
  return ok({ expiresAt: instant(Math.min(ends, sas.allowedUntil)) })
}
