const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** Bounds of EST, with their units. */
export const estLimits = {
  /** A signing request with an RSA 4096 key is below 3 KiB of base64. */
  bodyBytes: 16 * 1024,
  /** An `Authorization` header: 128 characters of device id, the code, base64. */
  authorizationCharacters: 512,
  /** Lives of one-time codes. */
  codeMinMs: minuteMs,
  codeMaxMs: 30 * dayMs,
  codeDefaultMs: 60 * minuteMs,
  codeMaxUses: 10_000,
  /** Codes that are kept at a time; those that ended a month ago are forgotten. */
  codes: 10_000,
  codeKeptMs: 30 * dayMs,
  /** Wrong secrets for one code before it opens nothing any more. */
  codeFailures: 10,
  /** Certificates that one device may ask for in an hour, and devices that are counted at a time. */
  enrollmentsPerHour: 20,
  countedDevices: 16_384,
} as const
