import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reauthenticated } from '#access'
import { plus } from '#base'
import { type MqttPacket, type PublishPacket, reasonCodes } from '#wire/mqtt'
import { allowing, gateway } from './gateway-scene.test.ts'

type Scene = ReturnType<typeof gateway>
type Client = ReturnType<Scene['connect']>

const published = async (client: Client): Promise<PublishPacket[]> =>
  (await client.received()).filter((packet) => packet.type === 'publish')
const last = async (client: Client): Promise<MqttPacket | undefined> => (await client.received()).at(-1)
const code = (packet: MqttPacket | undefined) => (packet !== undefined && 'reasonCode' in packet ? packet.reasonCode : undefined)
const topic = 'devices/a/some/topic'

test('topic aliases towards the client: named once, then alone, and never more than the client allows [MQTT-3.3.2-9 to -12]', async () => {
  const { connect } = gateway()
  const a = connect('a', { version: 5, properties: { topicAliasMaximum: 2 } })
  a.subscribe('devices/a/#', 0)
  await a.received()
  for (const name of [topic, topic, 'devices/a/other', 'devices/a/third', topic]) a.publish(name, 0, undefined)
  assert.deepEqual(
    (await published(a)).map((packet) => [packet.topic, packet.properties?.topicAlias]),
    [
      [topic, 1],
      ['', 1],
      ['devices/a/other', 2],
      ['devices/a/third', undefined],
      ['', 1],
    ],
  )
})

test('a topic that comes more often takes the alias of one that does not, and the client is told', async () => {
  const { connect } = gateway()
  const a = connect('a', { version: 5, properties: { topicAliasMaximum: 1 } })
  a.subscribe('devices/a/#', 0)
  await a.received()
  for (const name of ['devices/a/once', topic, topic, topic, 'devices/a/once']) a.publish(name, 0, undefined)
  const packets = await published(a)
  const aliases = new Map<number, string>()
  const meant = packets.map(({ topic: name, properties }) => {
    const alias = properties?.topicAlias
    if (alias !== undefined && name !== '') aliases.set(alias, name)
    return name === '' ? aliases.get(alias ?? 0) : name
  })
  assert.deepEqual(meant, ['devices/a/once', topic, topic, topic, 'devices/a/once'])
  assert.ok(packets.slice(1, 4).some((packet) => packet.topic === ''))
})

test('Subscription Identifiers come back with what they matched, and not in 3.1.1', async () => {
  const { connect } = gateway()
  const five = connect('a', { version: 5, clientId: 'five' })
  const four = connect('a', { clientId: 'four' })
  five.subscribe('devices/a/#', 0, { identifier: 77 })
  four.subscribe('devices/a/#', 0)
  for (const client of [five, four]) await client.received()
  five.publish(topic, 0, undefined)
  assert.deepEqual((await published(five))[0]?.properties?.subscriptionIdentifiers, [77])
  assert.equal((await published(four))[0]?.properties, undefined)
})

test('properties are passed on as they are, user properties in order [MQTT-3.3.2-4, -15 to -20]', async () => {
  const { connect } = gateway()
  const a = connect('a', { version: 5 })
  a.subscribe('devices/a/#', 0)
  await a.received()
  const properties = {
    payloadFormatIndicator: 1,
    contentType: 'text/plain',
    responseTopic: 'devices/a/answers',
    correlationData: Buffer.from('id'),
    userProperties: [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
    ],
  } as const
  a.publish(topic, 0, undefined, { properties: { ...properties, topicAlias: 3 } })
  assert.deepEqual((await published(a))[0]?.properties, properties)
})

test('a message that waits expires with its interval; what is left of it goes out with it [MQTT-3.3.2-5, -6]', async () => {
  const { clock, journal, connect } = gateway()
  const stored = { version: 5, cleanStart: false, properties: { sessionExpiryInterval: 600 } } as const
  const away = connect('a', stored)
  away.subscribe('devices/a/#', 1)
  journal.flush()
  away.connection.lost()
  const publisher = connect('a', { version: 5, clientId: 'publisher' })
  publisher.publish(topic, 1, 1, { properties: { messageExpiryInterval: 100 } })
  publisher.publish(topic, 1, 2, { properties: { messageExpiryInterval: 10 } })
  journal.flush()
  clock.advance(30_000)
  const back = connect('a', stored)
  assert.deepEqual(
    (await published(back)).map((packet) => packet.properties?.messageExpiryInterval),
    [70],
  )
})

test('a listener bounds how long messages live', async () => {
  const { clock, journal, connect } = gateway({ limits: { messageExpirySeconds: 60 } })
  const a = connect('a', { version: 5 })
  a.publish('devices/a/kept', 1, 1, { retain: true })
  a.publish('devices/a/long', 1, 2, { retain: true, properties: { messageExpiryInterval: 1_000 } })
  journal.flush()
  await a.received()
  clock.advance(20_000)
  a.subscribe('devices/a/#', 1)
  assert.deepEqual(
    (await published(a)).map((packet) => packet.properties?.messageExpiryInterval),
    [40, 40],
  )
  clock.advance(40_000)
  a.subscribe('devices/a/#', 1)
  assert.deepEqual(await published(a), [])
})

test('CONNACK says what is there: QoS 2, sharing and identifiers without a word, a place for responses when asked', async () => {
  const { connect } = gateway()
  const a = connect('a', { version: 5, properties: { requestResponseInformation: true } })
  const connack = await last(a)
  const properties = connack?.type === 'connack' ? connack.properties : undefined
  assert.equal(properties?.responseInformation, 'devices/a/responses')
  for (const name of ['maximumQos', 'sharedSubscriptionAvailable', 'subscriptionIdentifierAvailable', 'retainAvailable'] as const)
    assert.equal(properties?.[name], undefined)
  const other = await last(connect('a', { version: 5 }))
  assert.equal(other?.type === 'connack' ? other.properties?.responseInformation : 'x', undefined)
})

test('UNSUBSCRIBE says which filters were never there (0x11) [MQTT-3.11.3-2]', async () => {
  const { connect } = gateway()
  const a = connect('a', { version: 5 })
  a.subscribe('devices/a/x', 1)
  await a.received()
  a.send({ type: 'unsubscribe', packetId: 2, filters: ['devices/a/x', 'devices/a/y'] })
  const unsuback = await last(a)
  assert.deepEqual(unsuback?.type === 'unsuback' ? unsuback.reasonCodes : [], [0, 0x11])
})

test('SUBACK and UNSUBACK of a stored session wait for the disk, of another they do not', async () => {
  const { journal, connect } = gateway()
  const stored = connect('a', { version: 5, cleanStart: false, properties: { sessionExpiryInterval: 600 } })
  const brief = connect('a', { version: 5, clientId: 'brief' })
  await stored.received()
  await brief.received()
  const types = async (client: Client) => (await client.received()).map((packet) => packet.type)
  for (const client of [stored, brief]) client.subscribe(topic, 1)
  assert.deepEqual([await types(stored), await types(brief)], [[], ['suback']])
  journal.flush()
  assert.deepEqual(await types(stored), ['suback'])
  for (const client of [stored, brief]) client.send({ type: 'unsubscribe', packetId: 2, filters: [topic] })
  assert.deepEqual([await types(stored), await types(brief)], [[], ['unsuback']])
  journal.flush()
  assert.deepEqual(await types(stored), ['unsuback'])
})

test('DISCONNECT may shorten or lengthen the session, but not keep one that was to end [MQTT-3.14.2-2]', async () => {
  const scene = gateway()
  const keeps = scene.connect('a', { version: 5, clientId: 'keeps', properties: { sessionExpiryInterval: 10 } })
  keeps.send({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 1_000_000 } })
  const ends = scene.connect('a', { version: 5, clientId: 'ends', properties: { sessionExpiryInterval: 10 } })
  ends.send({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } })
  const wrong = scene.connect('a', { version: 5, clientId: 'wrong' })
  wrong.send({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 10 } })
  assert.equal(code(await last(wrong)), reasonCodes['protocol-error'])
  assert.deepEqual(
    [...scene.broker.all()].map((session) => [session.clientId, session.expirySeconds]),
    [['keeps', 3_600]],
  )
})

test('a will of QoS 2 that is retained goes out after its delay, judged by the policy of then', async () => {
  for (const [allowed, kept] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const scene = gateway()
    const will = {
      topic: 'devices/a/gone',
      payload: Buffer.from('x'),
      qos: 2,
      retain: true,
      properties: { willDelayInterval: 30 },
    } as const
    const a = scene.connect('a', { version: 5, will, cleanStart: false, properties: { sessionExpiryInterval: 600 } })
    a.connection.lost()
    if (!allowed) scene.applyPolicy(() => allowing([], []))
    scene.clock.advance(29_000)
    scene.broker.tick()
    assert.equal(scene.broker.retained.size, 0)
    scene.clock.advance(1_000)
    scene.broker.tick()
    assert.equal(scene.broker.retained.size, kept)
    assert.equal(scene.desk.counters.denied, 1 - kept)
    const [fact] = scene.facts().filter((one) => one.kind === 'telemetry')
    if (kept === 1) assert.deepEqual([fact?.device, fact?.qos, fact?.retain], ['a', 2, true])
  }
})

test('a policy change cuts off who lost its place or a subscription (0x98), and judges everybody else from the next packet on', async () => {
  const scene = gateway({ limits: { connectionsPerIdentity: 3 } })
  const clients = ['stays', 'subscribed', 'out'].map((clientId) => scene.connect('a', { version: 5, clientId }))
  const [stays, subscribed, out] = clients
  assert.ok(stays !== undefined && subscribed !== undefined && out !== undefined)
  stays.subscribe('devices/a/in', 1)
  subscribed.subscribe('devices/a/lost', 1)
  for (const client of clients) await client.received()
  const policy = allowing(['devices/a/new'], ['devices/a/in'])
  const effect = scene.applyPolicy(({ clientId }) => (clientId === 'out' ? { ...policy, connect: () => undefined } : policy))
  assert.deepEqual([effect.closed, effect.subscriptionsRemoved], [2, 0])
  for (const client of [subscribed, out]) assert.equal(code(await last(client)), reasonCodes['administrative-action'])
  assert.equal(stays.connection.isOpen, true)
  stays.publish('devices/a/new', 1, 1)
  stays.publish('devices/a/in', 1, 2)
  scene.journal.flush()
  assert.deepEqual((await stays.received()).map(code), [0, reasonCodes['not-authorized']])
})

test('a credential that ends closes the connection without a word (edge.md 1.9)', async () => {
  const scene = gateway()
  const of = scene.proof.of
  scene.proof.of = (device, clientId) => ({ ...of(device, clientId), expiresAt: plus(scene.clock.now(), 5_000) })
  const a = scene.connect('a', { version: 5 })
  await a.received()
  a.connection.endIfExpired(plus(scene.clock.now(), 4_999))
  assert.equal(a.connection.isOpen, true)
  a.connection.endIfExpired(plus(scene.clock.now(), 5_000))
  assert.deepEqual([a.transport.state, await a.received()], ['ended', []])
  assert.ok(scene.facts().some((fact) => fact.kind === 'disconnected' && fact.reason === 'credential-expired'))
})

const method = 'K8S-SAT'
const again = (name = method) =>
  ({ type: 'auth', reasonCode: 0x19, properties: { authenticationMethod: name, authenticationData: Buffer.from('token') } }) as const

/** A client that authenticated by a method; what the next AUTH gives is the test's. */
async function authenticated(answer: (scene: Scene) => Promise<Reauthenticated>) {
  const scene: Scene = gateway({ reauthenticate: () => answer(scene) })
  const of = scene.proof.of
  scene.proof.of = (device, clientId) => {
    const principal = of(device, clientId)
    return { ...principal, authentication: { ...principal.authentication, type: 'sat', method: 'ServiceAccountToken' } }
  }
  const client = scene.connect('a', { version: 5, properties: { authenticationMethod: method } })
  const connack = await last(client)
  assert.equal(connack?.type === 'connack' ? connack.properties?.authenticationMethod : '', method)
  const settled = async () => {
    for (let turn = 0; turn < 8; turn++) await Promise.resolve()
  }
  return { scene, client, settled }
}

test('AUTH 0x19: success is AUTH 0x00 and the newer attributes count, nobody reachable is AUTH 0x18, all else ends', async () => {
  const { scene, client, settled } = await authenticated(async (of) => {
    const [session] = of.broker.all()
    assert.ok(session !== undefined)
    const principal = of.proof.of(session.owner, 'c')
    return { kind: 'ok', principal: { ...principal, subject: { ...principal.subject, attributes: { site: 'south' } } } }
  })
  client.send(again())
  await settled()
  const auth = await last(client)
  assert.deepEqual([auth?.type, code(auth)], ['auth', 0])
  assert.equal([...scene.broker.all()][0]?.subject.attributes['site'], 'south')
  const later = await authenticated(async () => ({ kind: 'later' }))
  later.client.send(again())
  await later.settled()
  assert.deepEqual([code(await last(later.client)), later.client.connection.isOpen], [0x18, true])
  for (const [protocolError, said] of [
    [false, 0x87],
    [true, 0x82],
  ] as const) {
    const no = await authenticated(async () => ({ kind: 'no', refusal: { code: 'access/x', message: 'No.' }, protocolError }))
    no.client.send(again())
    await no.settled()
    assert.equal(code(await last(no.client)), said)
  }
  const failed = await authenticated(() => Promise.reject(new Error('unreachable')))
  failed.client.send(again())
  await failed.settled()
  assert.equal(code(await last(failed.client)), 0x18)
})

test('AUTH that cannot be asked is a protocol error: another method, none at CONNECT, no one to ask', async () => {
  const { client } = await authenticated(async () => ({ kind: 'later' }))
  client.send(again('OTHER'))
  assert.equal(code(await last(client)), reasonCodes['protocol-error'])
  const plain = gateway({ reauthenticate: async () => ({ kind: 'later' }) }).connect('a', { version: 5 })
  plain.send(again())
  assert.equal(code(await last(plain)), reasonCodes['protocol-error'])
})

test('while a credential is judged again nothing is read, what comes out goes on, and what waited is taken in order', async () => {
  let answer: (outcome: Reauthenticated) => void = () => {}
  const { scene, client, settled } = await authenticated(() => new Promise((resolve) => (answer = resolve)))
  client.subscribe('devices/a/#', 0)
  await client.received()
  client.send(again())
  client.publish('devices/a/x', 1, 1)
  assert.equal(client.transport.paused, true)
  scene.connect('a', { clientId: 'other' }).publish('devices/a/y', 0, undefined)
  assert.deepEqual(
    (await published(client)).map((packet) => packet.topic),
    ['devices/a/y'],
  )
  answer({ kind: 'later' })
  await settled()
  scene.journal.flush()
  const types = (await client.received()).map((packet) => packet.type)
  assert.deepEqual(types.slice(0, 2), ['auth', 'publish'])
  assert.ok(types.includes('puback'))
})

test('a client that vanishes while it is judged again stays gone', async () => {
  let answer: (outcome: Reauthenticated) => void = () => {}
  const { scene, client, settled } = await authenticated(() => new Promise((resolve) => (answer = resolve)))
  client.send(again())
  client.connection.lost()
  answer({ kind: 'later' })
  await settled()
  assert.deepEqual([scene.desk.open, await client.received(), client.connection.isOpen], [0, [], false])
})
