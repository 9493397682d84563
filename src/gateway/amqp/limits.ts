/** Every bound on what a peer of AMQP chooses, with its unit in the name. */
export const amqpLimits = {
  /** Largest frame, announced (azure-wire 4.1). */
  frameBytes: 65_536,
  /** What a peer may send in all before it has proven who it is: headers, SASL, put-token with the longest token. */
  strangerBytes: 64 * 1024,
  /** Sessions of one connection, and links of one session; announced as channel-max and handle-max. */
  sessions: 256,
  links: 1_024,
  /** Links of one connection, all sessions together. */
  linksPerConnection: 4_096,
  /** Transfers that a peer may send in a session before it hears from us. */
  incomingWindow: 2_048,
  /** Frames of large messages that wait for the peer's window, of one session. */
  framesWaiting: 64,
  /** Messages that we have sent on one link and that the peer has not settled. */
  unsettled: 2_048,
  /** Largest message, announced; IoT Hub's own bound is a quarter of it (azure-wire 4.3). */
  messageBytes: 1024 * 1024,
  /** Messages of one connection that have not come whole, all links together: their bytes, and what each piece costs us besides. */
  partialBytes: 16 * 1024 * 1024,
  partialPieceBytes: 128,
  /** Messages in work that a link may bring. */
  credit: 100,
  /** Messages to devices that one back end may send, all its links and connections together. */
  sending: { perSecond: 1_000, burst: 5_000 },
  /** Requests for one twin, or tokens of one connection, that are worked on at a time; and how many of them one link may bring. */
  operations: 64,
  operationCredit: 16,
  /** Silence after which the peer is taken for dead, announced; and the shortest that a peer may ask of us. */
  idleTimeoutMs: 240_000,
  shortestIdleTimeoutMs: 2_000,
  /** From the TLS handshake to a proven identity (azure-wire 4.1). */
  strangerMs: 20_000,
  /** Bytes that the peer has not taken before we stop sending messages, and before we end the connection. */
  unsentBytes: 256 * 1024,
  hopelessBytes: 4 * 1024 * 1024,
  /** Tokens that one connection may hold (IoT Hub: 403005). */
  tokens: 1_000,
  /** Devices and modules that one connection may speak for. */
  identities: 1_000,
} as const
