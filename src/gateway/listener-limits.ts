import { limits } from '#base'
import { type ReaderLimits, readerLimits } from '#wire/mqtt'

/** What happens when a queue is full: `None` drops the new message, `DropOldest` the one that has waited longest. Both are counted. */
export type QueueStrategy = 'None' | 'DropOldest'

/**
 * Every bound that one listener puts on what its peers choose. The settings file may give each listener its own; a connection carries
 * the object of the listener it came by.
 */
export type ListenerLimits = {
  /** What a packet's decoder allows: largest CONNECT, topic levels, user properties, filters in one packet. */
  readonly reader: ReaderLimits
  /** Largest packet, header included, once the peer is authenticated; announced as Maximum Packet Size. */
  readonly maxPacketBytes: number
  /** Longest that a session outlives its connection; a client that asks for more gets this, and is told. */
  readonly sessionExpirySeconds: number
  /** Longest that a message lives; undefined: as long as its publisher says. */
  readonly messageExpirySeconds: number | undefined
  /** Longest keep alive; 0 and more count as this, and MQTT 5 is told. */
  readonly keepAliveSeconds: number
  /** Unacknowledged QoS 1 and 2 publishes that we take from one client at a time; announced as Receive Maximum. */
  readonly receiveMaximum: number
  /** Most unacknowledged QoS 1 and 2 publishes that we send to one client, whatever Receive Maximum it asks for. */
  readonly maxReceiveMaximum: number
  /** The same for MQTT 3.1.1 clients, which cannot say what they take. */
  readonly inflight: number
  /** QoS 1 and 2 messages that wait for one session without being in flight, and their bytes. */
  readonly queueMessages: number
  readonly queueBytes: number
  readonly queueStrategy: QueueStrategy
  /** Written bytes that the system has not taken for one client: beyond them QoS 0 is dropped, beyond four times them the connection. */
  readonly unsentBytes: number
  readonly subscriptionsPerSession: number
  /** Topic aliases that a client may use towards us; announced. */
  readonly topicAliasMaximum: number
  /** Topic aliases that we use towards one client, however many it allows. */
  readonly topicAliasesSent: number
  /** Live connections of one identity. */
  readonly connectionsPerIdentity: number
  /** Sessions of one identity, live or waiting for their client. */
  readonly sessionsPerIdentity: number
  /** PUBLISH packets of one identity in a second; beyond it the client is slowed down. Undefined: no bound. */
  readonly publishesPerSecondPerIdentity: number | undefined
  /** From an accepted socket to a complete TLS handshake. */
  readonly handshakeMs: number
  /** From there to a CONNECT. */
  readonly connectMs: number
}

/** What a listener allows when nobody says otherwise. */
export const defaultListenerLimits: ListenerLimits = {
  reader: readerLimits,
  maxPacketBytes: limits.mqttPacketBytes,
  sessionExpirySeconds: 7 * 24 * 60 * 60,
  messageExpirySeconds: undefined,
  keepAliveSeconds: limits.keepAliveSeconds,
  receiveMaximum: limits.receiveMaximum,
  maxReceiveMaximum: 65_535,
  inflight: 64,
  queueMessages: limits.clientQueueMessages,
  queueBytes: limits.clientQueueBytes,
  queueStrategy: 'None',
  unsentBytes: limits.clientQueueBytes,
  subscriptionsPerSession: limits.subscriptionsPerSession,
  topicAliasMaximum: 16,
  topicAliasesSent: 16,
  connectionsPerIdentity: 16,
  sessionsPerIdentity: 64,
  publishesPerSecondPerIdentity: undefined,
  handshakeMs: limits.handshakeMs,
  connectMs: limits.connectMs,
}
