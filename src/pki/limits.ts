const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Spans and bounds of the PKI, with their units. */
export const limits = {
  dayMs,
  /**
   * How long before its making a certificate begins to be valid. Devices without a battery-backed clock, and hubs whose time was
   * just corrected, run behind; a certificate that is "not yet valid" to its own user is the commonest failed first connect.
   */
  backdateMs: hourMs,
  /** A clock before this is not set: a root made under it would have expired before it was needed. */
  earliestClock: Date.UTC(2025, 0, 1),
  /** Live shares after which something is renewed: two thirds, so that a third remains for trouble. */
  renewAfter: 2 / 3,
  /** How often the hub looks whether something of its own is due. */
  renewalCheckMs: 10 * 60_000,
  /** A common name is at most 64 characters (RFC 5280 appendix A, ub-common-name). */
  commonNameCharacters: 64,
  dnsNameCharacters: 253,
  /** Names and addresses of one server certificate. */
  serverNames: 100,
  serialBytes: 16,
  /** Certificates that a client may present, leaf included. */
  presentedCertificates: 8,
  /** Certificates in a path, leaf and anchor included. */
  pathCertificates: 7,
  /** Signatures that one presented chain may cost us. */
  signaturesPerChain: 12,
  /** Names held against subtrees of constraints, for one path. */
  nameComparisons: 65_536,
  /** Leaves whose chain we remember as verified. */
  rememberedLeaves: 16_384,
  /** Certificates made between two commits of a bulk issue; other work gets its turn in between. */
  batch: 128,
} as const
