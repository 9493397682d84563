import { type CertificateProof, type Instant, type Result, parseDeviceId } from '#base'
import type { Name } from '#wire/x509'
import type { AuthenticationPorts } from '../ports.ts'
import type { X509Settings } from './document.ts'
import { principalOf, refuseCredentials } from './identity.ts'
import { type Method, asRefused, invalid, outcomeOf } from './method.ts'
import { isSubject } from './subject-name.ts'

/** A chain to an authority that an operator trusts, verified; see the PKI room for what that means. */
export type TrustedChain = {
  readonly commonName: string | undefined
  readonly fingerprintSha256: string
  /** Leaf first, anchor last. */
  readonly subjects: readonly Name[]
  readonly chainNotAfter: Instant
  /** What a revocation would know it by. */
  readonly proof?: CertificateProof | undefined
}

/** Verifies against one bundle of authorities and revocation lists. */
export type VerifyTrusted = (presented: readonly Buffer[], now: Instant) => Result<TrustedChain>

/** Method X509: a certificate of an authority of the operator's choice; the name is its common name, and a user name is not looked at (edge.md 1.6). */
export function x509Method(settings: X509Settings, verify: VerifyTrusted, registry: Pick<AuthenticationPorts, 'find'>): Method {
  return {
    name: 'X509',
    isRelevant: ({ certificates }) => certificates.length > 0,
    verify(credentials, now) {
      const chain = verify(credentials.certificates, now)
      if (!chain.ok) return invalid(asRefused(chain.error))
      const { commonName, subjects, chainNotAfter, fingerprintSha256, proof } = chain.value
      if (commonName === undefined)
        return invalid(refuseCredentials('access/no-common-name', 'The client certificate has no common name.').error)
      if (settings.registered) {
        const id = parseDeviceId(commonName)
        const device = id.ok ? registry.find(id.value) : undefined
        if (device?.status !== 'enabled')
          return invalid(
            refuseCredentials('access/not-registered', 'You may not connect.', `${commonName} is no enabled device of the registry`).error,
          )
      }
      const attributes = attributesFor(settings, subjects)
      const proven = { username: commonName, attributes, expiresAt: chainNotAfter, thumbprint: fingerprintSha256, proof }
      return outcomeOf(principalOf('X509', proven, credentials))
    },
  }
}

/** From the leaf upwards, the first certificate that an entry names decides, and nothing is added from above it (edge.md 1.6, 6). */
function attributesFor(settings: X509Settings, subjects: readonly Name[]): ReadonlyMap<string, string> {
  if (settings.attributes.length === 0) return new Map()
  for (const name of subjects) {
    const entry = settings.attributes.find(({ subject }) => isSubject(name, subject))
    if (entry !== undefined) return entry.attributes
  }
  return new Map()
}
