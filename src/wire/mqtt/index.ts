export { type AcknowledgeType, acknowledgeBytes, writeAcknowledge } from './acknowledge.ts'
export { encode } from './codec.ts'
export { type ReaderLimits, readerLimits } from './decode-context.ts'
export type { Malformed } from './malformed.ts'
export type {
  AcknowledgePacket,
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  MqttPacket,
  PingreqPacket,
  PingrespPacket,
  Properties,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  QoS,
  SubackPacket,
  SubscribePacket,
  Subscription,
  UnsubackPacket,
  UnsubscribePacket,
  UserProperty,
  Will,
} from './packet.ts'
export { decodePropertyBytes, encodePropertyBytes } from './properties.ts'
export { type Delivery, type PublishHead, publishHead, writePublishHead } from './publish.ts'
export { FrameReader, type Next, type ReaderRole } from './reader.ts'
export { type ReasonName, reasonCodes, reasonName, returnCodeOf } from './reason-codes.ts'
export { type TopicFilter, type TopicFilterText, type TopicName, matches, parseTopicFilter, parseTopicName, topicLevels } from './topic.ts'
