import type { CertificateProof, Instant, Result } from '#base'
import { instant, ok, refuse } from '#base'
import {
  type Certificate,
  type ListScope,
  type Name,
  type RevocationList,
  parseCertificate,
  parseRevocationList,
  importPublicKey,
  refuseWeakKey,
  verifySignature,
} from '#wire/x509'
import { fingerprintOf } from './authority.ts'
import { findPath } from './chain.ts'
import { chainOf } from './device-chain.ts'
import { keySha256 } from './inventory.ts'
import { limits } from './limits.ts'

/** A chain to an authority of somebody else, verified at the given time, with their revocation lists asked where there are some. */
export type ForeignChain = {
  readonly commonName: string | undefined
  /** SHA-256 of the leaf's DER, lower-case hex. */
  readonly fingerprintSha256: string
  /** Of everything on the path: leaf first, anchor last. */
  readonly subjects: readonly Name[]
  /** The earliest end of validity on the path. */
  readonly chainNotAfter: Instant
  /** SHA-256 of the DER of the authority at which the path ends, and the serial numbers of what is below it, leaf first. */
  readonly anchorSha256: string
  readonly serials: readonly string[]
  /** What a revocation by an operator of this hub would know it by. */
  readonly proof: CertificateProof
}

/**
 * What it means that an issuer on a path has no revocation list: `ifPresent` goes on without, `require` refuses (edge.md 4). A list that is there
 * counts either way: one that is stale, forged or for other certificates refuses.
 */
export type ListPolicy = 'require' | 'ifPresent'

type Remembered = { readonly path: readonly Certificate[]; readonly chain: ForeignChain }

/**
 * Opens trust in authorities that are not ours: every certificate given (DER) is an anchor, root or not (edge.md 1.6). Refuses certificates
 * that are none, keys too weak, and revocation lists that cannot be read. None of this touches what the hub's own devices are verified with.
 */
export function openForeignTrust(
  anchors: readonly Buffer[],
  lists: readonly Buffer[],
  policy: ListPolicy = 'ifPresent',
): Result<ForeignTrust> {
  const certificates: Certificate[] = []
  for (const der of anchors) {
    const read = parseCertificate(der)
    if (!read.ok) return read
    const strong = refuseWeakKey(read.value.publicKey)
    if (!strong.ok) return strong
    if (read.value.extensions.basicConstraints?.ca !== true)
      return refuse('pki/anchor-not-ca', 'A certificate to be trusted is not the one of an authority.', read.value.subject.text)
    certificates.push(read.value)
  }
  const revocations: RevocationList[] = []
  for (const der of lists) {
    const read = parseRevocationList(der)
    if (!read.ok) return read
    // What it adds to is not here, and what it takes back would count as revoked.
    if (read.value.deltaOf !== undefined)
      return refuse('pki/list-is-delta', 'A delta revocation list says nothing without the complete one; give complete lists.')
    revocations.push(read.value)
  }
  return ok(new ForeignTrust(certificates, revocations, policy))
}

/** Verifies clients of other authorities. Remembers the paths that it found: a resumed TLS session shows the leaf alone. */
export class ForeignTrust {
  readonly #anchors: readonly Certificate[]
  readonly #lists: readonly RevocationList[]
  readonly #policy: ListPolicy
  readonly #remembered = new Map<string, Remembered>()
  readonly #signedBy = new WeakMap<RevocationList, WeakMap<Certificate, boolean>>()

  /** For {@link openForeignTrust}. */
  constructor(anchors: readonly Certificate[], lists: readonly RevocationList[], policy: ListPolicy) {
    this.#anchors = anchors
    this.#lists = lists
    this.#policy = policy
  }

  /**
   * Verifies a chain as presented (DER, leaf first) at `now`: path, then validity and revocation of everything on it, the last two at every
   * call. A list of an issuer on the path must be signed by it and not be older than it says (edge.md 1.6, 4).
   */
  verify(presented: readonly Buffer[], now: Instant): Result<ForeignChain> {
    const [der] = presented
    if (!der) return refuse('pki/no-certificate', 'No client certificate was presented.')
    if (presented.length > limits.presentedCertificates)
      return refuse('pki/chain-too-long', `A client presents at most ${limits.presentedCertificates} certificates.`)
    const found = this.#find(der, presented)
    if (!found.ok) return found
    const { path, chain } = found.value
    for (const [height, { notBefore, notAfter }] of path.entries()) {
      if (now >= notBefore && now <= notAfter) continue
      if (height > 0) return refuse('pki/issuer-not-valid', 'An authority in the chain has expired or is not valid yet.')
      return now < notBefore
        ? refuse('pki/not-yet-valid', 'The certificate is not valid yet. Check the clocks of both sides.')
        : refuse('pki/expired', 'The certificate has expired.')
    }
    for (const [height, certificate] of path.entries()) {
      const issuer = path[height + 1]
      const verdict = issuer === undefined ? ok(undefined) : this.#revocation(certificate, issuer, height, now)
      if (!verdict.ok) return verdict
    }
    return ok(chain)
  }

  #revocation(certificate: Certificate, issuer: Certificate, height: number, now: Instant): Result<unknown> {
    const named = this.#lists.filter((list) => list.issuer.der.equals(issuer.subject.der))
    if (named.length === 0 && this.#policy === 'ifPresent') return ok(undefined)
    if (named.length === 0)
      return refuse('pki/revocation-missing', 'There is no revocation list of an issuer, and one is required.', issuer.subject.text)
    const genuine = named.filter((list) => this.#isSignedBy(list, issuer))
    if (genuine.length === 0)
      return refuse('pki/revocation-unknown', 'The revocation list of an issuer was not signed by it.', issuer.subject.text)
    if (genuine.some((list) => list.revoked.has(certificate.serial)))
      return height === 0
        ? refuse('pki/revoked', 'The certificate was revoked.', certificate.serial)
        : refuse('pki/issuer-revoked', 'An authority in the chain was revoked.', certificate.serial)
    // A list for other certificates cannot be applied to this one, and to go on as if there were none would be to ignore it (EMQX).
    const covering = genuine.filter(({ scope }) => covers(scope, certificate))
    if (covering.length === 0)
      return refuse('pki/revocation-unknown', 'No revocation list of an issuer speaks of this certificate.', issuer.subject.text)
    // Without a time of the next list nothing says that it still holds.
    if (!covering.some((list) => now >= list.thisUpdate && list.nextUpdate !== undefined && now <= list.nextUpdate))
      return refuse(
        'pki/revocation-stale',
        'The revocation list of an issuer has expired, so nobody knows what was revoked since.',
        issuer.subject.text,
      )
    return ok(undefined)
  }

  #isSignedBy(list: RevocationList, issuer: Certificate): boolean {
    const known = this.#signedBy.get(list)?.get(issuer)
    if (known !== undefined) return known
    const usage = issuer.extensions.keyUsage
    const key = usage?.includes('cRLSign') === true ? importPublicKey(issuer.publicKey) : undefined
    const genuine =
      key !== undefined && list.signatureAlgorithm !== undefined && verifySignature(list.signatureAlgorithm, key, list.tbs, list.signature)
    const verdicts = this.#signedBy.get(list) ?? new WeakMap<Certificate, boolean>()
    this.#signedBy.set(list, verdicts.set(issuer, genuine))
    return genuine
  }

  #find(der: Buffer, presented: readonly Buffer[]): Result<Remembered> {
    const fingerprint = fingerprintOf(der)
    const before = this.#remembered.get(fingerprint)
    if (before !== undefined) return ok(before)
    const certificates: Certificate[] = []
    for (const one of presented) {
      const read = parseCertificate(one)
      if (!read.ok) return read
      certificates.push(read.value)
    }
    const [leaf, ...others] = certificates
    if (leaf === undefined) return refuse('pki/no-certificate', 'No client certificate was presented.')
    const path = findPath(leaf, others, { anchors: this.#anchors, issuers: [] })
    if (!path.ok) return path
    const chain = {
      commonName: leaf.subject.commonName,
      fingerprintSha256: fingerprint,
      subjects: path.value.map((certificate) => certificate.subject),
      chainNotAfter: instant(Math.min(...path.value.map((certificate) => certificate.notAfter))),
      anchorSha256: fingerprintOf(path.value.at(-1)?.der ?? der),
      serials: path.value.slice(0, -1).map((certificate) => certificate.serial),
      // Serial numbers of others are not ours: one may be the same as one of ours.
      proof: {
        fingerprintSha256: fingerprint,
        keySha256: keySha256(leaf.publicKey.der),
        serial: undefined,
        chain: { serials: [], keyIds: chainOf(path.value).keyIds },
      },
    }
    const remembered = { path: path.value, chain }
    this.#remembered.set(fingerprint, remembered)
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= limits.rememberedLeaves) break
      this.#remembered.delete(oldest)
    }
    return ok(remembered)
  }
}

/** Whether a list of this scope would name the certificate if it were revoked (RFC 5280 section 6.3.3, b 2). */
function covers({ only, points }: ListScope, { extensions }: Certificate): boolean {
  const isAuthority = extensions.basicConstraints?.ca === true
  if (only !== 'all' && (only === 'authorities') !== isAuthority) return false
  return points.length === 0 || points.some((point) => extensions.crlDistributionPoints?.includes(point) === true)
}
