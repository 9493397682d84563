import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parser } from 'mqtt-packet'
import { type Sender, firstPacket, laterPacket } from '../../../test/arbitrary-packet.ts'
import { encode } from './codec.ts'
import type { MqttPacket, Properties, ProtocolVersion } from './packet.ts'
import { FrameReader } from './reader.ts'

/*
 * A second parser, written by others, reads what we write and must find the same in it; and where both take a damaged packet, they must
 * take it for the same. mqtt-packet is the more lenient of the two, so a packet that it takes and we refuse says nothing.
 */

/** A packet as the other parser tells it, by the names that it uses, for what it tells at all. */
type Told = Readonly<Record<string, unknown>>

function theirs(bytes: Buffer, version: ProtocolVersion): Told | undefined {
  const other = parser({ protocolVersion: version })
  let found: Told | undefined
  let failed = false
  other.on('packet', (packet) => (found ??= { ...packet }))
  other.on('error', () => (failed = true))
  try {
    other.parse(bytes)
  } catch {
    return undefined
  }
  return failed ? undefined : found
}

/** User properties by name: the other parser keeps no order among names, and forgets an empty value when its name comes again. */
function byName(list: Properties['userProperties']): Told | undefined {
  if (list === undefined) return undefined
  const values = new Map<string, string[]>()
  for (const [name, value] of list) {
    const before = values.get(name) ?? []
    values.set(name, before.length === 1 && before[0] === '' ? [value] : [...before, value])
  }
  return Object.fromEntries([...values].map(([name, all]) => [name, all.length === 1 ? all[0] : all]))
}

function tellProperties(properties: Properties | undefined): Told | undefined {
  if (properties === undefined) return undefined
  const { payloadFormatIndicator, subscriptionIdentifiers, maximumQos, userProperties, subscriptionIdentifierAvailable, ...same } =
    properties
  const ids = subscriptionIdentifiers?.length === 1 ? subscriptionIdentifiers[0] : subscriptionIdentifiers
  return present({
    ...same,
    payloadFormatIndicator: payloadFormatIndicator === undefined ? undefined : payloadFormatIndicator === 1,
    subscriptionIdentifier: ids,
    maximumQoS: maximumQos,
    subscriptionIdentifiersAvailable: subscriptionIdentifierAvailable,
    userProperties: byName(userProperties),
  })
}

const present = (told: Told): Told => Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined))

function ours(packet: MqttPacket, version: ProtocolVersion): Told {
  const five = version === 5
  const properties = 'properties' in packet ? tellProperties(packet.properties) : undefined
  switch (packet.type) {
    case 'connect': {
      const { will } = packet
      return present({
        cmd: 'connect',
        protocolVersion: version,
        clientId: packet.clientId,
        clean: packet.cleanStart,
        keepalive: packet.keepAliveSeconds,
        username: packet.username,
        password: packet.password,
        'will.topic': will?.topic,
        'will.payload': will?.payload,
        'will.qos': will?.qos,
        'will.retain': will?.retain,
        'will.properties': tellProperties(will?.properties),
        properties,
      })
    }
    case 'connack':
      return present({
        cmd: 'connack',
        sessionPresent: packet.sessionPresent,
        ...(five ? { reasonCode: packet.reasonCode } : {}),
        properties,
      })
    case 'publish': {
      const { topic, payload, qos, retain, dup, packetId } = packet
      return present({ cmd: 'publish', topic, payload, qos, retain, dup, messageId: packetId, properties })
    }
    case 'subscribe': {
      const options = (one: (typeof packet.subscriptions)[number]) =>
        five ? { nl: one.noLocal, rap: one.retainAsPublished, rh: one.retainHandling } : {}
      const subscriptions = packet.subscriptions.map((one) => ({ topic: one.filter, qos: one.qos, ...options(one) }))
      return present({ cmd: 'subscribe', messageId: packet.packetId, subscriptions, properties })
    }
    case 'unsubscribe':
      return present({ cmd: 'unsubscribe', messageId: packet.packetId, unsubscriptions: packet.filters, properties })
    case 'suback':
      return present({ cmd: 'suback', messageId: packet.packetId, granted: packet.reasonCodes, properties })
    case 'unsuback':
      return present({ cmd: 'unsuback', messageId: packet.packetId, ...(five ? { granted: packet.reasonCodes } : {}), properties })
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return present({ cmd: packet.type, messageId: packet.packetId, ...(five ? { reasonCode: packet.reasonCode } : {}), properties })
    case 'disconnect':
    case 'auth':
      return present({ cmd: packet.type, ...(five ? { reasonCode: packet.reasonCode } : {}), properties })
    case 'pingreq':
    case 'pingresp':
      return { cmd: packet.type }
  }
}

/** Of what the other parser tells, the keys that we tell too, with its will unfolded and its subscriptions without prototypes' surprises. */
function comparable(told: Told, keys: readonly string[]): Told {
  const will = told['will']
  const flat: Told = {
    ...told,
    ...(typeof will === 'object' && will !== null
      ? Object.fromEntries(Object.entries(will).map(([key, value]) => [`will.${key}`, value]))
      : {}),
  }
  return Object.fromEntries(keys.map((key) => [key, plain(flat[key])]))
}

/** Copies of objects and arrays with the ordinary prototype, so that only their contents count. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

function agree(packet: MqttPacket, bytes: Buffer, version: ProtocolVersion, mustParse: boolean): void {
  const other = theirs(bytes, version)
  if (other === undefined) {
    assert.ok(!mustParse, `the other parser refuses ${bytes.toString('hex')}`)
    return
  }
  const own = ours(packet, version)
  assert.deepEqual(comparable(other, Object.keys(own)), own, bytes.toString('hex'))
}

function opened(version: ProtocolVersion, sender: Sender): FrameReader {
  const reader = new FrameReader(sender === 'client' ? { role: 'server' } : { role: 'client', version })
  if (sender === 'client') reader.push(encode({ type: 'connect', version, clientId: 'c', cleanStart: true, keepAliveSeconds: 1 }, version))
  else reader.push(encode({ type: 'connack', sessionPresent: false, reasonCode: 0 }, version))
  reader.next()
  return reader
}

for (const version of [4, 5] as const) {
  for (const sender of ['client', 'server'] as const) {
    test(`mqtt-packet reads what we write, protocol level ${version}, from a ${sender}`, () =>
      fc.assert(
        fc.property(fc.oneof(firstPacket(version, sender), laterPacket(version, sender)), (packet) =>
          agree(packet, encode(packet, version), version, true),
        ),
        { numRuns: 1_000 },
      ))

    test(`a damaged packet that we take, mqtt-packet takes for the same or not at all, protocol level ${version}, from a ${sender}`, () => {
      const damage = fc.tuple(fc.nat(), fc.nat(255))
      fc.assert(
        fc.property(laterPacket(version, sender), fc.array(damage, { minLength: 1, maxLength: 3 }), (packet, changes) => {
          const bytes = Buffer.from(encode(packet, version))
          for (const [at, value] of changes) if (bytes.length > 2) bytes[2 + (at % (bytes.length - 2))] = value
          const reader = opened(version, sender)
          reader.push(bytes)
          const next = reader.next()
          if (next !== undefined && next.type !== 'malformed') agree(next, bytes, version, false)
        }),
        { numRuns: 3_000 },
      )
    })
  }
}
