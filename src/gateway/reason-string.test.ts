import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MqttPacket, type Properties, encode, reasonCodes } from '#wire/mqtt'
import { allowing, gateway } from './gateway-scene.test.ts'
import { encodeExplained } from './reason-string.ts'

type Scene = ReturnType<typeof gateway>
type Client = ReturnType<Scene['connect']>
type Opened = { readonly client: Client; readonly scene: Scene }

/** What the client was told last, with all on disk: the reason code, and why. */
async function told({ client, scene }: Opened): Promise<readonly [number | undefined, string | undefined]> {
  scene.journal.flush()
  const packet: MqttPacket | undefined = (await client.received()).at(-1)
  assert.ok(packet !== undefined && 'properties' in packet)
  const code = 'reasonCodes' in packet ? packet.reasonCodes[0] : 'reasonCode' in packet ? packet.reasonCode : undefined
  return [code, packet.properties?.reasonString]
}

const open = async (properties: Properties = {}): Promise<Opened> => {
  const scene = gateway()
  const client = scene.connect('a', { version: 5, properties })
  assert.equal((await client.received())[0]?.type, 'connack')
  return { client, scene }
}

test('PUBACK, PUBREC and SUBACK of what is denied say the code and a sentence; success says nothing', async () => {
  const a = await open()
  a.client.publish('nowhere', 1, 1)
  assert.deepEqual(await told(a), [reasonCodes['not-authorized'], 'access/no-rule: No rule of the policy allows this topic.'])
  a.client.publish('nowhere', 2, 2)
  assert.deepEqual(await told(a), [reasonCodes['not-authorized'], 'access/no-rule: No rule of the policy allows this topic.'])
  a.client.subscribe('nowhere', 1)
  assert.deepEqual(await told(a), [reasonCodes['not-authorized'], 'access/no-rule: No rule of the policy allows this filter.'])
  a.client.subscribe('devices/a/x', 1)
  assert.deepEqual(await told(a), [1, undefined])
  a.client.send({ type: 'unsubscribe', packetId: 1, filters: ['nowhere'] })
  assert.deepEqual(await told(a), [reasonCodes['no-subscription-existed'], undefined])
})

test('a mixed flush explains each no and leaves each yes as it is', async () => {
  const a = await open()
  a.client.publish('devices/a/x', 1, 1)
  a.client.publish('nowhere', 1, 2)
  a.client.publish('devices/a/x', 2, 3)
  a.scene.journal.flush()
  const answers = (await a.client.received()).flatMap((packet) => ('reasonCode' in packet && 'properties' in packet ? [packet] : []))
  assert.deepEqual(
    answers.map(({ type, reasonCode, properties }) => [type, reasonCode, properties?.reasonString?.slice(0, 15)]),
    [
      ['puback', 0, undefined],
      ['puback', reasonCodes['not-authorized'], 'access/no-rule:'],
      ['pubrec', 0, undefined],
    ],
  )
})

test('without Request Problem Information only CONNACK and DISCONNECT say why [MQTT-3.1.2-29]', async () => {
  const a = await open({ requestProblemInformation: false })
  a.client.publish('nowhere', 1, 1)
  assert.deepEqual(await told(a), [reasonCodes['not-authorized'], undefined])
  a.client.subscribe('nowhere', 1)
  assert.deepEqual(await told(a), [reasonCodes['not-authorized'], undefined])
  a.client.publish('', 0, undefined, { properties: { topicAlias: 9 } })
  assert.match((await told(a))[1] ?? '', /^gateway\/topic-alias: /)
})

test('the reason goes rather than the packet, to the byte [MQTT-3.4.2-2, MQTT-3.5.2-2, MQTT-3.9.2-1, MQTT-3.14.2-3]', () => {
  const reason = 'access/no-rule: x'
  for (const packet of [
    { type: 'puback', packetId: 1, reasonCode: reasonCodes['not-authorized'] },
    { type: 'pubrec', packetId: 1, reasonCode: reasonCodes['not-authorized'] },
    { type: 'suback', packetId: 1, reasonCodes: [reasonCodes['not-authorized']] },
    { type: 'disconnect', reasonCode: reasonCodes['administrative-action'] },
  ] as const) {
    const whole = encode({ ...packet, properties: { reasonString: reason } }, 5)
    assert.deepEqual(encodeExplained(packet, reason, whole.length), whole)
    assert.deepEqual(encodeExplained(packet, reason, whole.length - 1), encode(packet, 5))
    assert.deepEqual(encodeExplained(packet, undefined, whole.length), encode(packet, 5))
  }
})

test('the end of a connection says why: the reason on record, or what the decoder found', async () => {
  const a = await open()
  a.scene.applyPolicy(() => ({ ...allowing([], []), connect: () => undefined }))
  const [code, why] = await told(a)
  assert.equal(code, reasonCodes['administrative-action'])
  assert.match(why ?? '', /^policy-changed: By the new policy /)

  const b = await open()
  b.client.connection.receive(Buffer.from('8200', 'hex'))
  assert.match((await told(b))[1] ?? '', /^wire\/mqtt-/)

  const c = await open()
  c.client.connection.end('revoked')
  assert.equal((await told(c))[1], 'revoked: This client may not be connected any more.')
})

test('3.1.1 has no place for reasons, and gets none', async () => {
  const scene = gateway()
  const a = scene.connect('a')
  await a.received()
  a.publish('nowhere', 1, 1)
  a.subscribe('nowhere', 1)
  a.transport.written.splice(0).forEach((bytes) => assert.ok(bytes.length <= 5, bytes.toString('hex')))
})
