/** Bounds of attestation, units in the names. */
export const attestationLimits = {
  /** Policies, and manufacturers' roots in one of them. */
  policies: 100,
  rootsPerPolicy: 32,
  /** Registers of a TPM (PC Client profile). */
  registers: 24,
  /** Askings that wait for their proof: all, those of one device, and how long. */
  waiting: 10_000,
  waitingPerDevice: 4,
  waitingMs: 5 * 60_000,
  /** How long a quote stands before the device should bring another. */
  quoteMs: 24 * 3_600_000,
  /** Bytes of a request's body: three certificates of an endorsement key are the most of it. */
  bodyBytes: 32 * 1024,
  endorsementCertificates: 4,
} as const
