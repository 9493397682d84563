/** Bounds on what the reader takes, so that no input costs more than a few microseconds for each of its bytes. */
export const limits = {
  /** Bytes of one certificate or signing request. A large real one (RSA 4096, many names) has about 4 KiB. */
  structureBytes: 16 * 1024,
  /** Levels of nesting. A certificate needs 8. */
  depth: 16,
  /** Elements in one structure. */
  nodes: 2_048,
  /** A revocation list of 20,000 entries has about 800 KiB and 100,000 elements. Operators give them, peers cannot. */
  revocationListBytes: 1024 * 1024,
  revocationListNodes: 200_000,
  /** One OCSP request: 16 certificates and a nonce have about 2 KiB. */
  ocspRequestBytes: 8 * 1024,
  ocspCertificates: 16,
  /** Characters of PEM text, and blocks in it. */
  pemCharacters: 256 * 1024,
  pemBlocks: 16,
  /** Names in one subject alternative name extension. */
  generalNames: 256,
  /** Permitted, and excluded, subtrees of one name constraints extension. */
  nameSubtrees: 64,
  /** RSA moduli: below is weak, above only costs us time. */
  rsaBitsMin: 2048,
  rsaBitsMax: 4096,
} as const
