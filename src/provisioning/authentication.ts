import { type Instant, type Refusal, type Result, Secret, ok, refuse } from '#base'
import { type Certificate, parseCertificate, refuseWeakKey } from '#wire/x509'
import { Attempts } from './attempts.ts'
import type { Registrant, RegistrantClaim, TpmClaim } from './device.ts'
import type { Enrollment, EnrollmentKeys } from './enrollment.ts'
import { type Enrollments, type OpenEnrollment, mayUseKeys } from './enrollments.ts'
import { anchorsOf } from './group-index.ts'
import { sha256Of } from './held-certificate.ts'
import { provisioningLimits } from './limits.ts'
import type { ChainTrust, ProvisioningConfig, ProvisioningPorts } from './ports.ts'
import { type IdKey, parseIdKey } from './registration-id.ts'
import { deriveKeys, isSignedBy, readToken } from './symmetric-proof.ts'
import { type ChallengedTpm, TpmChallenges } from './tpm-proof.ts'

/** By what a device has proven itself, and what its hub will know it by. */
export type Credential =
  | {
      readonly type: 'x509'
      readonly chain: readonly Buffer[]
      readonly groupAnchorSha256: string | undefined
      readonly lot: string | undefined
    }
  | { readonly type: 'symmetricKey'; readonly keys: EnrollmentKeys }
  | { readonly type: 'tpm'; readonly tpm: ChallengedTpm }

/** What stands behind a {@link Registrant}: seen by this room alone. */
export type Proof = {
  /** As it was sent; the common name of a certificate where there is one. */
  readonly registrationId: string
  readonly key: IdKey
  readonly enrollment: Enrollment
  readonly credential: Credential
  readonly expiresAt: Instant
}

/** Proves registering devices (azure-wire 7.4). */
export type RegistrantProofs = {
  authenticate(claim: RegistrantClaim): Promise<Result<Registrant>>
  challenge(claim: TpmClaim): Promise<Result<Buffer>>
  /** What stands behind a registrant of this hub. Throws for one that this room did not mint. */
  proofOf(registrant: Registrant): Proof
}

/** What proofs are made with. */
export type ProofPorts = Pick<ProvisioningPorts, 'clock' | 'openTrust' | 'authorities' | 'tpm' | 'tpmSecret' | 'tell' | 'trouble'> & {
  readonly idScope: string
  readonly enrollments: Pick<Enrollments, 'individual' | 'groups'>
  /** The storage root key of a registration record. */
  readonly recordedRootKey: (key: IdKey) => Promise<Buffer | undefined>
  /** The lot of a factory that a verified leaf is of, if it is of one; a refusal if that lot may not have made it. */
  readonly admit: (leaf: Certificate, enrollment: Enrollment) => Promise<Result<string | undefined>>
}

const unauthorized = { code: 'provisioning/unauthorized', message: 'Not authorized.' } as const
const no = (detail: string) => refuse(unauthorized.code, unauthorized.message, detail)
const tooMany = refuse('provisioning/too-many-attempts', 'Too many refused attempts from your address. Wait a minute.')

// Somebody's signature is always compared with something, so that an unknown name takes as long as a known one.
const nobody: EnrollmentKeys = { primary: new Secret(Buffer.alloc(64, 1)), secondary: new Secret(Buffer.alloc(64, 2)) }

/** Opens the proof of registering devices. */
export function openProofs(config: ProvisioningConfig, ports: ProofPorts): RegistrantProofs {
  const { clock, enrollments, idScope } = ports
  const attempts = new Attempts(clock)
  const challenges = new TpmChallenges(ports)
  const proofs = new WeakMap<Registrant, Proof>()

  /** Whatever was wrong is one answer outside, and counted. */
  async function guarded<T>(registrationId: string, address: string, prove: () => Promise<Result<T>>): Promise<Result<T>> {
    if (attempts.exhausted(address)) return tooMany
    const proven = await prove()
    if (proven.ok) return proven
    const reason = reasonOf(proven.error)
    const count = attempts.failed(address)
    if (count > 0) {
      const registration = registrationId.slice(0, 128)
      const told = { kind: 'registration-refused', time: clock.now(), registration, address, reason } as const
      ports.tell(count === 1 ? told : { ...told, count })
    }
    return refuse(unauthorized.code, unauthorized.message, reason)
  }

  async function prove(claim: RegistrantClaim): Promise<Result<Proof>> {
    if (claim.idScope.toLowerCase() !== idScope.toLowerCase()) return no('the id scope is another one')
    const key = parseIdKey(claim.registrationId)
    if (!key.ok) return key
    const found = await enrollments.individual(key.value)
    if (claim.token !== undefined) return await proveByToken(claim, claim.token, key.value, found)
    if (claim.certificates.length > 0) return await proveByCertificate(claim, key.value, found)
    return no('neither a token nor a certificate')
  }

  async function proveByToken(claim: RegistrantClaim, text: string, key: IdKey, found: OpenEnrollment | undefined): Promise<Result<Proof>> {
    const now = clock.now()
    const token = readToken(text, idScope, claim.registrationId, now)
    if (!token.ok) return token
    const { signature, expiresAt } = token.value
    const proven = (enrollment: Enrollment, credential: Credential): Result<Proof> =>
      enrollment.status === 'enabled'
        ? ok({ registrationId: claim.registrationId, key, enrollment, credential, expiresAt })
        : no('the enrollment is disabled')
    if (found?.enrollment.attestation.type === 'tpm') {
      const tpms = challenges.challenged(found.enrollment, await ports.recordedRootKey(key))
      const tpm = tpms.find((one) => isSignedBy(signature, { primary: one.key, secondary: one.key }))
      return tpm === undefined
        ? no('the token is not signed by the TPM of this enrollment')
        : proven(found.enrollment, { type: 'tpm', tpm })
    }
    if (!mayUseKeys(config.symmetricKeysUntil, now)) return no('shared keys are off')
    // An individual enrollment wins over groups, whatever it says (azure-wire 7.4).
    if (found !== undefined) {
      const keys = found.enrollment.attestation.type === 'symmetricKey' ? found.keys : undefined
      const isSigned = isSignedBy(signature, keys ?? nobody)
      return isSigned && keys !== undefined ? proven(found.enrollment, { type: 'symmetricKey', keys }) : no('the signature is wrong')
    }
    let match: { readonly enrollment: Enrollment; readonly keys: EnrollmentKeys } | undefined
    const lower = claim.registrationId.toLowerCase()
    const spellings = lower === claim.registrationId ? [lower] : [claim.registrationId, lower]
    const groups = enrollments.groups.keyed().slice(0, provisioningLimits.groupsPerKind)
    for (const { enrollment, keys } of groups)
      for (const spelling of keys === undefined ? [] : spellings) {
        const derived = deriveKeys(keys ?? nobody, spelling)
        // Every group is tried, so that the time does not tell which one it was.
        if (isSignedBy(signature, derived)) match ??= { enrollment, keys: derived }
      }
    if (groups.length === 0) isSignedBy(signature, nobody)
    return match === undefined
      ? no('the signature is of no enrollment')
      : proven(match.enrollment, { type: 'symmetricKey', keys: match.keys })
  }

  async function proveByCertificate(claim: RegistrantClaim, key: IdKey, found: OpenEnrollment | undefined): Promise<Result<Proof>> {
    const now = clock.now()
    const [der] = claim.certificates
    const leaf = der === undefined ? no('no certificate') : parseCertificate(der)
    if (!leaf.ok) return leaf
    const strong = refuseWeakKey(leaf.value.publicKey)
    if (!strong.ok) return strong
    const { commonName } = leaf.value.subject
    // The name in the certificate is the registration id (azure-wire 7.4); which one was meant, the claim has said.
    if (commonName?.toLowerCase() !== key) return no('the common name is not the registration id')
    if (now < leaf.value.notBefore || now > leaf.value.notAfter) return no('the certificate is not valid at this time')
    const chain = claim.certificates
    const matched = found === undefined ? byGroup(chain, now) : byIndividual(found, chain, now)
    if (!matched.ok) return matched
    const { enrollment, anchor, notAfter } = matched.value
    if (enrollment.status !== 'enabled') return no('the enrollment is disabled')
    const expiresAt = notAfter === undefined || leaf.value.notAfter < notAfter ? leaf.value.notAfter : notAfter
    const lot = await ports.admit(leaf.value, enrollment)
    if (!lot.ok) return lot
    const credential = { type: 'x509', chain, groupAnchorSha256: anchor, lot: lot.value } as const
    return ok({ registrationId: commonName, key, enrollment, credential, expiresAt })
  }

  type Matched = { readonly enrollment: Enrollment; readonly anchor: string | undefined; readonly notAfter: Instant | undefined }

  function byIndividual(found: OpenEnrollment, chain: readonly Buffer[], now: Instant): Result<Matched> {
    const { enrollment } = found
    const { attestation } = enrollment
    if (attestation.type === 'caReferences') {
      const trust = trustIn(found)
      const proven = trust?.(chain, now) ?? no('the authority of the enrollment is not known')
      return proven.ok ? ok({ enrollment, anchor: undefined, notAfter: proven.value.notAfter }) : proven
    }
    const [leaf] = chain
    const print = leaf === undefined ? '' : sha256Of(leaf)
    if (attestation.type !== 'clientCertificates') return no('the enrollment has no certificate')
    const { primary, secondary } = attestation.certificates
    if (primary?.sha256 !== print && secondary?.sha256 !== print) return no('the certificate is none of the enrollment')
    return ok({ enrollment, anchor: undefined, notAfter: undefined })
  }

  function byGroup(chain: readonly Buffer[], now: Instant): Result<Matched> {
    const match = enrollments.groups.match(chain, now)
    if (!match.ok) return match
    const { group, chain: proven } = match.value
    return ok({ enrollment: group.enrollment, anchor: proven.anchorSha256, notAfter: proven.notAfter })
  }

  function trustIn(found: OpenEnrollment): ChainTrust | undefined {
    const anchors = anchorsOf(found, ports.authorities?.() ?? [])
    const trust = anchors.length === 0 ? undefined : ports.openTrust(anchors.map(({ der }) => der))
    return trust?.ok === true ? trust.value : undefined
  }

  return {
    async authenticate(claim) {
      const proven = await guarded(claim.registrationId, claim.address, () => prove(claim))
      if (!proven.ok) return proven
      const { registrationId, credential, expiresAt } = proven.value
      const registrant = Object.freeze({ registrationId, proof: credential.type, expiresAt }) as Registrant
      proofs.set(registrant, proven.value)
      return ok(registrant)
    },
    challenge: (claim) =>
      guarded(claim.registrationId, claim.address, async () => {
        if (claim.idScope.toLowerCase() !== idScope.toLowerCase()) return no('the id scope is another one')
        const { endorsementKey, storageRootKey } = claim
        if (Math.max(endorsementKey.length, storageRootKey.length) > provisioningLimits.tpmPublicBytes) return no('the keys are too long')
        const key = parseIdKey(claim.registrationId)
        const found = key.ok ? await enrollments.individual(key.value) : undefined
        if (found === undefined) return no('there is no such enrollment')
        if (found.enrollment.status !== 'enabled') return no('the enrollment is disabled')
        return challenges.challenge(found.enrollment, claim)
      }),
    proofOf(registrant) {
      const proof = proofs.get(registrant)
      if (proof === undefined) throw new Error('bug: a registrant that nobody proved')
      return proof
    },
  }
}

function reasonOf({ code, message, detail }: Refusal): string {
  return (code === unauthorized.code ? (detail ?? message) : `${code}: ${detail ?? message}`).slice(0, 256)
}
