import type { Message } from './message.ts'

/** The way to a connected client; what the engine asks of the door. No call may call back into the engine, except the two that end it. */
export interface Link {
  /** Names the connection in the journal. */
  readonly id: string
  /**
   * Sends a PUBLISH. `packetId` is 0 for QoS 0. False: the packet is larger than this client takes, nothing was sent, and the message
   * counts as delivered [MQTT-3.1.2-25].
   */
  deliver(message: Message, qos: 0 | 1 | 2, packetId: number, retain: boolean, dup: boolean, identifiers: readonly number[]): boolean
  /** Sends PUBREL: the client may forget the identifier. `known` is false when we do (MQTT 5 says so with 0x92). */
  release(packetId: number, known: boolean): void
  /** False while so many bytes wait for this client that QoS 0 messages are dropped instead. */
  readonly writable: boolean
  /** Ends the connection because the same session was opened elsewhere. */
  takenOver(): void
  /** Ends the connection because the journal has no room for what must be written before the next packet leaves. */
  stuck(): void
}
