import type { DeviceId } from './ids.ts'

/**
 * Whom a policy speaks about: an authenticated principal together with the client identifier it connected with (edge.md 1.5). Plain data,
 * so that it can be kept beside a stored session or a retained message and judged again when the policy changes.
 */
export type Subject = {
  /** Owns sessions, queues and retained messages. A device's id, or another method's name with that method before it: `sat:...`. */
  readonly identity: DeviceId
  /** What `principals.usernames` of a policy compares: a device's id, a certificate's common name, a token's `sub`. */
  readonly username: string
  readonly clientId: string
  readonly attributes: Readonly<Record<string, string>>
}
