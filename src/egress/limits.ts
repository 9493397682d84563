/** Every bound of routing, with its unit in the name (azure-wire 10; endpoints are raised to 32). */
export const egressLimits = {
  routes: 100,
  endpoints: 32,
  enrichments: 10,
  /** Endpoints that one enrichment names. */
  endpointsPerEnrichment: 32,
  nameLength: 64,
  enrichmentValueLength: 1_024,
  /** Settings of one endpoint as JSON. */
  settingsBytes: 64 * 1024,
  /** Body, names and values of one event with what enrichment adds; above, it is dropped and counted. */
  eventBytes: 256 * 1024,
  /** Largest body that a condition looks into, and its nesting. */
  queriedBodyBytes: 256 * 1024,
  queriedBodyDepth: 32,
  /** How long a failing endpoint is tried before what waits for it goes to the dead letters. */
  retryForMs: 24 * 60 * 60 * 1000,
  /** Dead letters that are kept for one endpoint; the oldest go first. */
  deadLetters: 10_000,
  /** Earlier sets of routes that are kept for records of their time. */
  sets: 1_000,
} as const
