/**
 * What the certificate of a connection was proven with, as revocations name it. Everything is lower-case hex. Kept for every live connection, so
 * that one that opened before a revocation is judged like one that opens after it.
 */
export type CertificateProof = {
  /** SHA-256 of the leaf's DER. */
  readonly fingerprintSha256: string
  /** SHA-256 of the leaf's SubjectPublicKeyInfo. */
  readonly keySha256: string
  /** The leaf's serial number, where an authority that we know has signed it. */
  readonly serial: string | undefined
  /** What stands above the leaf. Connections under one issuer share it. */
  readonly chain: ProvenChain
}

/** The authorities of a verified chain, the leaf's issuer first: serial numbers of their certificates, and identifiers of their keys. */
export type ProvenChain = { readonly serials: readonly string[]; readonly keyIds: readonly string[] }

/** The chain of a certificate that was pinned by its thumbprint: nobody vouches for it. */
export const noChain: ProvenChain = { serials: [], keyIds: [] }

/** Proofs that are worth nothing any more, by any of their marks. Serial numbers count wherever they stand in a chain. */
export type RevokedProofs = {
  readonly serials: ReadonlySet<string>
  readonly fingerprints: ReadonlySet<string>
  /** SHA-256 of public keys of leaves. */
  readonly keys: ReadonlySet<string>
  /** Identifiers of the keys of authorities. */
  readonly keyIds: ReadonlySet<string>
}

/** Whether a proof is among those revoked. Costs a few lookups. */
export function isRevokedProof(revoked: RevokedProofs, proof: CertificateProof): boolean {
  const { serial, fingerprintSha256, keySha256, chain } = proof
  return (
    (serial !== undefined && revoked.serials.has(serial)) ||
    revoked.fingerprints.has(fingerprintSha256) ||
    revoked.keys.has(keySha256) ||
    (revoked.serials.size > 0 && chain.serials.some((one) => revoked.serials.has(one))) ||
    (revoked.keyIds.size > 0 && chain.keyIds.some((one) => revoked.keyIds.has(one)))
  )
}
