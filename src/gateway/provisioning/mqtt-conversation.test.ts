import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MqttPacket, type PublishPacket, type Subscription, encode, reasonCodes } from '#wire/mqtt'
import { freeTicket } from '../admission.ts'
import { pollTopic, registerTopic, registering, turns } from './scene.test.ts'

const body = (id: string, more: object = {}) => JSON.stringify({ registrationId: id, ...more })

/** Packets in short: their types, of a PUBLISH topic and body, of the rest codes. */
const inShort = (packets: readonly MqttPacket[]) =>
  packets.map((packet) => {
    if (packet.type === 'publish') return `${packet.topic} ${packet.payload.toString('latin1')}`
    if (packet.type === 'suback' || packet.type === 'unsuback') return `${packet.type} ${packet.reasonCodes.join()}`
    return 'reasonCode' in packet ? `${packet.type} ${packet.reasonCode}` : packet.type
  })

const errorCodeOf = (packet: MqttPacket | undefined) =>
  packet?.type === 'publish' ? [/res\/(\d+)\//.exec(packet.topic)?.[1], JSON.parse(packet.payload.toString()).errorCode] : packet

test('a device registers by its key as in azure-wire 6.2 and 12.2: PUBACK, then the answer, in ASCII', async () => {
  const world = registering()
  const device = await world.connect('d1')
  assert.deepEqual(inShort(await device.received()), ['connack 0'])
  assert.equal(device.transport.known, true)
  device.subscribe()
  assert.deepEqual(inShort(await device.received()), ['suback 1'])
  device.publish(registerTopic, body('d1', { payload: { modelId: 'x' } }))
  assert.deepEqual(inShort(await device.received()), [
    'puback 0',
    '$dps/registrations/res/202/?$rid=r-1&retry-after=3 {"operationId":"op-d1","status":"assigning"}',
  ])
  assert.deepEqual(world.provisioning.registered, [
    { id: 'd1', request: { payload: { modelId: 'x' }, csr: undefined, apiVersion: '2019-03-31' } },
  ])
  device.publish(`${pollTopic}op-d1`.replace('op-op-', 'op-'), ' ')
  assert.deepEqual(
    inShort(await device.received())[1],
    '$dps/registrations/res/202/?$rid=r-2&retry-after=2 {"operationId":"op-d1","status":"assigning"}',
  )
  device.publish(`${pollTopic}d1`, ' ')
  const [, last] = inShort(await device.received())
  assert.match(last ?? '', /^\$dps\/registrations\/res\/200\/\?\$rid=r-2 \{"operationId":"op-d1","status":"assigned"/)
  assert.match(last ?? '', /"f\\u00fcr \\u20ac\\ud834\\udd1e"/)
  device.send({ type: 'unsubscribe', packetId: 9, filters: ['$dps/registrations/res/#'] })
  device.send({ type: 'disconnect', reasonCode: 0 })
  assert.deepEqual(inShort(await device.received()), ['unsuback '])
  assert.equal(device.transport.state, 'ended')
  assert.equal(world.desk.registering.size, 0)
})

test('a device that registers has no session, is no connection of the hub, and nothing of it reaches the broker', async () => {
  const world = registering()
  const device = await world.connect('x1', { cleanStart: false })
  device.subscribe()
  device.publish(registerTopic, body('x1'))
  const [connack] = await device.received()
  assert.ok(connack?.type === 'connack' && !connack.sessionPresent && connack.reasonCode === 0)
  assert.equal(world.desk.open, 0)
  assert.deepEqual([...world.desk.live()], [])
  assert.equal(world.facts().length, 0)
  assert.equal(device.connection.isOpen, false)
  assert.equal(world.desk.registering.size, 1)
})

const refusals: readonly {
  readonly name: string
  readonly id: string
  readonly more?: object
  readonly code: number
  readonly fact: string
}[] = [
  { name: 'a device that nobody knows', id: 'nobody', code: 0x87, fact: 'provisioning/unauthorized' },
  { name: 'a key that is another', id: 'd1', more: { password: Buffer.from('WRONG') }, code: 0x87, fact: 'provisioning/unauthorized' },
  { name: 'a text that is no token', id: 'd1', more: { password: Buffer.from('hello') }, code: 0x87, fact: 'provisioning/unauthorized' },
  { name: 'another id scope', id: 'd1', more: { scope: '0ne11111111' }, code: 0x87, fact: 'provisioning/unauthorized' },
  { name: 'another client identifier', id: 'd1', more: { clientId: 'd2' }, code: 0x85, fact: 'gateway/registration-client-id' },
  {
    name: 'a will',
    id: 'd1',
    more: { will: { topic: 'devices/d1/messages/events/', payload: Buffer.from('x'), qos: 0, retain: false } },
    code: 0x87,
    fact: 'gateway/registration-denied',
  },
]
for (const { name, id, more = {}, code, fact } of refusals)
  for (const version of [4, 5] as const)
    test(`MQTT ${version}: ${name} is refused, recorded and counted (azure-wire 6.2, 7.4)`, async () => {
      const world = registering()
      let denied = 0
      const ticket = { ...freeTicket, denied: () => ((denied += 1), 250) }
      const { scope, password, ...rest } = { scope: undefined, password: undefined, ...more }
      const wrong =
        Buffer.isBuffer(password) && String(password) === 'WRONG'
          ? Buffer.from(world.provisioning.token(id, Buffer.alloc(32, 9)))
          : password
      const named = scope === undefined ? {} : { username: world.userName(id, String(scope)) }
      const device = await world.connect(id, { version, ...rest, ...named, ...(wrong === undefined ? {} : { password: wrong }) }, ticket)
      assert.deepEqual(await device.received(), [], 'who guesses waits')
      world.clock.advance(250)
      const [connack] = await device.received()
      assert.ok(connack?.type === 'connack')
      const spoken = version === 5 ? code : code === 0x85 ? reasonCodes['client-identifier-not-valid'] : reasonCodes['not-authorized']
      assert.equal(connack.reasonCode, spoken)
      assert.equal(device.transport.state, 'ended')
      assert.equal(device.transport.known, false)
      assert.equal(denied, 1)
      assert.deepEqual([...world.desk.counters.refused], [[fact, 1]])
      assert.equal(world.desk.registering.size, 0)
    })

test('too many attempts are told to come later (CONNACK 3), not that their credential is wrong', async () => {
  const world = registering()
  Object.assign(world.provisioning, {
    authenticate: async () => ({ ok: false, error: { code: 'provisioning/too-many-attempts', message: 'Later.' } }),
  })
  const device = await world.connect('d1')
  const [connack] = await device.received()
  assert.ok(connack?.type === 'connack')
  assert.notEqual(connack.reasonCode, reasonCodes['not-authorized'])
})

test('a user name of a module of the device `registrations` is for the hub', async () => {
  const world = registering()
  await world.connect('d1', { username: 'hub.example/registrations/m/api-version=2021-04-12' })
  assert.equal(world.provisioning.claims.length, 0)
})

const one = (filter: string): Subscription => ({ filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 })
const message = (topic: string, more: Partial<PublishPacket> = {}): PublishPacket => ({
  type: 'publish',
  topic,
  payload: Buffer.from(body('d1')),
  qos: 1,
  packetId: 3,
  retain: false,
  dup: false,
  ...more,
})
const ends: readonly { readonly name: string; readonly packet: MqttPacket; readonly code: number }[] = [
  ...(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const).map((type) => ({
    name: type,
    packet: { type, packetId: 1, reasonCode: 0 },
    code: reasonCodes['protocol-error'],
  })),
  {
    name: 'a second CONNECT',
    packet: { type: 'connect', version: 5, clientId: 'd1', cleanStart: true, keepAliveSeconds: 1 },
    code: reasonCodes['protocol-error'],
  },
  {
    name: 'AUTH',
    packet: { type: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'x' } },
    code: reasonCodes['protocol-error'],
  },
  { name: 'QoS 2', packet: message(registerTopic, { qos: 2 }), code: reasonCodes['qos-not-supported'] },
  { name: 'a retained message', packet: message(registerTopic, { retain: true }), code: reasonCodes['retain-not-supported'] },
  { name: 'a topic alias', packet: message(registerTopic, { properties: { topicAlias: 1 } }), code: reasonCodes['topic-alias-invalid'] },
  ...[
    'devices/d1/messages/events/',
    '$iothub/twin/GET/?$rid=1',
    '$iothub/twin/PATCH/properties/reported/?$rid=1',
    '$dps/registrations/res/200/?$rid=1',
    '$dps/registrations/PUT/iotdps-register/',
    '$dps/registrations/PUT/iotdps-register/?$rid=',
    `$dps/registrations/PUT/iotdps-register/?$rid=${'x'.repeat(129)}`,
    '$dps/registrations/DELETE/iotdps-register/?$rid=1',
    '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1',
    '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=',
    '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=%ff',
    `$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=${'o'.repeat(257)}`,
    '$dps/registrations/GET/iotdps-get-operationstatus/?operationId=op-d1',
    '$SYS/x',
    'anything',
  ].map((topic) => ({ name: `PUBLISH to ${topic.slice(0, 80)}`, packet: message(topic), code: reasonCodes['not-authorized'] })),
]
for (const { name, packet, code } of ends)
  for (const version of [4, 5] as const) {
    if (version === 4 && (name === 'AUTH' || name === 'a topic alias')) continue
    test(`MQTT ${version}: ${name} ends the conversation, and nothing is done`, async () => {
      const world = registering()
      const device = await world.connect('d1', { version })
      device.subscribe()
      await device.received()
      device.send(packet.type === 'connect' ? { ...packet, version } : packet)
      const packets = await device.received()
      if (version === 4) assert.deepEqual(packets, [])
      else assert.deepEqual(inShort(packets), [`disconnect ${code}`])
      assert.equal(device.transport.state, 'ended')
      assert.equal(world.provisioning.registered.length, 0)
      assert.equal(world.desk.registering.size, 0)
      device.publish(registerTopic, body('d1'))
      assert.deepEqual(await device.received(), [])
      assert.equal(world.provisioning.registered.length, 0)
    })
  }

test('what is published before the subscription is not done', async () => {
  const world = registering()
  const device = await world.connect('d1')
  device.publish(registerTopic, body('d1'))
  await device.received()
  assert.equal(device.transport.state, 'ended')
  assert.equal(world.provisioning.registered.length, 0)
})

for (const filter of [
  '#',
  '$dps/#',
  '$dps/registrations/+/#',
  'devices/d1/messages/devicebound/#',
  '$iothub/methods/POST/#',
  '$share/g/$dps/registrations/res/#',
])
  test(`SUBSCRIBE to ${filter} is refused, and the conversation goes on (azure-wire 6.2)`, async () => {
    const world = registering()
    const device = await world.connect('d1', { version: 5 })
    await device.received()
    device.send({ type: 'subscribe', packetId: 2, subscriptions: [one(filter), one('$dps/registrations/res/#')] })
    assert.deepEqual(inShort(await device.received()), ['suback 135,1'])
    device.publish(registerTopic, body('d1'))
    assert.equal((await device.received()).length, 2)
  })

const badBodies: readonly (readonly [name: string, body: string])[] = [
  ['nothing', ''],
  ['a space', ' '],
  ['no JSON', '{"registrationId":'],
  ['a list', '["d1"]'],
  ['null', 'null'],
  ['a text', '"d1"'],
  ['no id', '{}'],
  ['another id', '{"registrationId":"d2"}'],
  ['an id that is no text', '{"registrationId":["d1"]}'],
  ['a key that pollutes', '{"registrationId":"d1","payload":{"__proto__":{"x":1}}}'],
  ['too deep', `{"registrationId":"d1","payload":${'['.repeat(100)}${']'.repeat(100)}}`],
  ['a csr that is no text', '{"registrationId":"d1","csr":5}'],
  ['a csr that is no base64', '{"registrationId":"d1","csr":"-----BEGIN"}'],
  ['an empty csr', '{"registrationId":"d1","csr":""}'],
  ['a csr that is too large', `{"registrationId":"d1","csr":"${Buffer.alloc(9_000).toString('base64')}"}`],
]
for (const [name, text] of badBodies)
  test(`a body with ${name} is answered 400, and the conversation goes on (azure-wire 6.6)`, async () => {
    const world = registering()
    const device = await world.connect('d1')
    device.subscribe()
    await device.received()
    device.publish(registerTopic, text)
    const [puback, answer] = await device.received()
    assert.equal(puback?.type, 'puback')
    assert.deepEqual(errorCodeOf(answer), ['400', 400_000])
    assert.equal(world.provisioning.registered.length, 0)
    device.publish(registerTopic, body('D1'))
    assert.equal(world.provisioning.registered.length, 1, 'ids compare without regard to case')
  })

test('an operation of somebody else is 404; what broke is 500, to come again, and told to the log', async () => {
  const world = registering()
  const device = await world.connect('d1')
  device.subscribe()
  await device.received()
  device.publish('$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=op-x1', ' ', { qos: 0, packetId: undefined })
  assert.deepEqual((await device.received()).map(errorCodeOf), [['404', 404_202]])
  world.provisioning.broken = new Error('the disk is gone')
  device.publish(registerTopic, body('d1'))
  const [, answer] = await device.received()
  assert.deepEqual(errorCodeOf(answer), ['500', 500_000])
  assert.ok(answer?.type === 'publish' && answer.topic.endsWith('&retry-after=3') && !answer.payload.toString().includes('disk'))
  assert.equal(world.troubles.length, 1)
})

test('while a request is worked on nothing is read; who asks too often is told 429 and to wait', async () => {
  const world = registering()
  const device = await world.connect('d1')
  device.subscribe()
  await device.received()
  const request = encode(message(registerTopic), 4)
  device.connection.receive(Buffer.concat(Array.from({ length: 30 }, () => request)))
  assert.equal(world.provisioning.registered.length, 1)
  assert.equal(device.transport.paused, true)
  await turns(500)
  const answers = (await device.received()).filter(({ type }) => type === 'publish')
  assert.equal(world.provisioning.registered.length, 20)
  assert.equal(answers.length, 30)
  assert.deepEqual(errorCodeOf(answers[29]), ['429', 429_001])
  assert.equal(device.transport.paused, false)
})

test('a conversation ends after ten minutes, with its proof, with silence, and with so many packets', async () => {
  const limits = [
    { name: 'ten minutes', waitMs: 600_001, proofMs: 3_600_000 },
    { name: 'the proof', waitMs: 60_001, proofMs: 60_000 },
  ]
  for (const { name, waitMs, proofMs } of limits) {
    const world = registering()
    world.provisioning.proofMs = proofMs
    const device = await world.connect('d1', { version: 5 })
    device.subscribe()
    await device.received()
    world.clock.advance(waitMs)
    world.desk.tick = world.clock.monotonic()
    device.send({ type: 'pingreq' })
    for (const one of world.desk.registering) one.sweep(world.clock.monotonic())
    assert.equal((await device.received()).at(-1)?.type, 'disconnect', name)
    assert.equal(device.transport.state, 'ended', name)
  }
  const world = registering()
  const silent = await world.connect('d1', { keepAliveSeconds: 10 })
  for (const one of world.desk.registering) one.sweep(world.clock.monotonic() + 15_001)
  assert.equal(silent.transport.state, 'ended')
  const busy = await world.connect('d1')
  for (let n = 0; n < 2_000; n++) busy.send({ type: 'pingreq' })
  assert.equal(busy.transport.state, 'open')
  busy.send({ type: 'pingreq' })
  assert.equal(busy.transport.state, 'ended')
})

test('a device that takes nothing is cut off, and one whose connection is lost is forgotten', async () => {
  const world = registering()
  const slow = await world.connect('d1')
  slow.transport.bufferedBytes = 1_000_000
  slow.send({ type: 'pingreq' })
  assert.equal(slow.transport.state, 'destroyed')
  assert.equal(world.desk.registering.size, 0)
})

test('MQTT 5 is told what there is not; more than the client takes is not sent [MQTT-3.1.2-24]', async () => {
  const world = registering()
  const device = await world.connect('d1', {
    version: 5,
    keepAliveSeconds: 0,
    properties: { sessionExpiryInterval: 60, maximumPacketSize: 60 },
  })
  const [connack] = await device.received()
  assert.ok(connack?.type === 'connack')
  const { maximumQos, retainAvailable, sessionExpiryInterval, serverKeepAlive } = connack.properties ?? {}
  assert.deepEqual(
    { maximumQos, retainAvailable, sessionExpiryInterval },
    { maximumQos: 1, retainAvailable: false, sessionExpiryInterval: 0 },
  )
  assert.ok((serverKeepAlive ?? 0) > 0)
  device.subscribe()
  device.publish(registerTopic, body('d1'))
  assert.deepEqual(inShort(await device.received()).slice(1), [`disconnect ${reasonCodes['packet-too-large']}`])
})
