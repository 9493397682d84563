import { timingSafeEqual } from 'node:crypto'
import { type DeviceId, type Instant, type Result, type Secret, identityParts, instant, ok } from '#base'
import { type SharedAccessSignature, parseSharedAccessSignature, resourceSegments, signSharedAccess } from '#wire/azure'
import type { Refused } from '../authenticate.ts'
import type { Permission } from '../services/permissions.ts'
import { refuseCredentials } from './identity.ts'

/** The two keys of a device, so that one can be changed while the other serves. Decoded bytes. */
export type DeviceKeys = { readonly primary: Secret; readonly secondary: Secret }

/** A shared access policy, as far as signatures are concerned: its keys, what they may sign for, and until when. */
export type SigningPolicy = DeviceKeys & { readonly permissions: ReadonlySet<Permission>; readonly expiresAt: Instant }

/** Until when shared access signatures are taken at all, and the keys of a device that has some. Without this port they never are. */
export type SasPort = {
  readonly allowedUntil: Instant
  /** Of a device, or of a module by `{device}/{module}`. */
  keysOf(device: DeviceId): DeviceKeys | undefined
  /** A policy that an operator made, while policies are allowed; without this no policy can sign for devices (azure-wire 1.3, the gateway pattern). */
  readonly policy?: ((name: string) => SigningPolicy | undefined) | undefined
}

/** A device's token may end at most this far ahead; stock SDKs make them for an hour. */
export const sasLifetimeMs = 24 * 60 * 60 * 1000

/** What the peer hears whatever was wrong, so that it cannot ask which devices there are (azure-wire 1.2). */
export const hidden = 'The device is not known or may not connect.'

/** Longest token, in bytes. */
const maxTokenBytes = 4_096

/** Whether a signature is by one of two keys. Both are tried, always: which one it was is nobody's business. */
export function isSignedBy(keys: DeviceKeys, { resource, expiry, signature }: SharedAccessSignature): boolean {
  const matches = [keys.primary, keys.secondary].map((key) =>
    key.use((bytes) => timingSafeEqual(signSharedAccess(bytes, resource, expiry), signature)),
  )
  return matches.includes(true)
}

/**
 * Verifies the shared access signature of a device or module: form, signature by either key over the text as written, scope, expiry, in that order. The key is
 * that of the identity, or with `skn` that of a policy with DeviceConnect. The scope is the identity itself or whole leading segments of it, on a name of ours.
 * Its end: the token's, the policy's, or that of the migration, whichever comes first.
 */
export function verifySas(
  password: Secret,
  identity: DeviceId,
  sas: SasPort,
  isOurHost: (host: string) => boolean,
  now: Instant,
): Result<{ readonly expiresAt: Instant; readonly policy: string | undefined }, Refused> {
  if (now >= sas.allowedUntil)
    return refuseCredentials('access/sas-ended', 'Shared access signatures are not accepted any more; connect with a certificate.')
  const text = password.use((bytes) => (bytes.length > maxTokenBytes ? '' : bytes.toString('latin1')))
  const token = parseSharedAccessSignature(text)
  if (!token.ok) return refuseCredentials('access/sas-malformed', hidden, token.error.message)
  const { resource, expiry, policy } = token.value
  const signer = policy === undefined ? keysOf(identity, sas) : deviceConnect(policy, sas, now)
  if (!signer.ok) return signer
  if (!isSignedBy(signer.value.keys, token.value))
    return refuseCredentials(
      'access/sas-wrong',
      hidden,
      `the signature is by neither key of the ${policy === undefined ? 'device' : 'policy'}`,
    )
  if (!covers(resource, identity, isOurHost)) return refuseCredentials('access/sas-scope', hidden, 'the token is for another resource')
  const ends = Number(expiry) * 1000
  if (ends <= now) return refuseCredentials('access/sas-expired', hidden, 'the token has expired; look at the clock of the device')
  if (ends > now + sasLifetimeMs) return refuseCredentials('access/sas-too-long', hidden, 'the token is for more than 24 hours')
  return ok({ expiresAt: instant(Math.min(ends, sas.allowedUntil, signer.value.until)), policy })
}

type Signer = { readonly keys: DeviceKeys; readonly until: number }

function keysOf(identity: DeviceId, sas: SasPort): Result<Signer, Refused> {
  const keys = sas.keysOf(identity)
  return keys === undefined
    ? refuseCredentials('access/sas-wrong', hidden, 'the device has no keys')
    : ok({ keys, until: Number.POSITIVE_INFINITY })
}

function deviceConnect(name: string, sas: SasPort, now: Instant): Result<Signer, Refused> {
  const policy = sas.policy?.(name)
  if (policy === undefined || now >= policy.expiresAt || !policy.permissions.has('DeviceConnect'))
    return refuseCredentials('access/sas-policy', hidden, 'the token names no shared access policy with DeviceConnect that is in force')
  return ok({ keys: policy, until: policy.expiresAt })
}

function covers(resource: string, identity: DeviceId, isOurHost: (host: string) => boolean): boolean {
  const [host = '', ...path] = resourceSegments(resource) ?? []
  const { device, module } = identityParts(identity)
  const whole: readonly string[] = ['devices', device, ...(module === undefined ? [] : ['modules', module])]
  return isOurHost(host) && path.length <= whole.length && path.every((segment, at) => segment === whole[at])
}
