import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PubrelPacket } from '#wire/mqtt'
import { reasonCodes } from '#wire/mqtt'
import { gateway } from './gateway-scene.test.ts'

const own = 'devices/a/messages/events/'
const stored = { version: 5, cleanStart: false, properties: { sessionExpiryInterval: 600 } } as const
const pubrel = (packetId: number): PubrelPacket => ({ type: 'pubrel', packetId, reasonCode: 0 })

type Client = ReturnType<ReturnType<typeof gateway>['connect']>
/** What came, as type, packet identifier and reason. */
const heard = async (client: Client) =>
  (await client.received()).map((packet) =>
    'packetId' in packet && 'reasonCode' in packet
      ? `${packet.type} ${packet.packetId}${packet.reasonCode === 0 ? '' : ` ${packet.reasonCode}`}`
      : packet.type,
  )
const telemetry = (scene: ReturnType<typeof gateway>) => scene.facts().filter((fact) => fact.kind === 'telemetry')

test('QoS 2 in: PUBREC when the message is durable, PUBCOMP when the release is, one delivery [MQTT-4.3.3-8 to -12]', async () => {
  for (const [more, waits] of [
    [{ version: 4 }, false],
    [stored, true],
  ] as const) {
    const scene = gateway()
    const a = scene.connect('a', more)
    a.subscribe('devices/a/#', 2)
    scene.journal.flush()
    await a.received()
    a.publish('devices/a/x', 2, 7)
    assert.deepEqual(await heard(a), [])
    scene.journal.flush()
    // The delivery to a stored session waits for the record of its identifier.
    scene.journal.flush()
    const got = await heard(a)
    assert.deepEqual(
      got.filter((one) => one.startsWith('pubrec')),
      ['pubrec 7'],
    )
    assert.equal(got.filter((one) => one === 'publish').length, 1)
    a.send(pubrel(7))
    assert.deepEqual(await heard(a), waits ? [] : ['pubcomp 7'])
    scene.journal.flush()
    assert.deepEqual(await heard(a), waits ? ['pubcomp 7'] : [])
  }
})

test('duplicates before PUBREL are answered and not taken again, whatever they say now [MQTT-4.3.3-10]', async () => {
  const scene = gateway()
  const a = scene.connect('a', { version: 5 })
  await a.received()
  a.publish(own, 2, 7)
  a.publish('devices/a/other', 2, 7, { dup: true })
  scene.journal.flush()
  a.publish(own, 2, 7, { dup: true })
  assert.deepEqual(await heard(a), ['pubrec 7', 'pubrec 7', 'pubrec 7'])
  assert.equal(telemetry(scene).length, 1)
  a.send(pubrel(7))
  a.publish(own, 2, 7)
  assert.equal(telemetry(scene).length, 2)
})

test('PUBREL of an unknown identifier: PUBCOMP 0x92 in MQTT 5, a plain one in 3.1.1', async () => {
  for (const [version, answer] of [
    [5, 'pubcomp 9 146'],
    [4, 'pubcomp 9'],
  ] as const) {
    const a = gateway().connect('a', { version })
    await a.received()
    a.send(pubrel(9))
    assert.deepEqual(await heard(a), [answer])
  }
})

test('a denied QoS 2 publish: PUBREC 135 in MQTT 5 and the identifier is free; in 3.1.1 the flow completes, and nothing is routed', async () => {
  for (const [version, answers] of [
    [5, ['pubrec 7 135', 'pubcomp 7 146']],
    [4, ['pubrec 7', 'pubcomp 7']],
  ] as const) {
    const scene = gateway()
    const a = scene.connect('a', { version })
    await a.received()
    a.publish('plant/x', 2, 7)
    scene.journal.flush()
    a.send(pubrel(7))
    assert.deepEqual(await heard(a), answers)
    assert.equal(telemetry(scene).length, 0)
    assert.equal(scene.desk.counters.denied, 1)
  }
})

test('a stored session remembers its identifiers over connections; the record of the message carries them', async () => {
  const scene = gateway()
  const first = scene.connect('a', stored)
  first.publish(own, 2, 7)
  scene.journal.flush()
  first.connection.lost()
  const again = scene.connect('a', stored)
  await again.received()
  again.publish(own, 2, 7, { dup: true })
  scene.journal.flush()
  assert.deepEqual(await heard(again), ['pubrec 7'])
  assert.deepEqual(
    telemetry(scene).map((fact) => [fact.qos, fact.packetId]),
    [[2, 7]],
  )
})

test('CVE-2026-8741: PUBREL, duplicate, takeover and flush in every order give one record and end with the identifier free', async () => {
  const steps = ['publish', 'pubrel', 'takeover', 'flush'] as const
  type Step = (typeof steps)[number]
  const orders = (depth: number): Step[][] =>
    depth === 0 ? [[]] : orders(depth - 1).flatMap((head) => steps.map((step) => [...head, step]))
  for (const order of orders(4)) {
    const scene = gateway()
    let client = scene.connect('a', stored)
    // A client as the standard wants it: PUBREL only after PUBREC, a new message only after PUBCOMP.
    const flow: { phase: 'sent' | 'released' | 'done' } = { phase: 'sent' }
    const listen = async () => {
      for (const one of await heard(client)) {
        if (one === 'pubrec 7' && flow.phase === 'sent') flow.phase = 'released'
        if (one.startsWith('pubcomp 7') && flow.phase === 'released') flow.phase = 'done'
      }
    }
    client.publish(own, 2, 7)
    for (const step of order) {
      await listen()
      if (step === 'flush') scene.journal.flush()
      else if (step === 'takeover') client = scene.connect('a', stored)
      else if (step === 'publish' && flow.phase === 'sent') client.publish(own, 2, 7, { dup: true })
      else if (step === 'pubrel' && flow.phase === 'released') client.send(pubrel(7))
    }
    for (let round = 0; round < 3; round++) {
      if (flow.phase === 'sent') client.publish(own, 2, 7, { dup: true })
      else if (flow.phase === 'released') client.send(pubrel(7))
      scene.journal.flush()
      await listen()
    }
    assert.equal(flow.phase, 'done', order.join(', '))
    assert.equal(telemetry(scene).length, 1, order.join(', '))
    assert.equal(scene.broker.find(telemetryOwner(scene), 'c')?.received.size, 0)
  }
})

const telemetryOwner = (scene: ReturnType<typeof gateway>) => {
  const [session] = scene.broker.all()
  assert.ok(session !== undefined)
  return session.owner
}

test('CVE-2023-28366: one identifier repeated holds one place; more than Receive Maximum of them ends an MQTT 5 connection with 0x93', async () => {
  const scene = gateway({ limits: { receiveMaximum: 4 } })
  const a = scene.connect('a', { version: 5 })
  await a.received()
  for (let i = 0; i < 1_000; i++) {
    a.publish(own, 2, 1)
    scene.journal.flush()
  }
  const [session] = scene.broker.all()
  assert.deepEqual([session?.received.size, telemetry(scene).length], [1, 1])
  for (let packetId = 2; packetId <= 5; packetId++) {
    a.publish(own, 2, packetId)
    scene.journal.flush()
  }
  const bye = (await a.received()).at(-1)
  assert.equal(bye?.type === 'disconnect' ? bye.reasonCode : 0, reasonCodes['receive-maximum-exceeded'])
})

test('a retained QoS 2 message for which there is no room: 0x97, not retained, and its identifier is free', async () => {
  const scene = gateway()
  const a = scene.connect('a', { version: 5 })
  for (let i = 0; i < 100; i++) a.publish(`devices/a/${i}`, 0, undefined, { retain: true })
  await a.received()
  a.publish('devices/a/more', 2, 7, { retain: true })
  scene.journal.flush()
  assert.deepEqual(await heard(a), ['pubrec 7 151'])
  assert.deepEqual([scene.broker.retained.size, [...scene.broker.all()][0]?.received.size], [100, 0])
})

test('PUBREC, PUBREL and PUBCOMP of a subscriber run their course; answers keep the order of their PUBLISHes', async () => {
  const scene = gateway()
  const a = scene.connect('a', { version: 5 })
  a.subscribe('devices/a/#', 2)
  await a.received()
  a.publish('devices/a/x', 2, 1)
  a.publish('devices/a/x', 1, 2)
  a.publish('plant/x', 2, 3)
  scene.journal.flush()
  const packets = await a.received()
  assert.deepEqual(
    packets.flatMap((packet) => (packet.type === 'puback' || packet.type === 'pubrec' ? [packet.packetId] : [])),
    [1, 2, 3],
  )
  const [two] = packets.filter((packet) => packet.type === 'publish')
  assert.deepEqual([two?.qos, two?.packetId], [2, 1])
  a.send({ type: 'pubrec', packetId: 1, reasonCode: 0 })
  assert.deepEqual(await heard(a), ['pubrel 1'])
  a.send({ type: 'pubcomp', packetId: 1, reasonCode: 0 })
  a.send({ type: 'puback', packetId: 2, reasonCode: 0 })
  assert.equal([...scene.broker.all()][0]?.backlog, 0)
})
