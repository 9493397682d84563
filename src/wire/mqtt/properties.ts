import { Cursor } from './cursor.ts'
import { type DecodeContext, readerLimits } from './decode-context.ts'
import { type Malformed, badTopicName, malformed, protocolError, tooMany } from './malformed.ts'
import type { Properties, UserProperty } from './packet.ts'
import { type PropertyPlace, mayRepeat, propertiesOf, propertyIds as p } from './property-table.ts'
import { TopicCache } from './topic-cache.ts'
import { topicLengthFault, topicNameFault } from './topic.ts'
import { Writer } from './writer.ts'

type Building = { -readonly [Key in keyof Properties]: Properties[Key] } & {
  userProperties?: UserProperty[]
  subscriptionIdentifiers?: number[]
}

/**
 * Reads a property length and the properties after it; `undefined` when there are none. What does not fit fails `cursor`: an unknown
 * identifier or one that `place` does not allow, a second one, a value out of range, more user properties than the limits take.
 */
export function decodeProperties(cursor: Cursor, place: PropertyPlace, context: DecodeContext): Properties | undefined {
  const length = cursor.varint()
  if (length === 0 || cursor.failure !== undefined) return undefined
  const part = cursor.part(length)
  const found: Building = {}
  const allowed = propertiesOf[place]
  let seenLow = 0
  let seenHigh = 0
  let userProperties = 0
  let userBytes = 0
  while (part.left > 0) {
    // One byte in all of MQTT 5, though the standard calls it a Variable Byte Integer (section 2.2.2.2).
    const id = part.u8()
    if (!allowed.has(id)) {
      cursor.fail(notAllowed(id, place))
      return undefined
    }
    const bit = 1 << (id & 31)
    if ((id < 32 ? seenLow : seenHigh) & bit && !mayRepeat(id, place)) {
      cursor.fail(protocolError('MQTT-2.2.2.2', `The property 0x${id.toString(16)} stands twice in one packet.`))
      return undefined
    }
    if (id < 32) seenLow |= bit
    else seenHigh |= bit
    const before = part.left
    readProperty(id, part, found, context)
    if (id === p.userProperty) {
      userProperties += 1
      userBytes += before - part.left
      if (userProperties > context.limits.userProperties || userBytes > context.limits.userPropertyBytes) {
        part.fail(tooMany('MQTT-2.2.2.2', 'The packet has more user properties than this server takes.'))
      }
    }
  }
  const orphan = found.authenticationData !== undefined && found.authenticationMethod === undefined
  const failure = part.failure ?? cursor.failure ?? (orphan ? dataWithoutMethod() : undefined)
  if (failure === undefined) return found
  cursor.fail(failure)
  return undefined
}

function notAllowed(id: number, place: PropertyPlace): Malformed {
  if (id === p.subscriptionIdentifier && place === 'client-publish') {
    return protocolError('MQTT-3.3.4-6', 'A client must not send a subscription identifier in PUBLISH.')
  }
  if (id === p.sessionExpiryInterval && place === 'server-disconnect') {
    return protocolError('MQTT-3.14.2-2', 'A server must not send a session expiry interval in DISCONNECT.')
  }
  return malformed('MQTT-2.2.2.2', `The property 0x${id.toString(16)} is not allowed here.`)
}

function dataWithoutMethod(): Malformed {
  return protocolError('MQTT-3.1.2.11.10', 'Authentication data without an authentication method.')
}

function readProperty(id: number, from: Cursor, into: Building, context: DecodeContext): void {
  switch (id) {
    case p.payloadFormatIndicator:
      into.payloadFormatIndicator = zeroOrOne(from, 'MQTT-3.3.2.3.2') ? 1 : 0
      return
    case p.messageExpiryInterval:
      into.messageExpiryInterval = from.u32()
      return
    case p.contentType:
      into.contentType = from.utf8()
      return
    case p.responseTopic:
      into.responseTopic = responseTopic(from, context)
      return
    case p.correlationData:
      into.correlationData = from.binary()
      return
    case p.subscriptionIdentifier:
      into.subscriptionIdentifiers ??= []
      into.subscriptionIdentifiers.push(notZero(from, from.varint(), 'MQTT-3.8.2.1.2'))
      return
    case p.sessionExpiryInterval:
      into.sessionExpiryInterval = from.u32()
      return
    case p.assignedClientIdentifier:
      into.assignedClientIdentifier = from.name()
      return
    case p.serverKeepAlive:
      into.serverKeepAlive = from.u16()
      return
    case p.authenticationMethod:
      into.authenticationMethod = from.name()
      return
    case p.authenticationData:
      into.authenticationData = from.binary()
      return
    case p.requestProblemInformation:
      into.requestProblemInformation = zeroOrOne(from, 'MQTT-3.1.2.11.7')
      return
    case p.willDelayInterval:
      into.willDelayInterval = from.u32()
      return
    case p.requestResponseInformation:
      into.requestResponseInformation = zeroOrOne(from, 'MQTT-3.1.2.11.6')
      return
    case p.responseInformation:
      into.responseInformation = from.utf8()
      return
    case p.serverReference:
      into.serverReference = from.utf8()
      return
    case p.reasonString:
      into.reasonString = from.utf8()
      return
    case p.receiveMaximum:
      into.receiveMaximum = notZero(from, from.u16(), 'MQTT-3.1.2.11.3')
      return
    case p.topicAliasMaximum:
      into.topicAliasMaximum = from.u16()
      return
    case p.topicAlias:
      into.topicAlias = topicAlias(from)
      return
    case p.maximumQos:
      into.maximumQos = zeroOrOne(from, 'MQTT-3.2.2.3.4') ? 1 : 0
      return
    case p.retainAvailable:
      into.retainAvailable = zeroOrOne(from, 'MQTT-3.2.2.3.5')
      return
    case p.userProperty:
      into.userProperties ??= []
      into.userProperties.push([from.utf8(), from.utf8()])
      return
    case p.maximumPacketSize:
      into.maximumPacketSize = notZero(from, from.u32(), 'MQTT-3.1.2.11.4')
      return
    case p.wildcardSubscriptionAvailable:
      into.wildcardSubscriptionAvailable = zeroOrOne(from, 'MQTT-3.2.2.3.11')
      return
    case p.subscriptionIdentifierAvailable:
      into.subscriptionIdentifierAvailable = zeroOrOne(from, 'MQTT-3.2.2.3.12')
      return
    case p.sharedSubscriptionAvailable:
      into.sharedSubscriptionAvailable = zeroOrOne(from, 'MQTT-3.2.2.3.13')
      return
    default:
      throw new Error(`bug: the property ${id} is in the table and has no reader`)
  }
}

function zeroOrOne(from: Cursor, clause: string): boolean {
  const value = from.u8()
  if (value > 1) from.fail(protocolError(clause, 'A property that is 0 or 1 has another value.'))
  return value === 1
}

function notZero(from: Cursor, value: number, clause: string): number {
  if (value === 0) from.fail(protocolError(clause, 'A property that must not be 0 is 0.'))
  return value
}

function topicAlias(from: Cursor): number {
  const alias = from.u16()
  if (alias === 0 && from.failure === undefined) {
    from.fail({ ...protocolError('MQTT-3.3.2-8', 'A topic alias must not be 0.'), code: 'wire/mqtt-topic-alias-invalid', reasonCode: 0x94 })
  }
  return alias
}

function responseTopic(from: Cursor, context: DecodeContext): string {
  const topic = from.utf8()
  const { topicLevels, topicBytes } = context.limits
  const fault = from.failure === undefined ? (topicLengthFault(topic, topicBytes) ?? topicNameFault(topic, topicLevels)) : undefined
  if (fault !== undefined) from.fail(badTopicName('MQTT-3.3.2-14', `Response topic: ${fault.message}`))
  return topic
}

/** Writes a property length and the properties. Does not check that `properties` may stand in the packet; the decoder does. */
export function encodeProperties(writer: Writer, properties: Properties | undefined): void {
  if (properties === undefined) {
    writer.u8(0)
    return
  }
  const bytes = encodePropertyBytes(properties)
  writer.varint(bytes.length).raw(bytes)
}

/** The bytes of the properties, one after the other, without their length. For keeping a message's properties as they were sent. */
export function encodePropertyBytes(properties: Properties): Buffer {
  const list = new Writer()
  const byte = (id: number, value: number | boolean | undefined) => value === undefined || list.u8(id).u8(Number(value))
  const two = (id: number, value: number | undefined) => value === undefined || list.u8(id).u16(value)
  const four = (id: number, value: number | undefined) => value === undefined || list.u8(id).u32(value)
  const text = (id: number, value: string | undefined) => value === undefined || list.u8(id).utf8(value)
  const data = (id: number, value: Buffer | undefined) => value === undefined || list.u8(id).binary(value)
  byte(p.payloadFormatIndicator, properties.payloadFormatIndicator)
  four(p.messageExpiryInterval, properties.messageExpiryInterval)
  text(p.contentType, properties.contentType)
  text(p.responseTopic, properties.responseTopic)
  data(p.correlationData, properties.correlationData)
  for (const id of properties.subscriptionIdentifiers ?? []) list.u8(p.subscriptionIdentifier).varint(id)
  four(p.sessionExpiryInterval, properties.sessionExpiryInterval)
  text(p.assignedClientIdentifier, properties.assignedClientIdentifier)
  two(p.serverKeepAlive, properties.serverKeepAlive)
  text(p.authenticationMethod, properties.authenticationMethod)
  data(p.authenticationData, properties.authenticationData)
  byte(p.requestProblemInformation, properties.requestProblemInformation)
  four(p.willDelayInterval, properties.willDelayInterval)
  byte(p.requestResponseInformation, properties.requestResponseInformation)
  text(p.responseInformation, properties.responseInformation)
  text(p.serverReference, properties.serverReference)
  text(p.reasonString, properties.reasonString)
  two(p.receiveMaximum, properties.receiveMaximum)
  two(p.topicAliasMaximum, properties.topicAliasMaximum)
  two(p.topicAlias, properties.topicAlias)
  byte(p.maximumQos, properties.maximumQos)
  byte(p.retainAvailable, properties.retainAvailable)
  for (const [name, value] of properties.userProperties ?? []) list.u8(p.userProperty).utf8(name).utf8(value)
  four(p.maximumPacketSize, properties.maximumPacketSize)
  byte(p.wildcardSubscriptionAvailable, properties.wildcardSubscriptionAvailable)
  byte(p.subscriptionIdentifierAvailable, properties.subscriptionIdentifierAvailable)
  byte(p.sharedSubscriptionAvailable, properties.sharedSubscriptionAvailable)
  return list.body()
}

/**
 * The inverse of {@link encodePropertyBytes} for the properties of a PUBLISH, in whichever direction; `undefined` when there are none or
 * the bytes are not such properties. For bytes that we kept ourselves: user properties are not counted again.
 */
export function decodePropertyBytes(bytes: Buffer): Properties | undefined {
  const limits = { ...readerLimits, userProperties: Infinity, userPropertyBytes: Infinity, topicLevels: Infinity, topicBytes: Infinity }
  const context: DecodeContext = { version: 5, sender: 'server', limits, topics: new TopicCache(Infinity, Infinity) }
  const list = new Writer(bytes.length + 4).varint(bytes.length).raw(bytes).body()
  return decodeProperties(new Cursor(list, 0, list.length), 'server-publish', context)
}
