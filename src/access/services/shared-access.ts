import { type Instant, type Result, Secret, instant, ok } from '#base'
import { type SharedAccessSignature, parseSharedAccessSignature } from '#wire/azure'
import { type SigningPolicy, isSignedBy, sasLifetimeMs } from '../authentication/sas.ts'
import { refuseService } from './contract.ts'
import type { Permission } from './permissions.ts'
import { scopeOf } from './resource.ts'

/** What verifies the shared access signatures of back ends. */
export type SharedAccessPorts = {
  /** A policy in force, with its keys. */
  signing(name: string): SigningPolicy | undefined
  isOurHost(host: string): boolean
}

/** A policy that has signed, and what its token is good for. */
export type SignedByPolicy = {
  readonly policy: string
  readonly permissions: ReadonlySet<Permission>
  readonly scope: string
  readonly expiresAt: Instant
}

/**
 * Verifies a back end's shared access signature: form, policy, signature by either key over the text as written, scope, expiry (azure-wire 1.2, 1.3). Event Hubs
 * clients sign with the key as it stands in the connection string, everybody else with the bytes that it is the base64 of; neither is taken for the other.
 */
export function verifySharedAccess(text: string, isEventHubs: boolean, ports: SharedAccessPorts, now: Instant): Result<SignedByPolicy> {
  const token = parseSharedAccessSignature(text)
  if (!token.ok) return refuseService(token.error.message)
  const { resource, expiry, policy } = token.value
  if (policy === undefined) return refuseService('the token names no shared access policy')
  const signer = ports.signing(policy)
  if (signer === undefined) return refuseService(`no shared access policy ${policy.slice(0, 64)} is in force`)
  const signed = isSignedByPolicy(signer, token.value, isEventHubs)
  for (const key of [signer.primary, signer.secondary]) key[Symbol.dispose]()
  if (!signed) return refuseService(`the signature is by neither key of the policy ${policy}`)
  const scope = scopeOf(resource, isEventHubs, (host) => ports.isOurHost(host))
  if (scope === undefined) return refuseService('the token is for another resource than this hub')
  const ends = Number(expiry) * 1000
  if (ends <= now) return refuseService('the token has expired; look at the clock of the back end')
  if (ends > now + sasLifetimeMs) return refuseService('the token is for more than 24 hours')
  return ok({ policy, permissions: signer.permissions, scope, expiresAt: instant(Math.min(ends, signer.expiresAt)) })
}

function isSignedByPolicy(signer: SigningPolicy, token: SharedAccessSignature, isEventHubs: boolean): boolean {
  if (!isEventHubs) return isSignedBy(signer, token)
  using primary = asText(signer.primary)
  using secondary = asText(signer.secondary)
  return isSignedBy({ primary, secondary }, token)
}

function asText(key: Secret): Secret {
  return new Secret(Buffer.from(key.use((bytes) => bytes.toString('base64'))))
}
