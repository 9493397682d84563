import {
  type AdmissionLimits,
  type ListenerLimits,
  type LoadBounds,
  type Rate,
  defaultAdmissionLimits,
  defaultListenerLimits,
  defaultLoadBounds,
} from '#gateway'
import type { LimitSettings, Settings } from './settings-schema.ts'

/** Every bound that the hub puts on what comes from outside, as the settings and the defaults make it. */
export type HubLimits = {
  readonly mqtt: ListenerLimits
  readonly https: ListenerLimits
  readonly admission: AdmissionLimits
  readonly overload: LoadBounds
  readonly memoryBytes: number | undefined
  readonly totalQueueBytes: number
  readonly retained: { readonly messages: number; readonly bytes: number }
}

const mib = 1024 * 1024
const longestKeepAliveSeconds = 65_535

/** Fills the settings up with defaults. What stands under a listener wins over what stands under `limits`. */
export function hubLimits(settings: Settings): HubLimits {
  const { listeners = {}, limits = {}, broker = {} } = settings
  const { overload = {}, retained = {} } = broker
  const admission = defaultAdmissionLimits
  const level = (name: keyof LoadBounds) => ({ ...defaultLoadBounds[name], ...overload[name] })
  return {
    mqtt: listenerLimits(limits, listeners.mqtt?.limits ?? {}),
    https: listenerLimits(limits, listeners.https?.limits ?? {}),
    admission: {
      strangers: broker.strangers ?? admission.strangers,
      strangersPerAddress: broker.strangersPerAddress ?? admission.strangersPerAddress,
      connectionsPerAddress: broker.connectionsPerAddress ?? admission.connectionsPerAddress,
      connects: rate(broker.connectsPerSecond, broker.connectBurst, admission.connects),
      connectsPerAddress: rate(broker.connectsPerSecondPerAddress, broker.connectBurstPerAddress, admission.connectsPerAddress),
      deniedConnects: broker.deniedConnects ?? admission.deniedConnects,
      deniedDelayMs: broker.deniedDelaySeconds === undefined ? admission.deniedDelayMs : broker.deniedDelaySeconds * 1000,
      addresses: admission.addresses,
    },
    overload: {
      loopDelayMs: level('loopDelayMs'),
      journalPendingBytes: level('journalPendingBytes'),
      unsentBytes: level('unsentBytes'),
      memoryShare: level('memoryShare'),
    },
    memoryBytes: overload.memoryBytes,
    totalQueueBytes: broker.totalQueueBytes ?? 256 * mib,
    retained: { messages: retained.messages ?? 100_000, bytes: retained.bytes ?? 64 * mib },
  }
}

/** 0 is no bound. */
function rate(perSecond: number | undefined, burst: number | undefined, standard: Rate | undefined): Rate | undefined {
  const average = perSecond ?? standard?.perSecond ?? 0
  return average === 0 ? undefined : { perSecond: average, burst: burst ?? standard?.burst ?? 10_000 }
}

function listenerLimits(common: LimitSettings, own: LimitSettings): ListenerLimits {
  const given = { ...common, ...own }
  const queue = { ...common.subscriberQueueLimit, ...own.subscriberQueueLimit }
  const standard = defaultListenerLimits
  const ms = (seconds: number | undefined, otherwise: number) => (seconds === undefined ? otherwise : seconds * 1000)
  const maxReceiveMaximum = given.maxReceiveMaximum ?? standard.maxReceiveMaximum
  const maxPacketBytes = given.maxPacketSizeBytes ?? standard.maxPacketBytes
  return {
    reader: {
      // A listener that takes small packets alone takes no larger CONNECT either.
      mqttConnectBytes: Math.min(given.connectPacketBytes ?? standard.reader.mqttConnectBytes, maxPacketBytes),
      topicLevels: given.topicLevels ?? standard.reader.topicLevels,
      topicBytes: given.topicBytes ?? standard.reader.topicBytes,
      userProperties: given.userProperties ?? standard.reader.userProperties,
      userPropertyBytes: given.userPropertyBytes ?? standard.reader.userPropertyBytes,
      filtersPerPacket: given.filtersPerPacket ?? standard.reader.filtersPerPacket,
    },
    maxPacketBytes,
    sessionExpirySeconds: given.maxSessionExpirySeconds ?? standard.sessionExpirySeconds,
    messageExpirySeconds: given.maxMessageExpirySeconds ?? standard.messageExpirySeconds,
    keepAliveSeconds: (given.maxKeepAliveSeconds ?? standard.keepAliveSeconds) || longestKeepAliveSeconds,
    receiveMaximum: given.receiveMaximum ?? standard.receiveMaximum,
    maxReceiveMaximum,
    inflight: Math.min(given.inflight ?? standard.inflight, maxReceiveMaximum),
    queueMessages: queue.length ?? standard.queueMessages,
    queueBytes: given.queueBytes ?? standard.queueBytes,
    queueStrategy: queue.strategy ?? standard.queueStrategy,
    unsentBytes: given.unsentBytes ?? standard.unsentBytes,
    subscriptionsPerSession: given.subscriptionsPerSession ?? standard.subscriptionsPerSession,
    topicAliasMaximum: given.topicAliasMaximum ?? standard.topicAliasMaximum,
    topicAliasesSent: given.topicAliasesSent ?? standard.topicAliasesSent,
    connectionsPerIdentity: given.connectionsPerIdentity ?? standard.connectionsPerIdentity,
    sessionsPerIdentity: given.sessionsPerIdentity ?? standard.sessionsPerIdentity,
    publishesPerSecondPerIdentity: given.publishesPerSecondPerIdentity ?? standard.publishesPerSecondPerIdentity,
    handshakeMs: ms(given.handshakeSeconds, standard.handshakeMs),
    connectMs: ms(given.connectSeconds, standard.connectMs),
  }
}
