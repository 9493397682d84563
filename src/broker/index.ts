export type { Attach, Granted, PolicyEffect } from './attach.ts'
export { Broker } from './broker.ts'
export type { Delivery } from './delivery.ts'
export type { DirectDeliveries, DirectlySent } from './direct.ts'
export type { Link } from './link.ts'
export { type Message, ownProperties, isExpired, keep } from './message.ts'
export type { BrokerDoor, BrokerPorts, DropReason } from './ports.ts'
export { Replay, type ReplayPorts, type ReplayedMessage } from './replay.ts'
export type { RetainedDelivery } from './retained-delivery.ts'
export { type RetainedLimits, RetainedMessages } from './retained.ts'
export type {
  SessionChange,
  SessionChangeKind,
  SessionKey,
  SessionState,
  StoredDelivery,
  StoredInflight,
  StoredSubscription,
  StoredWill,
} from './session-change.ts'
export type { BrokerConfig, SessionLimits } from './session-limits.ts'
export { Session } from './session.ts'
export {
  type StoredSession,
  type WillJson,
  decodeSession,
  encodeSession,
  optionsByte,
  subscriptionFrom,
  willFromJson,
  willToJson,
} from './stored-session.ts'
export { type Route, type SubscriptionOptions, SubscriptionTree } from './subscription-tree.ts'
