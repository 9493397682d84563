/** Where a property list can stand. PUBLISH and DISCONNECT differ by who sends them. */
export type PropertyPlace =
  | 'connect'
  | 'will'
  | 'connack'
  | 'client-publish'
  | 'server-publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'unsubscribe'
  | 'unsuback'
  | 'client-disconnect'
  | 'server-disconnect'
  | 'auth'

/** The identifiers of MQTT 5 table 2-4. */
export const propertyIds = {
  payloadFormatIndicator: 0x01,
  messageExpiryInterval: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionIdentifier: 0x0b,
  sessionExpiryInterval: 0x11,
  assignedClientIdentifier: 0x12,
  serverKeepAlive: 0x13,
  authenticationMethod: 0x15,
  authenticationData: 0x16,
  requestProblemInformation: 0x17,
  willDelayInterval: 0x18,
  requestResponseInformation: 0x19,
  responseInformation: 0x1a,
  serverReference: 0x1c,
  reasonString: 0x1f,
  receiveMaximum: 0x21,
  topicAliasMaximum: 0x22,
  topicAlias: 0x23,
  maximumQos: 0x24,
  retainAvailable: 0x25,
  userProperty: 0x26,
  maximumPacketSize: 0x27,
  wildcardSubscriptionAvailable: 0x28,
  subscriptionIdentifierAvailable: 0x29,
  sharedSubscriptionAvailable: 0x2a,
} as const

const p = propertyIds
const message = [p.payloadFormatIndicator, p.messageExpiryInterval, p.contentType, p.responseTopic, p.correlationData, p.userProperty]
const acknowledgement = [p.reasonString, p.userProperty]
const authentication = [p.authenticationMethod, p.authenticationData]

/** Which properties each packet may carry (table 2-4, and the sections of the packets). */
export const propertiesOf: Readonly<Record<PropertyPlace, ReadonlySet<number>>> = {
  connect: new Set([
    ...authentication,
    p.sessionExpiryInterval,
    p.requestProblemInformation,
    p.requestResponseInformation,
    p.receiveMaximum,
    p.topicAliasMaximum,
    p.userProperty,
    p.maximumPacketSize,
  ]),
  will: new Set([...message, p.willDelayInterval]),
  connack: new Set([
    ...authentication,
    ...acknowledgement,
    p.sessionExpiryInterval,
    p.assignedClientIdentifier,
    p.serverKeepAlive,
    p.responseInformation,
    p.serverReference,
    p.receiveMaximum,
    p.topicAliasMaximum,
    p.maximumQos,
    p.retainAvailable,
    p.maximumPacketSize,
    p.wildcardSubscriptionAvailable,
    p.subscriptionIdentifierAvailable,
    p.sharedSubscriptionAvailable,
  ]),
  // No subscription identifier from a client [MQTT-3.3.4-6].
  'client-publish': new Set([...message, p.topicAlias]),
  'server-publish': new Set([...message, p.topicAlias, p.subscriptionIdentifier]),
  puback: new Set(acknowledgement),
  pubrec: new Set(acknowledgement),
  pubrel: new Set(acknowledgement),
  pubcomp: new Set(acknowledgement),
  subscribe: new Set([p.subscriptionIdentifier, p.userProperty]),
  suback: new Set(acknowledgement),
  unsubscribe: new Set([p.userProperty]),
  unsuback: new Set(acknowledgement),
  'client-disconnect': new Set([...acknowledgement, p.sessionExpiryInterval]),
  // No session expiry interval from a server [MQTT-3.14.2-2].
  'server-disconnect': new Set([...acknowledgement, p.serverReference]),
  auth: new Set([...authentication, ...acknowledgement]),
}

/** Whether the property may stand more than once: user properties anywhere, subscription identifiers in PUBLISH. */
export function mayRepeat(id: number, place: PropertyPlace): boolean {
  return id === p.userProperty || (id === p.subscriptionIdentifier && place === 'server-publish')
}
