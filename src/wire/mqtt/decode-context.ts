import { limits } from '#base'
import type { ProtocolVersion } from './packet.ts'
import type { TopicCache } from './topic-cache.ts'

// What a length of two bytes can say.
const maxTopicBytes = 65_535

/** The bounds that a reader puts on its peer. The numbers of `#base` unless the configuration says otherwise. */
export type ReaderLimits = {
  /** Largest packet, header included, until the reader is told to allow more. */
  readonly mqttConnectBytes: number
  /** Levels and bytes of a topic name or filter. */
  readonly topicLevels: number
  readonly topicBytes: number
  /** User properties in one property list, and their names and values together. */
  readonly userProperties: number
  readonly userPropertyBytes: number
  /** Filters in one SUBSCRIBE or UNSUBSCRIBE. */
  readonly filtersPerPacket: number
}

/** What a reader takes when it is told nothing. */
export const readerLimits: ReaderLimits = {
  mqttConnectBytes: limits.mqttConnectBytes,
  topicLevels: limits.topicLevels,
  topicBytes: maxTopicBytes,
  userProperties: limits.userProperties,
  userPropertyBytes: limits.userPropertyBytes,
  filtersPerPacket: 1_000,
}

/** What a packet's decoder must know besides the bytes. `sender` is the peer's role. */
export type DecodeContext = {
  readonly version: ProtocolVersion
  readonly sender: 'client' | 'server'
  readonly limits: ReaderLimits
  readonly topics: TopicCache
}
