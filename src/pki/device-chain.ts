import {
  type CertificateProof,
  type DeviceId,
  type Instant,
  type ProvenChain,
  type Result,
  instant,
  noChain,
  ok,
  parseDeviceId,
  refuse,
} from '#base'
import { type Certificate, keyIdentifier, parseCertificate, refuseWeakKey } from '#wire/x509'
import { fingerprintOf } from './authority.ts'
import { type Known, findPath } from './chain.ts'
import { keySha256 } from './inventory.ts'
import { limits } from './limits.ts'
import type { DeniedKind } from './revocation/selector.ts'

/** What a certificate says about itself; nothing about it has been trusted yet. */
export type LeafFacts = {
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprintSha256: string
  readonly commonName: string | undefined
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly serial: string
  /** For logs and people: `CN=pump-1`. */
  readonly subject: string
  readonly issuer: string
  /** What a revocation would know a connection with it by. */
  readonly proof: CertificateProof
}

/** A leaf whose chain to one of our trust anchors was verified at the given time, revocation included. */
export type VerifiedLeaf = Omit<LeafFacts, 'commonName'> & {
  readonly commonName: string
  /** The common name where it can be a device's id; whether such a device exists is not said. */
  readonly deviceId: DeviceId | undefined
  /** The earliest end of validity in the chain. */
  readonly chainNotAfter: Instant
}

/**
 * What a presented certificate says about itself, for leaves that are known by thumbprint and for the log. Refuses what is not a
 * certificate, unknown critical extensions, and weak keys. Nothing is verified: neither signature nor time.
 */
export function leafFacts(der: Buffer): Result<LeafFacts> {
  const read = parseCertificate(der)
  if (!read.ok) return read
  const strong = refuseWeakKey(read.value.publicKey)
  return strong.ok ? ok(factsOf(read.value)) : strong
}

function factsOf(certificate: Certificate): LeafFacts {
  const fingerprintSha256 = fingerprintOf(certificate.der)
  return {
    fingerprintSha256,
    commonName: certificate.subject.commonName,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    serial: certificate.serial,
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    proof: {
      fingerprintSha256,
      keySha256: keySha256(certificate.publicKey.der),
      serial: undefined,
      chain: noChain,
    },
  }
}

/** What is asked of revocation at every connect; each costs a lookup. */
export type Revoked = {
  serial(serial: string): boolean
  /** Refused whoever signed: lower-case hex. */
  denied(kind: DeniedKind, value: string): boolean
}

const revokedLeaf = (detail: string) => refuse('pki/revoked', 'The certificate was revoked.', detail)
const revokedIssuer = (detail: string) => refuse('pki/issuer-revoked', 'An authority in the chain was revoked.', detail)

/** Whether a proof still stands: nothing of it was revoked. `pki/revoked` or `pki/issuer-revoked`. */
export function judgeProof({ serial, fingerprintSha256, keySha256, chain }: CertificateProof, revoked: Revoked): Result<void> {
  if (serial !== undefined && revoked.serial(serial)) return revokedLeaf(serial)
  if (revoked.denied('fingerprint', fingerprintSha256)) return revokedLeaf(fingerprintSha256)
  if (revoked.denied('key', keySha256)) return revokedLeaf(`key ${keySha256}`)
  for (const one of chain.serials) if (revoked.serial(one)) return revokedIssuer(one)
  for (const one of chain.keyIds) if (revoked.denied('issuer', one)) return revokedIssuer(`key ${one}`)
  return ok(undefined)
}

// Connections under one issuer share what stands above them.
const chains = new WeakMap<Certificate, ProvenChain>()

/** What stands above the leaf of a path. */
export function chainOf([, ...above]: readonly Certificate[]): ProvenChain {
  const [issuer] = above
  const known = issuer && chains.get(issuer)
  // Another path from the same issuer, by a cross-certificate, is another chain.
  if (known?.serials.length === above.length && above.every(({ serial }, at) => known.serials[at] === serial)) return known
  const chain = {
    serials: above.map(({ serial }) => serial),
    keyIds: above.map(({ publicKey, extensions }) => (extensions.subjectKeyId ?? keyIdentifier(publicKey)).toString('hex')),
  }
  if (issuer !== undefined) chains.set(issuer, chain)
  return chain
}

type Step = { readonly notBefore: Instant; readonly notAfter: Instant }
type Remembered = { readonly leaf: VerifiedLeaf; readonly path: readonly Step[] }

/** Verifies what devices present. Remembers leaves whose path it found, so that a reconnect costs a digest and a `Map` lookup. */
export class DeviceChains {
  readonly #remembered = new Map<string, Remembered>()
  readonly #revoked: Revoked
  #known: Known

  constructor(known: Known, revoked: Revoked) {
    this.#known = known
    this.#revoked = revoked
  }

  /** Trusts other authorities from now on. What was found under the old ones is forgotten. */
  trust(known: Known): void {
    this.#known = known
    this.#remembered.clear()
  }

  /**
   * Verifies a chain as presented (DER, leaf first) at `now`. Order: path (form, names, signatures, constraints, usage), then revocation
   * and validity of everything on it, the last two at every call.
   */
  verify(presented: readonly Buffer[], now: Instant): Result<VerifiedLeaf> {
    const [der] = presented
    if (!der) return refuse('pki/no-certificate', 'No client certificate was presented.')
    if (presented.length > limits.presentedCertificates)
      return refuse('pki/chain-too-long', `A client presents at most ${limits.presentedCertificates} certificates.`)
    const found = this.#find(fingerprintOf(der), der, presented)
    if (!found.ok) return found
    const { leaf, path } = found.value
    const stands = judgeProof(leaf.proof, this.#revoked)
    if (!stands.ok) return stands
    for (const [height, { notBefore, notAfter }] of path.entries()) {
      if (now >= notBefore && now <= notAfter) continue
      if (height > 0) return refuse('pki/issuer-not-valid', 'An authority in the chain has expired or is not valid yet.')
      return now < notBefore
        ? refuse('pki/not-yet-valid', 'The certificate is not valid yet. Check the clocks of both sides.')
        : refuse('pki/expired', 'The certificate has expired.')
    }
    return ok(leaf)
  }

  /** As {@link leafFacts}, without parsing again a leaf whose path is remembered. */
  facts(der: Buffer): Result<LeafFacts> {
    const known = this.#remembered.get(fingerprintOf(der))
    const facts = known ? ok(known.leaf) : leafFacts(der)
    if (!facts.ok) return facts
    // Of a leaf that is pinned by its thumbprint, these two are all that can be revoked.
    const { fingerprintSha256, keySha256: key } = facts.value.proof
    if (this.#revoked.denied('fingerprint', fingerprintSha256)) return revokedLeaf(fingerprintSha256)
    return this.#revoked.denied('key', key) ? revokedLeaf(`key ${key}`) : facts
  }

  #find(fingerprint: string, der: Buffer, presented: readonly Buffer[]): Result<Remembered> {
    const before = this.#remembered.get(fingerprint)
    if (before) {
      // To the young end: the map forgets from the old one.
      this.#remembered.delete(fingerprint)
      this.#remembered.set(fingerprint, before)
      return ok(before)
    }
    const leaf = parseCertificate(der)
    if (!leaf.ok) return leaf
    const others: Certificate[] = []
    for (const other of presented.slice(1)) {
      const read = parseCertificate(other)
      if (!read.ok) return read
      others.push(read.value)
    }
    const path = findPath(leaf.value, others, this.#known)
    if (!path.ok) return path
    const { commonName } = leaf.value.subject
    if (commonName === undefined)
      return refuse('pki/no-common-name', 'The certificate has no common name, which is where a device has its id.')
    const id = parseDeviceId(commonName)
    const facts = factsOf(leaf.value)
    const remembered = {
      leaf: {
        ...facts,
        proof: { ...facts.proof, serial: leaf.value.serial, chain: chainOf(path.value) },
        commonName,
        deviceId: id.ok ? id.value : undefined,
        chainNotAfter: instant(Math.min(...path.value.map((step) => step.notAfter))),
      },
      path: path.value.map(({ notBefore, notAfter }) => ({ notBefore, notAfter })),
    }
    this.#remembered.set(fingerprint, remembered)
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= limits.rememberedLeaves) break
      this.#remembered.delete(oldest)
    }
    return ok(remembered)
  }
}
