import { type Grant, type Result, ok, refuse } from '#base'
import { type GeneralName, encodePem, parseSigningRequest } from '#wire/x509'
import { type Authority, type Foundry, fingerprintOf, freshSerial, pemOf, validityFrom } from '../authority.ts'
import { keySha256 } from '../inventory.ts'
import type { Issued } from '../issue-device.ts'
import { limits } from '../limits.ts'
import { pointersOf } from '../revocation/pointers.ts'

/** A certificate for a service of an operator: for these names alone, whatever the signing request (DER) says besides its key. */
export type ServiceRequest = {
  readonly csr: Buffer
  readonly names: readonly GeneralName[]
  /** Whose the key is, such as `acme:ID`: another's key is refused. */
  readonly owner: string
  readonly lifetimeMs: number
}

/** Makes a certificate for a service. The names have been proven and allowed by whoever calls; the profile decides everything else. */
export async function issueService(
  { ports, inventory }: Foundry,
  authority: Authority,
  grant: Grant<'certificate.issue'>,
  { csr, names, owner, lifetimeMs }: ServiceRequest,
): Promise<Result<Issued>> {
  const request = parseSigningRequest(csr)
  if (!request.ok) return request
  const { requested, publicKey } = request.value
  if (requested.basicConstraints?.ca === true || requested.keyUsage?.includes('keyCertSign') === true)
    return refuse('pki/authority-requested', 'The signing request asks for the certificate of an authority.')
  const key = keySha256(publicKey.der)
  const before = (await inventory.ownersOf([key])).get(key)
  if (before !== undefined && before !== owner)
    return refuse('pki/key-in-use', 'This key already belongs to someone else. Make a new key pair.', before)
  const { issuer, certificate } = authority
  const serial = freshSerial(ports.random)
  const keyId = issuer.identity.keyId.toString('hex')
  // Clients look at the alternative names only; the common name is for people, and must be short.
  const commonName = names.find(({ value }) => value.length <= limits.commonNameCharacters)?.value ?? 'service'
  const validity = validityFrom(ports.clock.now(), lifetimeMs, issuer.identity)
  const proof = issuer.lint({
    profile: 'operator-service',
    serial,
    commonName,
    alternativeNames: names,
    publicKey,
    ...pointersOf(ports, keyId, serial),
    ...validity,
    notAfter: validity.notAfter > issuer.identity.notAfter ? issuer.identity.notAfter : validity.notAfter,
  })
  if (!proof.ok) return proof
  const recorded = await inventory.reserve(grant, [{ proof: proof.value, device: null, owner, issuer: keyId, subject: commonName }])
  if (!recorded.ok) return recorded
  const [reservation] = recorded.value
  if (reservation === undefined) throw new Error('bug: nothing was reserved')
  const der = await issuer.sign(proof.value, reservation)
  const fingerprintSha256 = fingerprintOf(der)
  const completed = await inventory.complete([{ serial, der, fingerprintSha256 }])
  if (!completed.ok) return completed
  const { notBefore, notAfter } = proof.value.template
  return ok({ certificatePem: encodePem('CERTIFICATE', der) + pemOf(certificate), serial, fingerprintSha256, notBefore, notAfter })
}
