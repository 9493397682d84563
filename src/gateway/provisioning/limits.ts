/** Every bound on what a device that registers may do over one connection, with its unit in the name. */
export const registrationLimits = {
  /** From its proof to the end, whatever it still wants. */
  conversationMs: 10 * 60 * 1000,
  /** Packets of MQTT, or messages of AMQP, that it may send in that time. */
  packets: 2_000,
  /** What it may ask; beyond it the answer is 429. */
  requests: { perSecond: 5, burst: 20 },
  /** Bytes that it has not taken before the connection ends. */
  unsentBytes: 256 * 1024,
} as const
