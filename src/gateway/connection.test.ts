import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '#base'
import { type MqttPacket, encode, reasonCodes } from '#wire/mqtt'
import { FakeTransport, gateway } from './gateway-scene.test.ts'
import { Connection } from './connection.ts'
import { defaultListenerLimits as listener } from './listener-limits.ts'

const own = 'devices/a/messages/events/'
const types = (packets: readonly MqttPacket[]) => packets.map((packet) => packet.type)

test('no PUBACK before the disk has the message, and one write for all of a flush', async () => {
  const { journal, connect } = gateway()
  const a = connect('a')
  assert.deepEqual(types(await a.received()), ['connack'])
  for (const packetId of [1, 2, 3]) a.publish(own, 1, packetId)
  assert.deepEqual(await a.received(), [])
  journal.flush()
  assert.equal(a.transport.written.length, 1)
  assert.deepEqual(
    (await a.received()).map((packet) => (packet.type === 'puback' ? packet.packetId : packet.type)),
    [1, 2, 3],
  )
})

test('a publish outside the policy: PUBACK 135 in MQTT 5 in its turn, plain PUBACK in 3.1.1, both on record', async () => {
  const { journal, connect, facts, desk } = gateway()
  const five = connect('a', { version: 5, clientId: 'five' })
  const four = connect('a', { clientId: 'four' })
  await five.received()
  await four.received()
  for (const client of [five, four]) {
    client.publish(own, 1, 1)
    client.publish('plant/x', 1, 2)
    client.publish(own, 1, 3)
  }
  journal.flush()
  const codes = (packets: readonly MqttPacket[]) =>
    packets.map((packet) => (packet.type === 'puback' ? [packet.packetId, packet.reasonCode] : packet.type))
  assert.deepEqual(codes(await five.received()), [
    [1, 0],
    [2, reasonCodes['not-authorized']],
    [3, 0],
  ])
  assert.deepEqual(codes(await four.received()), [
    [1, 0],
    [2, 0],
    [3, 0],
  ])
  assert.equal(desk.counters.denied, 2)
  assert.equal(facts().filter((fact) => fact.kind === 'telemetry' && fact.topic === 'plant/x').length, 0)
  assert.ok(facts().some((fact) => fact.kind === 'denied' && fact.topic === 'plant/x' && fact.rule === null))
})

test('a subscriber gets QoS 1 when it is durable and QoS 0 at once', async () => {
  const { journal, connect } = gateway()
  const a = connect('a')
  a.send({
    type: 'subscribe',
    packetId: 1,
    subscriptions: [{ filter: 'devices/a/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  })
  await a.received()
  a.publish('devices/a/one', 1, 9)
  a.publish('devices/a/zero', 0, undefined)
  assert.deepEqual(
    (await a.received()).map((packet) => (packet.type === 'publish' ? packet.topic : packet.type)),
    ['devices/a/zero'],
  )
  journal.flush()
  assert.deepEqual(types(await a.received()).sort(), ['puback', 'publish'])
})

test('subscribing outside the policy is refused for that filter alone (0x87, or 0x80 in 3.1.1)', async () => {
  const { connect, desk } = gateway()
  const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  for (const [version, code] of [
    [5, 0x87],
    [4, 0x80],
  ] as const) {
    const client = connect('a', { version, clientId: `v${version}` })
    client.send({
      type: 'subscribe',
      packetId: 1,
      subscriptions: ['#', 'devices/a/x', 'devices/b/x', '+/a/x'].map((filter) => ({ filter, ...options })),
    })
    const suback = (await client.received()).find((packet) => packet.type === 'suback')
    assert.deepEqual(suback?.reasonCodes, [code, 2, code, code])
  }
  assert.equal(desk.counters.denied, 6)
})

test('a refused CONNECT gets its code, leaves a record and nothing else', async () => {
  const { connect, desk, facts, broker } = gateway()
  const four = connect('stranger')
  const five = connect('stranger', { version: 5 })
  const [connack] = await four.received()
  assert.equal(connack?.type === 'connack' ? connack.reasonCode : 0, reasonCodes['not-authorized'])
  const [said] = await five.received()
  assert.match(said?.type === 'connack' ? (said.properties?.reasonString ?? '') : '', /^pki\/unknown-issuer: /)
  assert.deepEqual([four.transport.state, four.transport.known, broker.sessions, desk.open], ['ended', false, 0, 0])
  assert.ok(facts().some((fact) => fact.kind === 'refused' && fact.code === 'pki/unknown-issuer'))
})

test('CVE-2023-0809: a first packet that is not CONNECT gets no byte', async () => {
  const { connect, desk } = gateway()
  const { transport } = connect('a')
  transport.written.length = 0
  const stranger = new FakeTransport('a')
  const connection = new Connection(stranger, desk, listener)
  connection.receive(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  assert.deepEqual([stranger.written.length, stranger.state], [0, 'ended'])
})

test('while the disk is behind, the client is not read; afterwards everything comes, in order', async () => {
  const { journal, connect } = gateway()
  const a = connect('a')
  await a.received()
  journal.paused = true
  for (const packetId of [1, 2]) a.publish(own, 1, packetId)
  assert.equal(a.transport.paused, true)
  const before = journal.end
  journal.paused = false
  a.connection.resume()
  assert.deepEqual([a.transport.paused, journal.end - before], [false, 2])
})

test('a journal without room ends the connection and acknowledges nothing', async () => {
  const { journal, connect } = gateway()
  const a = connect('a')
  await a.received()
  journal.isFull = true
  a.publish(own, 1, 1)
  journal.isFull = false
  journal.flush()
  assert.deepEqual([await a.received(), a.transport.state], [[], 'ended'])
})

test('a client may have no more than our Receive Maximum unacknowledged; then it is read no further', async () => {
  const { journal, connect } = gateway()
  const a = connect('a')
  await a.received()
  const packet = (packetId: number) =>
    encode({ type: 'publish', topic: own, payload: Buffer.alloc(0), qos: 1, retain: false, dup: false, packetId }, 4)
  a.connection.receive(Buffer.concat(Array.from({ length: limits.receiveMaximum + 5 }, (_, index) => packet(index + 1))))
  assert.equal(a.transport.paused, true)
  journal.flush()
  journal.flush()
  assert.equal((await a.received()).length, limits.receiveMaximum + 5)
})

test('the same client id of the same identity takes over: MQTT 5 is told 0x8E, and the old one cannot end the new', async () => {
  const { connect, desk } = gateway()
  const old = connect('a', { version: 5 })
  await old.received()
  const fresh = connect('a', { version: 5 })
  const [bye] = await old.received()
  assert.equal(bye?.type === 'disconnect' ? bye.reasonCode : 0, reasonCodes['session-taken-over'])
  old.connection.lost()
  assert.deepEqual([desk.open, fresh.connection.isOpen, desk.counters.takeovers], [1, true, 1])
})

test('connections of one identity are bounded', async () => {
  const { connect } = gateway()
  connect('a', { clientId: '1' })
  connect('a', { clientId: '2' })
  const third = connect('a', { clientId: '3', version: 5 })
  const [connack] = await third.received()
  assert.equal(connack?.type === 'connack' ? connack.reasonCode : 0, reasonCodes['quota-exceeded'])
})

test('a will is published when the peer vanishes, marked as IoT Hub does, and not after a goodbye or a revocation', async () => {
  const { journal, connect, facts } = gateway()
  const will = { topic: own, payload: Buffer.from('gone'), qos: 1, retain: false } as const
  const wills = () =>
    facts()
      .filter((fact) => fact.kind === 'telemetry')
      .map((fact) => (fact.kind === 'telemetry' ? fact.topic : ''))
  connect('a', { will }).connection.lost()
  assert.deepEqual(wills(), [`${own}iothub-MessageType=Will`])
  connect('a', { will }).send({ type: 'disconnect', reasonCode: 0 })
  connect('a', { will }).connection.end('revoked')
  journal.flush()
  assert.equal(wills().length, 1)
})

test('2.0.16: a will outside the policy refuses the CONNECT', async () => {
  const { connect } = gateway()
  const client = connect('a', { version: 5, will: { topic: '$CONTROL/x', payload: Buffer.alloc(0), qos: 0, retain: false } })
  const [connack] = await client.received()
  assert.equal(connack?.type === 'connack' ? connack.reasonCode : 0, reasonCodes['not-authorized'])
})

test('retained: kept for plain topics, never for telemetry, full store says 0x97', async () => {
  const { journal, broker, connect } = gateway()
  const a = connect('a', { version: 5 })
  a.publish('devices/a/state', 1, 1, { retain: true })
  a.publish(own, 1, 2, { retain: true })
  assert.equal(broker.retained.size, 1)
  for (let packetId = 3; packetId < 120; packetId++) a.publish(`devices/a/${packetId}`, 1, packetId, { retain: true })
  journal.flush()
  const codes = (await a.received()).flatMap((packet) => (packet.type === 'puback' ? [packet.reasonCode] : []))
  assert.deepEqual([codes.at(0), codes.at(-1)], [0, reasonCodes['quota-exceeded']])
})

test('topic aliases stand for their topic, within the maximum', async () => {
  const { connect, facts } = gateway()
  const a = connect('a', { version: 5 })
  a.publish(own, 0, undefined, { properties: { topicAlias: 1 } })
  a.publish('', 0, undefined, { properties: { topicAlias: 1 } })
  assert.equal(facts().filter((fact) => fact.kind === 'telemetry' && fact.topic === own).length, 2)
  a.publish('', 0, undefined, { properties: { topicAlias: 2 } })
  assert.equal(a.transport.state, 'ended')
  const b = connect('b', { version: 5 })
  b.publish('devices/b/x', 0, undefined, { properties: { topicAlias: 17 } })
  assert.equal(b.transport.state, 'ended')
})

test('mosquitto CVE-2021-28166: packets that only a server sends end the connection', () => {
  for (const packet of [
    { type: 'connack', sessionPresent: false, reasonCode: 0 },
    { type: 'suback', packetId: 1, reasonCodes: [0] },
    { type: 'pingresp' },
  ] as const) {
    const a = gateway().connect('a')
    a.send(packet)
    assert.equal(a.transport.state, 'ended', packet.type)
  }
})

test('a client that takes nothing loses QoS 0 before it costs much', async () => {
  const { connect } = gateway()
  const a = connect('a')
  a.send({
    type: 'subscribe',
    packetId: 1,
    subscriptions: [{ filter: 'devices/a/#', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  })
  await a.received()
  a.transport.bufferedBytes = limits.clientQueueBytes
  a.publish('devices/a/x', 0, undefined)
  assert.deepEqual(await a.received(), [])
})

test('every connection of MQTT 5 learns what differs from what it asked', async () => {
  const { connect } = gateway()
  const a = connect('a', { version: 5, clientId: '', keepAliveSeconds: 0, properties: { sessionExpiryInterval: 1_000_000 } })
  const [connack] = await a.received()
  const properties = connack?.type === 'connack' ? connack.properties : undefined
  assert.match(properties?.assignedClientIdentifier ?? '', /^\$server-generated\/[0-9a-f-]{36}$/)
  assert.deepEqual(
    [
      properties?.serverKeepAlive,
      properties?.sessionExpiryInterval,
      properties?.maximumQos,
      properties?.receiveMaximum,
      properties?.maximumPacketSize,
    ],
    [limits.keepAliveSeconds, 3_600, undefined, limits.receiveMaximum, 1_000],
  )
})
