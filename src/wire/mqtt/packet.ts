/** The protocol level on the wire: 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type ProtocolVersion = 4 | 5

/** Quality of service: at most once, at least once, exactly once. */
export type QoS = 0 | 1 | 2

/** A name and a value that the standard gives no meaning to; a packet may repeat a name, and order counts [MQTT-3.3.2-18]. */
export type UserProperty = readonly [name: string, value: string]

/**
 * MQTT 5 properties, named as the standard names them; only those present are set. Intervals and keep alive are in seconds, sizes in
 * bytes. Which packet may carry which one is in `property-table.ts`; the decoder refuses the rest.
 */
export type Properties = {
  readonly payloadFormatIndicator?: 0 | 1
  readonly messageExpiryInterval?: number
  readonly contentType?: string
  readonly responseTopic?: string
  readonly correlationData?: Buffer
  /** One in SUBSCRIBE; any number in a PUBLISH from a server [MQTT-3.3.4-4]. Each 1..268,435,455. */
  readonly subscriptionIdentifiers?: readonly number[]
  readonly sessionExpiryInterval?: number
  readonly assignedClientIdentifier?: string
  readonly serverKeepAlive?: number
  readonly authenticationMethod?: string
  readonly authenticationData?: Buffer
  readonly requestProblemInformation?: boolean
  readonly willDelayInterval?: number
  readonly requestResponseInformation?: boolean
  readonly responseInformation?: string
  readonly serverReference?: string
  readonly reasonString?: string
  readonly receiveMaximum?: number
  readonly topicAliasMaximum?: number
  readonly topicAlias?: number
  readonly maximumQos?: 0 | 1
  readonly retainAvailable?: boolean
  readonly userProperties?: readonly UserProperty[]
  readonly maximumPacketSize?: number
  readonly wildcardSubscriptionAvailable?: boolean
  readonly subscriptionIdentifierAvailable?: boolean
  readonly sharedSubscriptionAvailable?: boolean
}

/** What a server publishes for a client that went away without saying goodbye. `payload` has at most 65,535 bytes. */
export type Will = {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly properties?: Properties | undefined
}

/** CONNECT. `cleanStart` is Clean Session in 3.1.1. `password` is a slice of the receive buffer: use it at once and never print it. */
export type ConnectPacket = {
  readonly type: 'connect'
  readonly version: ProtocolVersion
  readonly clientId: string
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
  readonly username?: string | undefined
  readonly password?: Buffer | undefined
  readonly will?: Will | undefined
  readonly properties?: Properties | undefined
}

/** CONNACK. `reasonCode` is MQTT 5's in both versions; the codec maps it to and from the five return codes of 3.1.1. */
export type ConnackPacket = {
  readonly type: 'connack'
  readonly sessionPresent: boolean
  readonly reasonCode: number
  readonly properties?: Properties | undefined
}

/**
 * PUBLISH. `topic` is a checked topic name, or '' in MQTT 5 when a topic alias stands for it. `payload` is a slice of the receive
 * buffer: whoever keeps it longer than the delivery must copy it, or it keeps the whole buffer alive. `packetId` is set when qos > 0.
 */
export type PublishPacket = {
  readonly type: 'publish'
  readonly topic: string
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly dup: boolean
  readonly packetId?: number | undefined
  readonly properties?: Properties | undefined
}

/** The four acknowledgements of PUBLISH have one shape. In 3.1.1 `reasonCode` is always 0 and nothing else is sent. */
export type AcknowledgePacket<Type extends 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'> = {
  readonly type: Type
  readonly packetId: number
  readonly reasonCode: number
  readonly properties?: Properties | undefined
}

/** Acknowledges QoS 1. */
export type PubackPacket = AcknowledgePacket<'puback'>
/** QoS 2, step one: received. */
export type PubrecPacket = AcknowledgePacket<'pubrec'>
/** QoS 2, step two: release. */
export type PubrelPacket = AcknowledgePacket<'pubrel'>
/** QoS 2, step three: complete. */
export type PubcompPacket = AcknowledgePacket<'pubcomp'>

/** One filter of a SUBSCRIBE with its options. In 3.1.1 only `qos` exists; the rest has MQTT 5's defaults. `filter` is checked. */
export type Subscription = {
  readonly filter: string
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  /** 0 send retained messages, 1 only for a new subscription, 2 never. */
  readonly retainHandling: 0 | 1 | 2
}

/** SUBSCRIBE: at least one filter [MQTT-3.8.3-2]. */
export type SubscribePacket = {
  readonly type: 'subscribe'
  readonly packetId: number
  readonly subscriptions: readonly Subscription[]
  readonly properties?: Properties | undefined
}

/** SUBACK: one code per filter, in order. In 3.1.1 every code from 0x80 on is sent as 0x80. */
export type SubackPacket = {
  readonly type: 'suback'
  readonly packetId: number
  readonly reasonCodes: readonly number[]
  readonly properties?: Properties | undefined
}

/** UNSUBSCRIBE: at least one filter [MQTT-3.10.3-2]. */
export type UnsubscribePacket = {
  readonly type: 'unsubscribe'
  readonly packetId: number
  readonly filters: readonly string[]
  readonly properties?: Properties | undefined
}

/** UNSUBACK: one code per filter, in order; 3.1.1 sends none. */
export type UnsubackPacket = {
  readonly type: 'unsuback'
  readonly packetId: number
  readonly reasonCodes: readonly number[]
  readonly properties?: Properties | undefined
}

/** PINGREQ. */
export type PingreqPacket = { readonly type: 'pingreq' }
/** PINGRESP. */
export type PingrespPacket = { readonly type: 'pingresp' }

/** DISCONNECT. In 3.1.1 only a client sends it, and it carries nothing. */
export type DisconnectPacket = { readonly type: 'disconnect'; readonly reasonCode: number; readonly properties?: Properties | undefined }

/** AUTH, in MQTT 5 only. */
export type AuthPacket = { readonly type: 'auth'; readonly reasonCode: number; readonly properties?: Properties | undefined }

/** Every MQTT control packet of both versions, told apart by `type`. */
export type MqttPacket =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket
