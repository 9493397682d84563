import fc from 'fast-check'
import type { MqttPacket, Properties, ProtocolVersion, QoS, Subscription, Will } from '#wire/mqtt'

/** Who sends the packet. */
export type Sender = 'client' | 'server'

// Short alphabets with the awkward members in them: separators, non-ASCII of every UTF-8 length, U+FEFF, a line feed where text may have one.
const letters = ['a', 'b', 'Z', '0', '.', ' ', '=', '%', '&', '$', 'é', '€', '\u{1f600}', '\ufeff']
const text = fc.string({ unit: fc.constantFrom(...letters, '\n', '#', '+', '/'), maxLength: 12 })
const name = fc.string({ unit: fc.constantFrom(...letters, '/'), maxLength: 12 })
const bytes = fc.uint8Array({ maxLength: 20 }).map((data) => Buffer.from(data))
const u16 = fc.oneof(fc.constantFrom(1, 2, 0x7f, 0x80, 0xff, 0x100, 0xffff), fc.integer({ min: 1, max: 0xffff }))
const u32 = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }))
const varint = fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455)
const qos = fc.constantFrom<QoS>(0, 1, 2)
const bit = fc.constantFrom<0 | 1>(0, 1)

/** A topic name of one to six levels, some of them empty. */
export const topicName = fc
  .array(fc.string({ unit: fc.constantFrom(...letters), maxLength: 5 }), { minLength: 1, maxLength: 6 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '')

/** A topic filter, with wildcards where they may stand, sometimes shared. */
export const topicFilter = fc
  .tuple(
    fc.array(fc.oneof(fc.constant('+'), fc.string({ unit: fc.constantFrom(...letters), maxLength: 5 })), { maxLength: 5 }),
    fc.boolean(),
    fc.option(fc.string({ unit: fc.constantFrom('a', 'B', '$', 'é'), minLength: 1, maxLength: 4 })),
  )
  .map(([levels, all, group]) => ({ filter: [...levels, ...(all ? ['#'] : [])].join('/'), group }))
  .filter(({ filter }) => filter !== '' && filter !== '$share' && !filter.startsWith('$share/'))
  .map(({ filter, group }) => (group === null ? filter : `$share/${group}/${filter}`))

const userProperties = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 })
const message = {
  payloadFormatIndicator: bit,
  messageExpiryInterval: u32,
  contentType: text,
  responseTopic: topicName,
  correlationData: bytes,
  userProperties,
}
const acknowledgement = { reasonString: text, userProperties }
const authentication = { authenticationMethod: name, authenticationData: bytes }

/** Only keys that are there; authentication data never without its method; `undefined` when nothing is there. */
function some<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Properties | undefined> {
  return fc.record(model, { requiredKeys: [], noNullPrototype: true }).map((found) => {
    const properties: Properties = found
    if (Object.keys(properties).length === 0) return undefined
    return properties.authenticationData === undefined || properties.authenticationMethod !== undefined
      ? properties
      : { ...properties, authenticationMethod: 'x' }
  })
}

const none = fc.constant(undefined)

/** A plain object with every key, as the decoder makes it. */
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true })
}

function will(version: ProtocolVersion): fc.Arbitrary<Will> {
  const properties = version === 5 ? some({ ...message, willDelayInterval: u32 }) : none
  return plain({ topic: topicName, payload: bytes, qos, retain: fc.boolean(), properties })
}

function connect(version: ProtocolVersion): fc.Arbitrary<MqttPacket> {
  const properties = some({
    ...authentication,
    sessionExpiryInterval: u32,
    requestProblemInformation: fc.boolean(),
    requestResponseInformation: fc.boolean(),
    receiveMaximum: u16,
    topicAliasMaximum: fc.nat({ max: 0xffff }),
    userProperties,
    maximumPacketSize: u32.map((size) => size || 1),
  })
  return plain({
    type: fc.constant('connect' as const),
    version: fc.constant(version),
    clientId: name,
    cleanStart: fc.boolean(),
    keepAliveSeconds: fc.nat({ max: 0xffff }),
    username: fc.option(name, { nil: undefined }),
    password: fc.option(bytes, { nil: undefined }),
    will: fc.option(will(version), { nil: undefined }),
    properties: version === 5 ? properties : none,
  }).map((packet) => ({
    ...packet,
    cleanStart: packet.cleanStart || (version === 4 && packet.clientId === ''),
    password: version === 4 && packet.username === undefined ? undefined : packet.password,
  }))
}

function connack(version: ProtocolVersion): fc.Arbitrary<MqttPacket> {
  const properties = some({
    ...authentication,
    ...acknowledgement,
    sessionExpiryInterval: u32,
    assignedClientIdentifier: name,
    serverKeepAlive: u16,
    responseInformation: text,
    serverReference: text,
    receiveMaximum: u16,
    topicAliasMaximum: u16,
    maximumQos: bit,
    retainAvailable: fc.boolean(),
    maximumPacketSize: u16,
    wildcardSubscriptionAvailable: fc.boolean(),
    subscriptionIdentifierAvailable: fc.boolean(),
    sharedSubscriptionAvailable: fc.boolean(),
  })
  return plain({
    type: fc.constant('connack' as const),
    sessionPresent: fc.constant(false),
    reasonCode: fc.constantFrom(0, 0x84, 0x85, 0x86, 0x87, 0x88),
    properties: version === 5 ? properties : none,
  })
}

function publish(version: ProtocolVersion, sender: Sender): fc.Arbitrary<MqttPacket> {
  const fromServer = { ...message, topicAlias: u16, subscriptionIdentifiers: fc.array(varint, { minLength: 1, maxLength: 3 }) }
  const properties = sender === 'server' ? some(fromServer) : some({ ...message, topicAlias: u16 })
  return plain({
    type: fc.constant('publish' as const),
    topic: fc.oneof({ weight: 4, arbitrary: topicName }, { weight: 1, arbitrary: fc.constant('') }),
    payload: bytes,
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetId: u16,
    properties: version === 5 ? properties : none,
  }).map((packet) => ({
    ...packet,
    topic: packet.topic === '' && packet.properties?.topicAlias === undefined ? 't' : packet.topic,
    dup: packet.qos > 0 && packet.dup,
    packetId: packet.qos > 0 ? packet.packetId : undefined,
  }))
}

function acknowledge(type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', version: ProtocolVersion): fc.Arbitrary<MqttPacket> {
  const codes = type === 'puback' || type === 'pubrec' ? [0, 0x10, 0x80, 0x87, 0x97] : [0, 0x92]
  return plain({
    type: fc.constant(type),
    packetId: u16,
    reasonCode: version === 5 ? fc.constantFrom(...codes) : fc.constant(0),
    properties: version === 5 ? some(acknowledgement) : none,
  })
}

function subscription(version: ProtocolVersion): fc.Arbitrary<Subscription> {
  const flag = version === 5 ? fc.boolean() : fc.constant(false)
  const retainHandling = version === 5 ? fc.constantFrom<0 | 1 | 2>(0, 1, 2) : fc.constant<0>(0)
  return plain({ filter: topicFilter, qos, noLocal: flag, retainAsPublished: flag, retainHandling }).map((one) => ({
    ...one,
    noLocal: one.noLocal && !one.filter.startsWith('$share/'),
  }))
}

function subscribe(version: ProtocolVersion): fc.Arbitrary<MqttPacket> {
  return plain({
    type: fc.constant('subscribe' as const),
    packetId: u16,
    subscriptions: fc.array(subscription(version), { minLength: 1, maxLength: 4 }),
    properties: version === 5 ? some({ subscriptionIdentifiers: fc.tuple(varint), userProperties }) : none,
  })
}

function unsubscribe(version: ProtocolVersion): fc.Arbitrary<MqttPacket> {
  return plain({
    type: fc.constant('unsubscribe' as const),
    packetId: u16,
    filters: fc.array(topicFilter, { minLength: 1, maxLength: 4 }),
    properties: version === 5 ? some({ userProperties }) : none,
  })
}

function suback(version: ProtocolVersion): fc.Arbitrary<MqttPacket> {
  return plain({
    type: fc.constant('suback' as const),
    packetId: u16,
    reasonCodes: fc.array(fc.constantFrom(0, 1, 2, 0x80), { minLength: 1, maxLength: 4 }),
    properties: version === 5 ? some(acknowledgement) : none,
  })
}

function unsuback(version: ProtocolVersion): fc.Arbitrary<MqttPacket> {
  return plain({
    type: fc.constant('unsuback' as const),
    packetId: u16,
    reasonCodes: version === 5 ? fc.array(fc.constantFrom(0, 0x11, 0x87), { minLength: 1, maxLength: 4 }) : fc.constant([]),
    properties: version === 5 ? some(acknowledgement) : none,
  })
}

function disconnect(version: ProtocolVersion, sender: Sender): fc.Arbitrary<MqttPacket> {
  const fromClient = some({ ...acknowledgement, sessionExpiryInterval: u32 })
  const properties = sender === 'client' ? fromClient : some({ ...acknowledgement, serverReference: text })
  const codes = sender === 'client' ? [0, 4, 0x81, 0x99] : [0, 0x82, 0x8e, 0xa2]
  return plain({
    type: fc.constant('disconnect' as const),
    reasonCode: version === 5 ? fc.constantFrom(...codes) : fc.constant(0),
    properties: version === 5 ? properties : none,
  })
}

function auth(sender: Sender): fc.Arbitrary<MqttPacket> {
  return plain({
    type: fc.constant('auth' as const),
    reasonCode: fc.constantFrom(...(sender === 'client' ? [0x18, 0x19] : [0, 0x18])),
    properties: some({ ...authentication, ...acknowledgement }),
  }).map((packet) => ({ ...packet, properties: { authenticationMethod: 'x', ...packet.properties } }))
}

/** The first packet of a connection: CONNECT of a client, CONNACK of a server. */
export function firstPacket(version: ProtocolVersion, sender: Sender): fc.Arbitrary<MqttPacket> {
  return sender === 'client' ? connect(version) : connack(version)
}

/** Any packet but the first that `sender` may send, exactly as the decoder gives it (every key there, `undefined` where absent). */
export function laterPacket(version: ProtocolVersion, sender: Sender): fc.Arbitrary<MqttPacket> {
  const both = [
    publish(version, sender),
    acknowledge('puback', version),
    acknowledge('pubrec', version),
    acknowledge('pubrel', version),
    acknowledge('pubcomp', version),
    ...(version === 5 ? [auth(sender)] : []),
  ]
  const client = [subscribe(version), unsubscribe(version), fc.constant<MqttPacket>({ type: 'pingreq' }), disconnect(version, sender)]
  const server = [suback(version), unsuback(version), fc.constant<MqttPacket>({ type: 'pingresp' })]
  return fc.oneof(...both, ...(sender === 'client' ? client : version === 5 ? [...server, disconnect(version, sender)] : server))
}
