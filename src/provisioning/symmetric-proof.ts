import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Instant, type Result, Secret, instant, ok, refuse } from '#base'
import { type SharedAccessSignature, parseSharedAccessSignature, resourceSegments, signSharedAccess } from '#wire/azure'
import type { EnrollmentKeys } from './enrollment.ts'
import { provisioningLimits } from './limits.ts'

/** What every token of a registering device names as its policy (azure-wire 1.3). */
const policyName = 'registration'

/** A token that is for this registration and has not ended; its signature has not been verified. */
export type RegistrationToken = { readonly signature: SharedAccessSignature; readonly expiresAt: Instant }

/**
 * Reads the token of a registering device (azure-wire 1.2, 1.3): `sr` is `{idScope}/registrations/{registrationId}`, encoded or not. Refuses, for the log
 * alone, one that is malformed, for somebody else, over, or that ends too late.
 */
export function readToken(text: string, idScope: string, registrationId: string, now: Instant): Result<RegistrationToken> {
  const parsed = parseSharedAccessSignature(text)
  if (!parsed.ok) return parsed
  const no = (why: string) => refuse('provisioning/unauthorized', 'Not authorized.', why)
  const segments = resourceSegments(parsed.value.resource)
  const [scope, word, id, more] = segments ?? []
  if (more !== undefined || scope === undefined || word !== 'registrations' || id === undefined)
    return no('the token is for no registration')
  // Some clients write the whole resource in lower case (azure-wire 1.2).
  if (scope.toLowerCase() !== idScope.toLowerCase() || id.toLowerCase() !== registrationId.toLowerCase())
    return no('the token is for another registration')
  if (parsed.value.policy !== policyName) return no('the token does not name the policy registration')
  const expiresAt = instant(Number(parsed.value.expiry) * 1_000)
  if (expiresAt <= now) return no('the token has ended')
  if (expiresAt - now > provisioningLimits.tokenMs) return no('the token ends too late')
  return ok({ signature: parsed.value, expiresAt })
}

/** Whether one of two keys made this signature. Always computes both, and compares in constant time. */
export function isSignedBy({ signature, resource, expiry }: SharedAccessSignature, { primary, secondary }: EnrollmentKeys): boolean {
  const made = (key: Secret) => key.use((bytes) => timingSafeEqual(signSharedAccess(bytes, resource, expiry), signature))
  const first = made(primary)
  const second = made(secondary)
  return first || second
}

/** The key of one device of a group (azure-wire 1.7): HMAC-SHA256 of its registration id under the group's key. */
export function deriveKeys({ primary, secondary }: EnrollmentKeys, registrationId: string): EnrollmentKeys {
  const derived = (key: Secret) => new Secret(key.use((bytes) => createHmac('sha256', bytes).update(registrationId, 'utf8').digest()))
  return { primary: derived(primary), secondary: derived(secondary) }
}
