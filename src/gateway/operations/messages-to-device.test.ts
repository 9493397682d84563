import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceId, instant, parseDeviceId } from '#base'
import type { MqttPacket } from '#wire/mqtt'
import { gateway, turns } from '../gateway-scene.test.ts'

const id = (text: string): DeviceId => {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}
const pump = id('pump-1')
const filter = 'devices/pump-1/messages/devicebound/#'

const publishes = (packets: readonly MqttPacket[]) => packets.flatMap((packet) => (packet.type === 'publish' ? [packet] : []))

/** A device that is connected and wants messages. */
async function listening(more: { qos?: 0 | 1; version?: 4 | 5; receiveMaximum?: number; maximumPacketSize?: number } = {}) {
  const scene = gateway()
  const { qos = 1, version = 4, ...properties } = more
  const client = scene.connect('pump-1', { version, cleanStart: false, properties: { sessionExpiryInterval: 3_600, ...properties } })
  client.subscribe(filter, qos)
  scene.journal.flush()
  await client.received()
  const messages = async () => {
    await turns()
    return publishes(await client.received())
  }
  const acknowledge = (packetId: number | undefined, reasonCode = 0) => client.send({ type: 'puback', packetId: packetId ?? 0, reasonCode })
  return { ...scene, client, messages, acknowledge }
}

test('a message goes out with its properties in the topic as Node reads them, and PUBACK completes it [azure-wire 2.8, 12.1]', async () => {
  const { hub, messages, acknowledge, journal } = await listening()
  const records = journal.records.length
  hub.enqueue(pump, {
    messageId: 'abc',
    correlationId: 'c',
    userId: 'ü',
    to: '/devices/pump-1/messages/devicebound',
    expiresAt: instant(Date.UTC(2030, 0, 1)),
    ack: 'full',
    properties: { p1: null, p2: '', 'p/3': 'a b+#' },
    body: 'hi',
  })
  const [message, ...others] = await messages()
  assert.deepEqual(others, [])
  assert.equal(
    message?.topic,
    'devices/pump-1/messages/devicebound/%24.mid=abc&%24.cid=c&%24.uid=%C3%BC&%24.to=%2Fdevices%2Fpump-1%2Fmessages%2Fdevicebound' +
      '&%24.exp=2030-01-01T00%3A00%3A00.000Z&p1&p2=&p%2F3=a%20b%2B%23&iothub-ack=full',
  )
  assert.deepEqual([message.payload.toString(), message.qos, message.retain, message.dup], ['hi', 1, false, false])
  assert.equal(hub.messages.count(pump), 1, 'not before PUBACK')
  acknowledge(message.packetId)
  await turns()
  assert.equal(hub.messages.count(pump), 0)
  assert.deepEqual(hub.log, ['pump-1 connected', 'pump-1 complete 1'])
  assert.equal(journal.records.length, records, 'nothing of it is session state, or telemetry')
})

test('nothing is delivered before the device subscribes; then the queue comes in order [azure-wire 2.8]', async () => {
  const { hub, connect, journal } = gateway()
  for (let i = 1; i <= 50; i++) hub.enqueue(pump, { body: String(i) })
  const client = connect('pump-1')
  await turns()
  assert.deepEqual(publishes(await client.received()), [])
  client.subscribe('devices/pump-1/messages/deviceBound/#', 1)
  journal.flush()
  await turns(400)
  assert.deepEqual(
    publishes(await client.received()).map(({ payload }) => Number(payload)),
    Array.from({ length: 50 }, (_, at) => at + 1),
  )
})

test('messages go to their device alone: not to another that listens to everything it may, nor to a module', async () => {
  const { hub, connect, journal } = gateway()
  const [mine, other] = [connect('pump-1'), connect('pump-2')]
  mine.subscribe('devices/pump-1/#', 1)
  other.subscribe('devices/pump-2/messages/devicebound/#', 1)
  hub.enqueue(pump)
  journal.flush()
  await turns()
  assert.deepEqual([publishes(await mine.received()), publishes(await other.received())], [[], []], 'a wildcard is not this filter')
})

test('a module has a filter and topics of its own [azure-wire 2.6]', async () => {
  const { hub, connect, proof, applyPolicy, journal } = gateway()
  const module = id('pump-1')
  const { of } = proof
  const identity = `${module}/m1` as DeviceId
  proof.of = (device, clientId) => ({ ...of(device, clientId), device: identity, subject: { ...of(device, clientId).subject, identity } })
  applyPolicy(() => ({ connect: () => 'r', publish: () => 'r', subscribe: () => 'r', receive: () => 'r' }))
  const client = connect('pump-1', { clientId: 'pump-1/m1' })
  client.subscribe('devices/pump-1/modules/m1/inputs/#', 1)
  client.subscribe('devices/pump-1/modules/m1/messages/devicebound/#', 1)
  hub.enqueue(pump, { body: 'for the device' })
  hub.enqueue(identity, { body: 'for the module' })
  journal.flush()
  await turns()
  assert.deepEqual(
    publishes(await client.received()).map(({ topic, payload }) => [topic, payload.toString()]),
    [['devices/pump-1/modules/m1/messages/devicebound/', 'for the module']],
  )
})

test('at QoS 0 a message is complete when it was sent [azure-wire 2.8]', async () => {
  const { hub, messages } = await listening({ qos: 0 })
  hub.enqueue(pump, { body: 'a' })
  hub.enqueue(pump, { body: 'b' })
  assert.deepEqual(
    (await messages()).map(({ payload, qos }) => [payload.toString(), qos]),
    [
      ['a', 0],
      ['b', 0],
    ],
  )
  assert.equal(hub.messages.count(pump), 0)
})

test('what was not answered goes back when the connection ends, and comes again: DUP in a resumed session, not in a new one [azure-wire 2.8]', async () => {
  const { hub, messages, client, connect, journal } = await listening()
  hub.enqueue(pump, { body: 'a' })
  await messages()
  client.connection.lost()
  assert.deepEqual(hub.log.slice(1), ['pump-1 unlock-written 1', 'pump-1 disconnected'])
  const resumed = connect('pump-1', { cleanStart: false })
  journal.flush()
  await turns()
  const [again] = publishes(await resumed.received())
  assert.deepEqual([again?.payload.toString(), again?.dup], ['a', true])
  resumed.connection.lost()
  const fresh = connect('pump-1')
  fresh.subscribe(filter, 1)
  journal.flush()
  await turns()
  const [third] = publishes(await fresh.received())
  assert.deepEqual([third?.payload.toString(), third?.dup], ['a', false])
})

test('a client that came and went while its message was fetched has not been sent it: the lock is given back uncounted', async () => {
  const { hub, client } = await listening()
  hub.enqueue(pump)
  client.connection.lost()
  await turns()
  assert.deepEqual(hub.log.slice(1), ['pump-1 disconnected', 'pump-1 unlock 1'])
})

test('the window of the client holds: no more are under way than it takes, and none are locked that wait [MQTT-4.9.0-1]', async () => {
  const { hub, messages, acknowledge } = await listening({ version: 5, receiveMaximum: 2 })
  for (let i = 1; i <= 5; i++) hub.enqueue(pump, { body: String(i) })
  const [first, second, ...more] = await messages()
  assert.deepEqual([first?.payload.toString(), second?.payload.toString(), more.length], ['1', '2', 0])
  assert.equal((await hub.messages.receive(pump))?.sequenceNumber, 3, 'the third was not locked')
  acknowledge(first?.packetId)
  const [fourth] = await messages()
  assert.equal(fourth?.payload.toString(), '4')
})

test('a slow reader is sent nothing until its socket takes bytes again', async () => {
  const { hub, messages, client } = await listening()
  client.transport.bufferedBytes = 10_000_000
  for (let i = 1; i <= 50; i++) hub.enqueue(pump, { body: 'x'.repeat(60_000) })
  assert.deepEqual(await messages(), [])
  client.connection.wake()
  assert.deepEqual(await messages(), [])
  client.transport.bufferedBytes = 0
  client.connection.wake()
  await turns(200)
  assert.equal((await messages()).length > 0, true)
})

test('an MQTT 5 client rejects a message by an error in PUBACK; one larger than it takes is rejected for it', async () => {
  const { hub, messages, acknowledge } = await listening({ version: 5, maximumPacketSize: 200 })
  hub.enqueue(pump, { body: 'bad' })
  hub.enqueue(pump, { body: 'x'.repeat(300) })
  const [bad, ...more] = await messages()
  assert.equal(more.length, 0)
  acknowledge(bad?.packetId, 0x99)
  await turns()
  assert.deepEqual(hub.log.slice(1), ['pump-1 reject 2', 'pump-1 reject 1'])
})

test('properties that fit in no topic dead-letter the message, and the next one comes', async () => {
  const { hub, messages } = await listening()
  hub.enqueue(pump, { properties: { big: '\u0001'.repeat(30_000) } })
  hub.enqueue(pump, { body: 'next' })
  assert.deepEqual(
    (await messages()).map(({ payload }) => payload.toString()),
    ['next'],
  )
  assert.equal(hub.log[1], 'pump-1 reject 1')
})

test('a PUBACK for a lock that was lost meanwhile changes nothing; the message comes again under another identifier', async () => {
  const { hub, messages, acknowledge } = await listening()
  hub.enqueue(pump, { body: 'a' })
  const [first] = await messages()
  // The lock ends.
  await hub.messages.settle(pump, 'lock/1', 'abandon')
  const [second] = await messages()
  assert.notEqual(first?.packetId, second?.packetId)
  acknowledge(second?.packetId)
  acknowledge(first?.packetId)
  await turns()
  assert.equal(hub.messages.count(pump), 0)
})

test('a client that unsubscribes gets no more, and what is under way goes back', async () => {
  const { hub, client, messages, journal } = await listening()
  hub.enqueue(pump)
  await messages()
  client.send({ type: 'unsubscribe', packetId: 3, filters: [filter] })
  journal.flush()
  assert.equal(hub.log.at(-1), 'pump-1 unlock-written 1')
  hub.enqueue(pump)
  assert.deepEqual(await messages(), [])
})
