import { type Instant, type Result, ok, refuse } from '#base'
import { type Certificate, type GeneralName, encodeName, importPublicKey, oids, refuseWeakKey, verifySignature } from '#wire/x509'
import { limits } from '../limits.ts'
import { namesAllowed, within } from '../name-constraints.ts'

/** The roles of issuers that others may sign. */
export type IssuerRole = 'device-issuer' | 'server-issuer'

const usageOf = { 'device-issuer': oids.clientAuth, 'server-issuer': oids.serverAuth } as const

/**
 * Whether a path, our issuer first and its root last, makes an issuer of a role: every signature, name, key, basic constraint, key usage, extended key usage
 * and constraint of names (RFC 5280 section 6.1), and that all of it is valid at `now`. `served` are the names that a server certificate under it
 * will carry. Each refusal says what its signer has to do otherwise.
 */
export function checkImported(path: readonly Certificate[], role: IssuerRole, now: Instant, served: readonly GeneralName[]): Result<void> {
  if (path.length > limits.pathCertificates - 1) return refuse('pki/path-too-long', 'The chain above the issuer has too many authorities.')
  for (const [height, certificate] of path.entries()) {
    const fit = fits(certificate, height, role, now)
    if (!fit.ok) return fit
    const issuer = path[height + 1] ?? certificate
    const signed = isSignedBy(certificate, issuer)
    if (!signed.ok) return signed
  }
  const named = namesAllowed(path)
  if (!named.ok) return named
  const subject = encodeName({ commonName: 'thingwall', organization: 'Thingwall' })
  for (const { extensions } of path) {
    if (!extensions.nameConstraints) continue
    const allowed = role === 'server-issuer' ? within({ subject, names: served }, extensions.nameConstraints) : ok(undefined)
    if (!allowed.ok) return allowed
  }
  return ok(undefined)
}

function fits(certificate: Certificate, height: number, role: IssuerRole, now: Instant): Result<unknown> {
  const detail = certificate.subject.text
  const { basicConstraints, keyUsage, extendedKeyUsage, unknownCritical } = certificate.extensions
  const [unknown] = unknownCritical
  if (unknown !== undefined)
    return refuse('x509/unknown-critical-extension', 'The certificate has a critical extension that is not understood here.', unknown)
  if (basicConstraints?.ca !== true)
    return refuse('pki/issuer-not-ca', 'A certificate in the chain is not one of an authority: sign with basicConstraints CA:TRUE.', detail)
  if (!keyUsage?.includes('keyCertSign'))
    return refuse(
      'pki/issuer-not-ca',
      'An authority in the chain may not sign certificates: sign with keyUsage keyCertSign and cRLSign.',
      detail,
    )
  // Its lists of what it revoked would be worth nothing.
  if (height === 0 && !keyUsage.includes('cRLSign'))
    return refuse('pki/issuer-not-ca', 'The issuer may not sign revocation lists: sign with keyUsage keyCertSign and cRLSign.', detail)
  // Below it stands a leaf, and at most the authorities between.
  if (basicConstraints.pathLength !== undefined && height > basicConstraints.pathLength)
    return refuse('pki/path-too-long', 'An authority above the issuer does not allow another below it.', detail)
  const isRoot = certificate.subject.der.equals(certificate.issuer.der)
  if (extendedKeyUsage && !extendedKeyUsage.includes(usageOf[role]) && !isRoot)
    return refuse(
      'pki/wrong-usage',
      `An authority in the chain does not vouch for ${role === 'device-issuer' ? 'clients' : 'servers'}.`,
      detail,
    )
  if (now < certificate.notBefore || now >= certificate.notAfter)
    return refuse('pki/issuer-not-valid', 'An authority in the chain has expired or is not valid yet.', detail)
  return refuseWeakKey(certificate.publicKey)
}

function isSignedBy(child: Certificate, issuer: Certificate): Result<unknown> {
  const detail = child.subject.text
  if (!child.issuer.der.equals(issuer.subject.der))
    return refuse('pki/chain-broken', 'The chain is not one: give the issuer first, then who signed it, and so on up to the root.', detail)
  if (!child.signatureAlgorithm)
    return refuse('pki/weak-signature', 'A certificate in the chain is signed with an algorithm that is not accepted.', detail)
  const key = importPublicKey(issuer.publicKey)
  if (!key || !verifySignature(child.signatureAlgorithm, key, child.tbs, child.signature))
    return refuse('pki/bad-signature', 'A signature in the chain is not the one of the certificate above.', detail)
  return ok(undefined)
}
