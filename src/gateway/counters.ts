/** Running totals since the start. Plain numbers: an increment must cost nothing. */
export type Counters = {
  messagesIn: number
  messagesOut: number
  bytesIn: number
  bytesOut: number
  denied: number
  handshakes: number
  resumptions: number
  /** Sessions that ended because the same one was opened elsewhere. */
  takeovers: number
  /** QoS 0 messages dropped because the hub was overloaded. */
  droppedQos0: number
  /** Messages for sessions that were given up: a full queue, a slow client, an expiry, a policy. */
  messagesDropped: number
  /** Connections refused before they had an identity, by refusal code. */
  readonly refused: Map<string, number>
}

/** All at zero. */
export function newCounters(): Counters {
  return {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    denied: 0,
    handshakes: 0,
    resumptions: 0,
    takeovers: 0,
    droppedQos0: 0,
    messagesDropped: 0,
    refused: new Map(),
  }
}
