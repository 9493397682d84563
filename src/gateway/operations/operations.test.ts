import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceId, parseDeviceId } from '#base'
import type { MqttPacket } from '#wire/mqtt'
import { twinWith } from '../../../test/fake-gateway-hub.ts'
import { allowing, gateway, turns } from '../gateway-scene.test.ts'
import { maxOperations } from './operations.ts'

const id = (text: string): DeviceId => {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}
const pump = id('pump-1')

const published = (packets: readonly MqttPacket[]) =>
  packets.flatMap((packet) =>
    packet.type === 'publish' ? [{ topic: packet.topic, body: packet.payload.toString(), qos: packet.qos }] : [],
  )

const responses = '$iothub/twin/res/#'
const desired = '$iothub/twin/PATCH/properties/desired/#'
const methods = '$iothub/methods/POST/#'
const get = (rid: string) => `$iothub/twin/GET/?$rid=${rid}`
const patch = (rid: string, more = '') => `$iothub/twin/PATCH/properties/reported/?$rid=${rid}${more}`

test('a device reads its twin: both sections with their versions, no tags, and its request id byte for byte [azure-wire 2.9]', async () => {
  const { hub, connect, journal } = gateway()
  hub.twinOf.set(pump, twinWith(pump, { telemetryInterval: 5 }, { fw: '1.2' }))
  const client = connect('pump-1')
  client.subscribe(responses, 0)
  await client.received()
  const before = journal.records.length
  client.publish(get('%22q%22'), 0, undefined, { payload: Buffer.from(' ') })
  await turns()
  assert.deepEqual(published(await client.received()), [
    {
      topic: '$iothub/twin/res/200/?$rid=%22q%22',
      body: '{"desired":{"telemetryInterval":5,"$version":12},"reported":{"fw":"1.2","$version":7}}',
      qos: 0,
    },
  ])
  assert.equal(journal.records.length, before, 'it is no telemetry')
})

test('a device that asks before it listens gets no answer, nor does another that listens [azure-wire 2.9]', async () => {
  const { hub, connect } = gateway()
  hub.twinOf.set(pump, twinWith(pump, {}, {}))
  const other = connect('pump-2')
  other.subscribe(responses, 0)
  const client = connect('pump-1')
  client.publish(get('1'), 0, undefined)
  await turns()
  assert.equal(hub.mostPending, 0, 'nothing is read for nobody')
  client.subscribe(responses, 0)
  client.publish(get('2'), 0, undefined)
  await turns()
  assert.deepEqual(
    published(await client.received()).map(({ topic }) => topic),
    ['$iothub/twin/res/200/?$rid=2'],
  )
  assert.deepEqual(published(await other.received()), [])
})

test('a device reports: 204 and the new version, and the version that it named is heeded [azure-wire 2.9]', async () => {
  const { hub, connect } = gateway()
  const client = connect('pump-1')
  client.subscribe(responses, 0)
  client.publish(patch('a'), 0, undefined, { payload: Buffer.from('{"b":2,"c":null}') })
  client.publish(patch('b', '&$version=2'), 0, undefined, { payload: Buffer.from('{}') })
  await turns()
  assert.deepEqual(
    published(await client.received()).map(({ topic, body }) => topic + body),
    ['$iothub/twin/res/204/?$rid=a&$version=2', '$iothub/twin/res/204/?$rid=b&$version=3'],
  )
  assert.deepEqual(hub.reported, [
    { identity: pump, patch: { b: 2, c: null }, ifVersion: undefined },
    { identity: pump, patch: {}, ifVersion: 2 },
  ])
})

for (const [what, payload, status, code] of [
  ['no JSON', Buffer.from('{"a":'), 400, 400_012],
  ['nothing', Buffer.alloc(0), 400, 400_012],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400, 400_012],
  ['depth without end', Buffer.from('['.repeat(500)), 400, undefined],
  ['a prototype', Buffer.from('{"__proto__":{"x":1}}'), 400, undefined],
] as const) {
  test(`a reported patch of ${what} is refused with a body that has errorCode, which Node needs to see an error [azure-wire 2.9]`, async () => {
    const { hub, connect } = gateway()
    const client = connect('pump-1')
    client.subscribe(responses, 0)
    client.publish(patch('a'), 0, undefined, { payload })
    await turns()
    const [answer] = published(await client.received())
    assert.equal(answer?.topic, `$iothub/twin/res/${status}/?$rid=a`)
    const body: Record<string, unknown> = JSON.parse(answer.body)
    assert.deepEqual(Object.keys(body), ['errorCode', 'message', 'trackingId', 'timestampUtc'])
    assert.equal(Math.floor(Number(body['errorCode']) / 1000), 400)
    if (code !== undefined) assert.equal(body['errorCode'], code)
    assert.deepEqual(hub.reported, [])
  })
}

test('what the hub refuses, and what breaks, is an error to the device; the connection stays', async () => {
  const { hub, connect } = gateway()
  const client = connect('pump-1')
  client.subscribe(responses, 0)
  hub.refusal = { code: 'hub/twin-version-differs', message: 'Another version.' }
  client.publish(patch('a', '&$version=9'), 0, undefined, { payload: Buffer.from('{}') })
  client.publish(get('b'), 0, undefined)
  await turns()
  hub.twinFault = new Error('the disk is gone')
  client.publish(get('c'), 0, undefined)
  await turns()
  const answers = published(await client.received())
  assert.deepEqual(
    answers.map(({ topic }) => topic),
    ['$iothub/twin/res/412/?$rid=a', '$iothub/twin/res/404/?$rid=b', '$iothub/twin/res/500/?$rid=c'],
  )
  assert.ok(!answers.some(({ body }) => body.includes('disk')), 'what broke is ours to know')
  assert.equal(client.transport.state, 'open')
})

test('a change of desired properties goes to the connection of that device that listens, and to nobody else [azure-wire 2.9]', async () => {
  const { hub, connect } = gateway()
  const [client, deaf, other] = [connect('pump-1'), connect('pump-1', { clientId: 'deaf' }), connect('pump-2')]
  client.subscribe(desired, 0)
  other.subscribe(desired, 0)
  for (const one of [client, deaf, other]) await one.received()
  hub.desire({ identity: pump, version: 3, body: { a: 3, b: null } })
  assert.deepEqual(published(await client.received()), [
    { topic: '$iothub/twin/PATCH/properties/desired/?$version=3', body: '{"a":3,"b":null,"$version":3}', qos: 0 },
  ])
  assert.deepEqual([published(await deaf.received()), published(await other.received())], [[], []])
  client.send({ type: 'unsubscribe', packetId: 2, filters: [desired] })
  hub.desire({ identity: pump, version: 4, body: {} })
  assert.deepEqual(published(await client.received()), [])
})

test('a method is called while the client listens, and its answer goes to who called; a client that leaves is detached [azure-wire 2.12]', async () => {
  const { hub, connect, journal } = gateway()
  const client = connect('pump-1')
  assert.equal(hub.methods.isReachable(pump), false)
  client.subscribe(methods, 0)
  const [link] = hub.links.get(pump) ?? []
  assert.ok(link !== undefined)
  await client.received()
  link.call('1f', 'reboot', '{"x":1}')
  assert.deepEqual(published(await client.received()), [{ topic: '$iothub/methods/POST/reboot/?$rid=1f', body: '{"x":1}', qos: 0 }])
  client.publish('$iothub/methods/res/200/?$rid=1f', 0, undefined, { payload: Buffer.from('{"ok":true}') })
  client.publish('$iothub/methods/res/-7/?$rid=2', 1, 9, { payload: Buffer.alloc(0) })
  assert.deepEqual(hub.answers, [
    { rid: '1f', status: 200, body: '{"ok":true}' },
    { rid: '2', status: -7, body: '' },
  ])
  journal.flush()
  assert.deepEqual(
    (await client.received()).map(({ type }) => type),
    ['puback'],
  )
  client.connection.lost()
  assert.equal(hub.methods.isReachable(pump), false)
})

test('a session that is resumed without a word is served as before: twins, desired properties, methods [azure-wire 2.3 rule 2, M5]', async () => {
  const { hub, connect, journal } = gateway()
  hub.twinOf.set(pump, twinWith(pump, {}, {}))
  const first = connect('pump-1', { cleanStart: false })
  for (const filter of [responses, desired, methods]) first.subscribe(filter, 0)
  journal.flush()
  first.send({ type: 'disconnect', reasonCode: 0 })
  assert.equal(hub.methods.isReachable(pump), false)
  const again = connect('pump-1', { cleanStart: false })
  await again.received()
  assert.equal(hub.methods.isReachable(pump), true)
  hub.desire({ identity: pump, version: 5, body: {} })
  again.publish(get('1'), 0, undefined)
  hub.links.get(pump)?.[0]?.call('1', 'm', 'null')
  await turns()
  assert.deepEqual(
    published(await again.received())
      .map(({ topic }) => topic.split('/?')[0])
      .toSorted((one, other) => (one ?? '').localeCompare(other ?? '')),
    ['$iothub/methods/POST/m', '$iothub/twin/PATCH/properties/desired', '$iothub/twin/res/200'],
  )
})

test('a request at QoS 1 is acknowledged when it is done, and after what was published before it [MQTT-4.6.0-2]', async () => {
  const { hub, connect, journal } = gateway()
  hub.holdsTwins = true
  const client = connect('pump-1')
  client.subscribe(responses, 0)
  await client.received()
  client.publish('devices/pump-1/messages/events/', 1, 5)
  client.publish(patch('a'), 1, 6, { payload: Buffer.from('{}') })
  client.publish('devices/pump-1/messages/events/', 1, 7)
  assert.ok(client.transport.paused, 'what comes after it is not read')
  hub.release()
  await turns()
  assert.deepEqual(
    (await client.received()).map(({ type }) => type),
    ['publish'],
  )
  journal.flush()
  const acks = (await client.received()).flatMap((packet) => (packet.type === 'puback' ? [packet.packetId] : []))
  assert.deepEqual(acks, [5, 6, 7])
})

test('a request at QoS 2 is done once, however often its PUBLISH comes [MQTT-4.3.3-10]', async () => {
  const { hub, connect, journal } = gateway()
  const client = connect('pump-1', { version: 5 })
  for (let i = 0; i < 3; i++) {
    client.publish(patch('a'), 2, 6, { payload: Buffer.from('{}') })
    await turns()
  }
  journal.flush()
  assert.equal(hub.reported.length, 1)
  client.send({ type: 'pubrel', packetId: 6, reasonCode: 0 })
  assert.deepEqual(
    (await client.received()).slice(1).map(({ type }) => type),
    ['pubrec', 'pubrec', 'pubrec', 'pubcomp'],
  )
})

test('topics under $iothub that no device has are refused, recorded, and never telemetry, whatever the policy is', async () => {
  const { hub, connect, journal, facts, applyPolicy } = gateway()
  const foreign = [
    '$iothub/twin/res/200/?$rid=1',
    '$iothub/methods/POST/reboot/?$rid=1',
    '$iothub/x',
    '$iothub/twin/GET/',
    '$iothub/twin/PATCH/properties/desired/?$version=2',
  ]
  const listener = connect('pump-2')
  for (const filter of [responses, desired, methods]) listener.subscribe(filter, 0)
  const client = connect('pump-1')
  for (const [at, topic] of foreign.entries()) client.publish(topic, 1, at + 1)
  journal.flush()
  await turns()
  applyPolicy(() => allowing([...foreign, 'devices/pump-2/#'], [responses, desired, methods], [responses, desired, methods]))
  for (const [at, topic] of foreign.entries()) client.publish(topic, 1, at + 10)
  journal.flush()
  await turns()
  assert.equal(facts().filter(({ kind }) => kind === 'telemetry').length, 0)
  assert.equal(facts().filter((fact) => fact.kind === 'denied' && fact.topic.startsWith('$iothub/')).length, foreign.length)
  assert.deepEqual(published(await listener.received()), [])
  assert.deepEqual([hub.answers, hub.reported], [[], []])
})

test('an operation that the policy does not allow is not done', async () => {
  const { hub, connect, applyPolicy } = gateway()
  hub.twinOf.set(pump, twinWith(pump, {}, {}))
  const client = connect('pump-1')
  client.subscribe(responses, 0)
  await client.received()
  applyPolicy(() => allowing([], [responses]))
  client.publish(get('1'), 0, undefined)
  client.publish(patch('2'), 0, undefined, { payload: Buffer.from('{}') })
  await turns()
  assert.deepEqual([published(await client.received()), hub.reported], [[], []])
})

test('a will on one of these topics refuses the CONNECT [azure-wire 2.5]', async () => {
  const { connect } = gateway()
  const will = { topic: '$iothub/methods/res/200/?$rid=1', payload: Buffer.from('x'), qos: 0, retain: false } as const
  const [connack] = await connect('pump-1', { will }).received()
  assert.ok(connack?.type === 'connack' && connack.reasonCode !== 0)
})

test(`100,000 requests at once: ${maxOperations} are worked on, the client is not read meanwhile, and each is answered`, async () => {
  const { hub, connect } = gateway()
  hub.twinOf.set(pump, twinWith(pump, {}, {}))
  hub.holdsTwins = true
  const client = connect('pump-1')
  client.subscribe(responses, 0)
  await client.received()
  let answers = 0
  for (let i = 0; i < 1_000; i++) client.publish(get(String(i)), 0, undefined)
  assert.ok(client.transport.paused)
  assert.equal(hub.pending, maxOperations)
  for (let i = 1_000; i < 100_000; i++) if (!client.transport.paused) client.publish(get(String(i)), 0, undefined)
  hub.holdsTwins = false
  hub.release()
  for (let i = 0; i < 2_000 && answers < 1_000; i++) {
    await turns()
    answers += published(await client.received()).length
  }
  assert.equal(answers, 1_000)
  assert.equal(hub.mostPending, maxOperations)
  assert.ok(!client.transport.paused)
})

test('a client that takes nothing costs no memory: what it asks for is dropped and counted, and its connection ends when it goes on', async () => {
  const { hub, connect, desk } = gateway()
  hub.twinOf.set(pump, twinWith(pump, { big: 'x'.repeat(4_000) }, {}))
  const client = connect('pump-1')
  client.subscribe(responses, 0)
  await client.received()
  client.transport.bufferedBytes = 10_000_000
  for (let i = 0; i < 100; i++) {
    client.publish(get(String(i)), 0, undefined)
    await turns()
  }
  assert.deepEqual(
    client.transport.written.filter((bytes) => bytes.length > 1_000),
    [],
  )
  desk.ports.broker.tick()
  assert.ok(desk.counters.messagesDropped > 0)
})

test('presence: connected with the first connection, gone with the last, active when something was said [azure-wire 2.3 rule 9]', async () => {
  const { hub, connect } = gateway()
  const first = connect('pump-1')
  const second = connect('pump-1', { clientId: 'other' })
  first.connection.wake()
  first.publish('devices/pump-1/messages/events/', 0, undefined)
  first.connection.wake()
  first.connection.wake()
  first.connection.lost()
  second.connection.lost()
  assert.deepEqual(hub.log, ['pump-1 connected', 'pump-1 active', 'pump-1 disconnected'])
})

test('the model that a client says it has is told; an identity that is not registered is not present', async () => {
  const { hub, connect, proof } = gateway()
  const { of } = proof
  proof.of = (device, clientId) => ({ ...of(device, clientId), modelId: 'dtmi:com:example:T;1' })
  connect('pump-1').connection.lost()
  proof.of = (device, clientId) => ({ ...of(device, clientId), generationId: '' })
  connect('guest').connection.lost()
  assert.deepEqual(hub.log, ['pump-1 connected', 'pump-1 is dtmi:com:example:T;1', 'pump-1 disconnected'])
})

test('one connection for an identity in the form of IoT Hub, by whichever protocol; plain clients are left alone [azure-wire 2.3 rule 1]', async () => {
  const { connect, proof, desk } = gateway({ limits: { connectionsPerIdentity: 3 } })
  const plain = connect('pump-1', { clientId: 'plain' })
  const { of } = proof
  proof.of = (device, clientId) => ({ ...of(device, clientId), mode: 'azure' })
  const old = connect('pump-1', { clientId: 'pump-1' })
  const fresh = connect('pump-1', { clientId: 'pump-1' })
  assert.deepEqual([old.transport.state, fresh.transport.state, plain.transport.state], ['ended', 'open', 'open'])
  const elsewhere = connect('pump-1', { clientId: 'elsewhere' })
  assert.deepEqual([fresh.transport.state, elsewhere.transport.state, plain.transport.state], ['ended', 'open', 'open'])
  assert.equal(desk.of(pump).size, 2)
})
