import type { DeviceId, Grant, Instant, Result } from '#base'

/** Which outcomes of a message its sender wants to hear of. */
export type FeedbackWanted = 'none' | 'positive' | 'negative' | 'full'

/** A message for a device or a module. A property of null has a name and no value. */
export type CloudMessage = {
  readonly messageId: string | undefined
  readonly correlationId: string | undefined
  readonly userId: string | undefined
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** As the sender wrote it: `/devices/{id}/messages/devicebound`. */
  readonly to: string | undefined
  readonly ack: FeedbackWanted
  /** Undefined: the hub's default life, an hour. */
  readonly expiresAt: Instant | undefined
  readonly properties: Readonly<Record<string, string | null>>
  readonly body: Buffer
}

/** A message as it stands in the queue, locked for one receiver. */
export type LockedMessage = CloudMessage & {
  readonly sequenceNumber: number
  readonly enqueuedAt: Instant
  /** How often it was handed out before. */
  readonly deliveryCount: number
  /** A UUID. */
  readonly lockToken: string
  readonly lockedUntil: Instant
}

/** What a receiver did with a message. */
export type Outcome = 'complete' | 'reject' | 'abandon'

/** A message as operators see it in its queue. */
export type QueuedMessage = Omit<LockedMessage, 'lockToken' | 'body'> & { readonly bytes: number; readonly isLocked: boolean }

/** The queues of cloud-to-device messages: durable, at most 50 for each identity. */
export interface CloudToDevice {
  /**
   * Puts a message in the queue; durable when it resolves. Refuses `hub/device-not-found`, `hub/queue-full`, `hub/message-too-large`,
   * `hub/message-malformed`, `hub/message-expiry`.
   */
  send(grant: Grant<'c2d.send'>, identity: DeviceId, message: CloudMessage): Promise<Result<{ readonly sequenceNumber: number }>>
  /** Locks the next message for `lockSeconds` (default 60) and hands it out; undefined: none is ready. */
  receive(identity: DeviceId, lockSeconds?: number): Promise<LockedMessage | undefined>
  /** Ends a lock. Refuses `hub/lock-lost`. */
  settle(identity: DeviceId, lockToken: string, outcome: Outcome): Promise<Result<void>>
  /**
   * Gives a lock back at once: the connection ended. A message that was written to the device (`wasWritten`) counts as delivered in vain, as when
   * its lock times out; one that was not is as it was.
   */
  unlock(identity: DeviceId, lockToken: string, wasWritten?: boolean): void
  /** Told when a message for this identity may be ready. Returns how to stop listening. */
  onReady(identity: DeviceId, listener: () => void): () => void
  /** Messages that wait or are locked. */
  count(identity: DeviceId): number
  list(grant: Grant<'c2d.send'>, identity: DeviceId): Promise<readonly QueuedMessage[]>
  /** Drops what waits. Resolves to how many. */
  purge(grant: Grant<'c2d.purge'>, identity: DeviceId): Promise<Result<number>>
}

/** One line of feedback (azure-wire 5.10). */
export type FeedbackRecord = {
  readonly originalMessageId: string
  readonly enqueuedTimeUtc: string
  readonly statusCode: 'Success' | 'Expired' | 'DeliveryCountExceeded' | 'Rejected' | 'Purged'
  readonly description: string
  readonly deviceId: string
  readonly deviceGenerationId: string
}

/** A file that a device says it has uploaded (azure-wire 5.10). */
export type FileNotification = {
  readonly deviceId: string
  readonly blobUri: string
  readonly blobName: string
  readonly lastUpdatedTime: string
  readonly blobSizeInBytes: number
  readonly enqueuedTimeUtc: string
}

/** What a service queue hands out: its content, locked for one receiver. */
export type LockedContent<T> = {
  readonly content: T
  readonly enqueuedAt: Instant
  readonly lockToken: string
  readonly deliveryCount: number
}

/** A queue that services read: feedback (in batches), file notifications. Several receivers compete. */
export interface ServiceQueue<T, A extends 'c2d.feedback' | 'file.notifications'> {
  receive(grant: Grant<A>): Promise<LockedContent<T> | undefined>
  settle(grant: Grant<A>, lockToken: string, outcome: Outcome): Promise<Result<void>>
  onReady(listener: () => void): () => void
}

/** Feedback, up to 64 records at a time. */
export type FeedbackQueue = ServiceQueue<readonly FeedbackRecord[], 'c2d.feedback'>

/** Notifications of uploaded files, one at a time. */
export type FileNotificationQueue = ServiceQueue<FileNotification, 'file.notifications'>
