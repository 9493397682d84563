import type { KeyObject } from 'node:crypto'
import { type Refusal, type Result, ok, refuse } from '#base'
import { type Certificate, importPublicKey, oids, refuseWeakKey, verifySignature } from '#wire/x509'
import { limits } from './limits.ts'
import { namesAllowed } from './name-constraints.ts'

/*
 * Theory of operation. We build the path ourselves, from the leaf upwards, out of what the client presented and the issuers that we know,
 * until a registered trust anchor has signed (RFC 5280 section 6.1). Depth and the number of signatures are bounded, so a
 * presented heap of look-alike issuers costs no more than an honest chain. What depends on the time or on revocation is not asked here: the path
 * found is remembered, and those two are asked of it at every connect.
 */

/** Certificates that a path may go through without being presented, and those at which it may end. Compared by their bytes. */
export type Known = { readonly anchors: readonly Certificate[]; readonly issuers: readonly Certificate[] }

/** What a leaf is for: a client signs in with it, or it is that of an endorsement key, which only decrypts (TCG EK Credential Profile 2.5). */
export type LeafPurpose = 'client' | 'endorsement'

const endorsementUsage = '2.23.133.8.1'

type Search = {
  readonly usage: string
  readonly known: Known
  readonly candidates: readonly Certificate[]
  signaturesLeft: number
  refusal: Refusal | undefined
}

const unknownIssuer = refuse('pki/unknown-issuer', 'The certificate was not issued by an authority that this hub trusts.')

/**
 * Finds the path of `leaf` to a trust anchor: leaf first, anchor last. Checks names, key identifiers, signatures, algorithms and key
 * strength, basic constraints, path length, key usage, extended key usage and name constraints of everything on the path. Not checked:
 * validity, revocation.
 */
export function findPath(
  leaf: Certificate,
  presented: readonly Certificate[],
  known: Known,
  purpose: LeafPurpose = 'client',
): Result<readonly Certificate[]> {
  const fit = purpose === 'client' ? fitsAsClient(leaf) : fitsAsEndorsement(leaf)
  if (!fit.ok) return fit
  // Known ones come first: an honest client costs one signature a step whatever else it sends.
  const candidates = [...known.anchors, ...known.issuers, ...presented]
  const search: Search = {
    usage: purpose === 'client' ? oids.clientAuth : endorsementUsage,
    known,
    candidates,
    signaturesLeft: limits.signaturesPerChain,
    refusal: undefined,
  }
  const path = climb([leaf], search)
  if (path) return ok(path)
  return search.refusal ? { ok: false, error: search.refusal } : unknownIssuer
}

// Recursion is as deep as a path may be long, and no deeper.
function climb(path: readonly Certificate[], search: Search): readonly Certificate[] | undefined {
  const child = path.at(-1)
  if (!child || path.length >= limits.pathCertificates) return undefined
  for (const issuer of search.candidates) {
    if (!issuer.subject.der.equals(child.issuer.der) || !keysMeet(child, issuer) || path.some((one) => one.der.equals(issuer.der))) continue
    const said = vouches(issuer, child, path.slice(1).filter(counts).length, search)
    if (!said.ok) {
      search.refusal ??= said.error
      continue
    }
    if (search.known.anchors.some((anchor) => anchor.der.equals(issuer.der))) {
      const whole = [...path, issuer]
      const named = namesAllowed(whole)
      if (named.ok) return whole
      search.refusal ??= named.error
      continue
    }
    const found = climb([...path, issuer], search)
    if (found) return found
  }
  return undefined
}

// What an authority issued to itself, a new key under the old one, does not count towards a path length (RFC 5280 section 4.2.1.9).
const counts = ({ subject, issuer }: Certificate) => !subject.der.equals(issuer.der)

function keysMeet(child: Certificate, issuer: Certificate): boolean {
  const { authorityKeyId } = child.extensions
  const { subjectKeyId } = issuer.extensions
  return !authorityKeyId || !subjectKeyId || authorityKeyId.equals(subjectKeyId)
}

/** Whether `issuer` may sign at this height and did sign `child`. `below` counts the intermediates between it and the leaf. */
function vouches(issuer: Certificate, child: Certificate, below: number, search: Search): Result<unknown> {
  const { basicConstraints, keyUsage, extendedKeyUsage } = issuer.extensions
  const detail = issuer.subject.text
  // Both must be there and say so: a chain through a certificate that never claimed to be a CA is the classic forgery (GHSA-2328-f5f3-gj25).
  if (basicConstraints?.ca !== true)
    return refuse('pki/issuer-not-ca', 'The certificate was issued by one that is not an authority.', detail)
  if (!keyUsage?.includes('keyCertSign'))
    return refuse('pki/issuer-not-ca', 'The certificate was issued by one that may not sign certificates.', detail)
  if (basicConstraints.pathLength !== undefined && below > basicConstraints.pathLength)
    return refuse('pki/path-too-long', 'The chain has more intermediates than an authority in it allows.', detail)
  if (extendedKeyUsage && !extendedKeyUsage.includes(search.usage))
    return refuse('pki/wrong-usage', 'The certificate was issued by an authority that does not vouch for this use.', detail)
  const strong = refuseWeakKey(issuer.publicKey)
  if (!strong.ok) return strong
  if (!child.signatureAlgorithm)
    return refuse('pki/weak-signature', 'The certificate is signed with an algorithm that is not accepted.', child.subject.text)
  if (proven.get(child)?.has(issuer)) return ok(undefined)
  if (search.signaturesLeft-- <= 0) return refuse('pki/chain-too-costly', 'Too many certificates in the chain could be its issuers.')
  const key = keyOf(issuer)
  if (!key || !verifySignature(child.signatureAlgorithm, key, child.tbs, child.signature))
    return refuse('pki/bad-signature', 'The signature on the certificate is not the one of its issuer.', detail)
  proven.set(child, (proven.get(child) ?? new WeakSet()).add(issuer))
  return ok(undefined)
}

/** Whether a leaf is one that a client may present: no authority, and usable for signing as a client where it says what it is for. */
function fitsAsClient(leaf: Certificate): Result<unknown> {
  const { basicConstraints, keyUsage, extendedKeyUsage } = leaf.extensions
  if (basicConstraints?.ca) return refuse('pki/wrong-usage', 'This is the certificate of an authority, not of a client.')
  if (keyUsage && !keyUsage.includes('digitalSignature')) return refuse('pki/wrong-usage', 'The certificate may not be used to sign in.')
  // Without the extension every use is allowed (RFC 5280 section 4.2.1.12). "Any" is not accepted where there is one.
  if (extendedKeyUsage && !extendedKeyUsage.includes(oids.clientAuth))
    return refuse('pki/wrong-usage', 'The certificate is not for clients.')
  return refuseWeakKey(leaf.publicKey)
}

/** Whether a leaf is one of an endorsement key: no authority, for the exchange of keys, and for nothing else where it says what it is for. */
function fitsAsEndorsement(leaf: Certificate): Result<unknown> {
  const { basicConstraints, keyUsage, extendedKeyUsage } = leaf.extensions
  const exchanges = keyUsage === undefined || keyUsage.includes('keyEncipherment') || keyUsage.includes('keyAgreement')
  if (basicConstraints?.ca || !exchanges || (extendedKeyUsage && !extendedKeyUsage.includes(endorsementUsage)))
    return refuse('pki/wrong-usage', 'This is not the certificate of an endorsement key.')
  return refuseWeakKey(leaf.publicKey)
}

// Our own issuers are the same objects every time: what the root signed is verified once.
const proven = new WeakMap<Certificate, WeakSet<Certificate>>()
const imported = new WeakMap<Certificate, KeyObject>()

// Importing costs as much as verifying, and the same few issuers are asked every time.
function keyOf(certificate: Certificate): KeyObject | undefined {
  const known = imported.get(certificate)
  if (known) return known
  const key = importPublicKey(certificate.publicKey)
  if (key) imported.set(certificate, key)
  return key
}
