/** The bounds of one session; a gateway gives those of the listener that its client came by. */
export type SessionLimits = {
  /** QoS 1 and 2 messages that wait without being in flight, and their bytes. Twice as many bytes may be in flight and waiting together. */
  readonly queueMessages: number
  readonly queueBytes: number
  /** What gives way when the queue is full: the new message (`None`) or the one that has waited longest. Both are counted. */
  readonly queueStrategy: 'None' | 'DropOldest'
  readonly subscriptionsPerSession: number
  /** Longest that a message of this client lives; undefined: as long as it says. */
  readonly messageExpirySeconds: number | undefined
}

/** The bounds of the whole engine, and what holds for sessions that come back from the disk before their clients do. */
export type BrokerConfig = {
  readonly retained: { readonly messages: number; readonly bytes: number }
  /** Bytes that wait in all queues together, a message counted once for each session it waits for. */
  readonly totalQueueBytes: number
  readonly session: SessionLimits
}
