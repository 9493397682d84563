/** Bounds of this room, units in the names. */
export const provisioningLimits = {
  /** Individual enrollments and registration records (azure-wire 10). */
  enrollments: 1_000_000,
  /** Groups of each kind: X.509, symmetric keys (azure-wire 10). */
  groupsPerKind: 100,
  /** Hubs that devices may be sent to. */
  linkedHubs: 50,
  /** Items of one bulk request ([R] in azure-wire 7.1). */
  bulkItems: 10,
  /** Characters of a certificate as it is given, PEM or base64. */
  certificateCharacters: 16 * 1024,
  /** Bytes of what a device sends along, and of what a webhook sends back (azure-wire 10). */
  payloadBytes: 96 * 1024,
  /** Bytes of tags and of desired properties of an initial twin (azure-wire 10). */
  initialTagsBytes: 8 * 1024,
  initialDesiredBytes: 32 * 1024,
  /** Registrations under way at a time. */
  operations: 10_000,
  /** How long the outcome of a registration can be asked for (azure-wire 6.1). */
  operationMs: 24 * 3_600_000,
  /** Seconds after which a device asks again. */
  retryAfterSeconds: 3,
  /** Longest life of a token that is taken. */
  tokenMs: 24 * 3_600_000,
  /** Failed proofs of one address in a minute before others are not looked at. */
  attemptsPerAddress: 100,
  /** Addresses that are counted at a time. */
  countedAddresses: 10_000,
  /** Devices with a TPM whose storage root key is remembered between the two steps of their proof, and such keys of one registration. */
  challenged: 10_000,
  challengesPerRegistration: 4,
  /** Bytes of a TPM's public area. */
  tpmPublicBytes: 1_024,
  /** Rows of a page of a query at most, and rows that one page looks at. */
  pageItems: 1_000,
  pageScan: 5_000,
  /** Custom allocation (azure-wire 7.5). */
  webhookMs: 5_000,
  webhookBytes: 128 * 1024,
} as const
