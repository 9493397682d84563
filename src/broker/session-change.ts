import type { DeviceId, Instant, Subject } from '#base'
import type { Properties } from '#wire/mqtt'

/*
 * What happens to a stored session, as the journal keeps it. A session is stored while it outlives its connection (expiry above 0); it is
 * then the sum of these changes and of the telemetry between them, and a checkpoint spares the start reading all of them.
 *
 * Rules for whoever calls `record`:
 *  - A change is applied to the session and recorded in the same turn, without anything between: a checkpoint holds every change recorded
 *    before it. Replies (SUBACK, PUBREC, ...) and the packets that rest on it (PUBLISH of QoS 2, PUBREL) wait until it is durable.
 *  - Messages reach a queue when their telemetry is durable, in the order of offsets, and are not recorded again: the start routes the
 *    telemetry of QoS 1 and 2 once more. What reached a queue in another way (retained messages at SUBSCRIBE, a shared message that
 *    its member left behind) is told by `session-queued`.
 *  - A QoS 2 message and its packet identifier are one record, so that no crash comes between: telemetry written with `packetId`
 *    (writeTelemetry) is "received" for the session that `session-opened` put on this connection. There is no change of its own for it.
 *  - What needs no delivery any more goes to {@link SettledOffsets}: `add` for a stored session (QoS 1 acknowledged; anything dropped
 *    from its queue), and `addShared` as well for what came by a shared subscription, whoever had it, stored or not. The start routes a
 *    shared message to its group again, where it stays until the group settles it, a member sends it at QoS 2 (`qos2-sent`) or is given it
 *    by `session-queued`; what is left is handed to the stored members.
 *  - A session that stops being stored (resumed with expiry 0) is recorded once more, by `session-opened` with expiry 0; the start forgets it.
 */

/** Whose session: the authenticated identity, and the client identifier that tells its sessions apart. A live `Session` is one. */
export type SessionKey = { readonly owner: DeviceId; readonly clientId: string }

/** One granted filter with everything that was asked. `filter` is as the client sent it, `$share/<group>/` included. */
export type StoredSubscription = {
  readonly filter: string
  readonly qos: 0 | 1 | 2
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  /** Subscription Identifier; undefined: none. */
  readonly identifier: number | undefined
}

/** A will that may have to be sent after a restart: `Will` as plain data. */
export type StoredWill = {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  readonly properties: Properties | undefined
  readonly delaySeconds: number
  /** The stamp of its connection (who, and how authenticated) as `encodeStamp` made it, for the will's own record; opaque to the engine. */
  readonly stamp: Buffer
}

/** A message that waits for a client: the journal offset of its telemetry, and how it is to be delivered. */
export type StoredDelivery = {
  readonly offset: number
  readonly qos: 1 | 2
  readonly retain: boolean
  /** Subscription Identifiers to be sent with it. */
  readonly identifiers: readonly number[]
}

/** A message that was sent: `sent` until PUBACK or PUBREC, then (QoS 2) `released` until PUBCOMP. */
export type StoredInflight = StoredDelivery & { readonly packetId: number; readonly phase: 'sent' | 'released' }

type Change<Kind extends string, Fields> = { readonly kind: Kind; readonly session: SessionKey } & Fields

/** One change; `session` may be the live session itself. Times are wall clock. */
export type SessionChange =
  /** CONNECT was accepted. `cleanStart`: whatever stood under this key is gone. `will` is set for every stored session that has one. */
  | Change<
      'session-opened',
      {
        readonly subject: Subject
        readonly connection: string
        readonly cleanStart: boolean
        readonly expirySeconds: number
        readonly mqttVersion: number
        readonly will: StoredWill | undefined
      }
    >
  /** The connection is gone. `willAt`: when the delayed will is to be sent; undefined: there is none (any more). */
  | Change<'session-left', { readonly expirySeconds: number; readonly endedAt: Instant; readonly willAt: Instant | undefined }>
  /** The delayed will went out: recorded right behind its telemetry. */
  | Change<'will-sent', {}>
  /** The session is gone: `expired`, `clean-start`, `revoked`, ... a word for the log. */
  | Change<'session-ended', { readonly reason: string }>
  /** Granted filters; recorded for sessions that are not stored as well, because `shrink` and timelines read it. */
  | Change<'subscribed', { readonly connection: string; readonly filters: readonly StoredSubscription[] }>
  | Change<'unsubscribed', { readonly connection: string; readonly filters: readonly string[] }>
  /** Incoming QoS 2: PUBREL came, the identifier is free again. */
  | Change<'qos2-released', { readonly packetId: number }>
  /** Outgoing QoS 2: this identifier now belongs to the message at `offset`; durable before PUBLISH leaves. */
  | Change<'qos2-sent', { readonly packetId: number; readonly offset: number }>
  /** Outgoing QoS 2: PUBREC came; durable before PUBREL leaves. */
  | Change<'qos2-pubrec', { readonly packetId: number }>
  /** Outgoing QoS 2: PUBCOMP (or PUBREC with an error) came; the message is done. */
  | Change<'qos2-completed', { readonly packetId: number }>
  /** Deliveries that were put into the queue by something else than their publication. */
  | Change<'session-queued', { readonly deliveries: readonly StoredDelivery[] }>
  /**
   * Offsets that need no delivery any more: acknowledged at QoS 1, dropped, expired, too large. Gathered by {@link SettledOffsets}, never
   * recorded one by one: after a crash a few come again, which QoS 1 allows.
   */
  | Change<'session-progress', { readonly offsets: readonly number[] }>
  /** The same for a shared subscription, by its filter with `$share/`. */
  | { readonly kind: 'group-progress'; readonly filter: string; readonly offsets: readonly number[] }

/** The words for what happens to a session. */
export type SessionChangeKind = SessionChange['kind']

/**
 * A stored session as plain data: what a checkpoint writes and what the engine is given back at a start (`session.snapshot()` and
 * `broker.restore(state, messageOf)`). A session that was connected when the process ended comes back with `endedAt` = the start.
 */
export type SessionState = SessionKey & {
  readonly subject: Subject
  /** The latest connection, which QoS 2 telemetry names. */
  readonly connection: string
  readonly mqttVersion: number
  readonly expirySeconds: number
  /** Undefined while connected. */
  readonly endedAt: Instant | undefined
  readonly will: StoredWill | undefined
  readonly willAt: Instant | undefined
  readonly subscriptions: readonly StoredSubscription[]
  /** Not sent yet, in order. */
  readonly queue: readonly StoredDelivery[]
  /** Sent, in the order of sending. */
  readonly inflight: readonly StoredInflight[]
  /** Identifiers of incoming QoS 2 messages that were not released. */
  readonly received: readonly number[]
}
