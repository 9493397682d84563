const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** Bounds of ACME, with their units. */
export const acmeLimits = {
  /** A request to finalize with an RSA 4096 key and a hundred names is below 16 KiB. */
  bodyBytes: 32 * 1024,
  /** Nonces that are good at a time, and how long one is. */
  nonces: 16_384,
  nonceMs: hourMs,
  /** Accounts of operators, and patterns of names of one. */
  accounts: 1_000,
  patterns: 50,
  /** Addresses of people that a client tells. */
  contacts: 10,
  contactCharacters: 256,
  /** Names in one order. */
  identifiers: 50,
  /** How long an order waits for its proofs, and its certificate for being fetched again. */
  orderMs: dayMs,
  orderKeptMs: 90 * dayMs,
  /** Orders that one account may make in an hour. */
  ordersPerHour: 300,
  /** Orders that a list names. */
  listedOrders: 100,
  certificateMs: 90 * dayMs,
  /** Looks at one name before it is found unproven, and the pauses between them: clients answer before they listen. */
  looks: 3,
  pauseMs: 2_000,
  /** Names that are looked at at a time. */
  looking: 32,
  /** One look: its time, and the bytes of an answer. */
  lookMs: 10_000,
  answerBytes: 4 * 1024,
} as const
