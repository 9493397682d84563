import type { DeviceId, Instant } from '#base'

/** What is known of an identity's connection. Times are null until the first. */
export type PresenceOf = {
  readonly connectionState: 'Connected' | 'Disconnected'
  readonly connectionStateUpdatedTime: Instant | null
  readonly lastActivityTime: Instant | null
}

/** Who is connected and when they were last heard: in memory, with rows that lag by a second or two. Nobody is connected after a start. */
export interface Presence {
  connected(identity: DeviceId): void
  disconnected(identity: DeviceId): void
  /** Heard from: a message, a request. Cheap enough for every message. */
  active(identity: DeviceId): void
  of(identity: DeviceId): PresenceOf
  readonly connectedDevices: number
  /** Resolves when the rows say what memory said at the call: for queries. */
  flushed(): Promise<void>
}
