import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import type { BoundPolicy } from '#access'
import { twinWith } from '../../../test/fake-gateway-hub.ts'
import { amqp, bodyText, idOf, turns } from './amqp-scene.test.ts'

/*
 * What a device may do by AMQP is what it may do by MQTT: each operation is asked about under the topic that it has there.
 */

const pump = idOf('pump-1')
const { message, types } = rhea
const data = (text: string) => message.data_section(Buffer.from(text))

const policyOf = (publish: (topic: string) => boolean, subscribe: (filter: string) => boolean = () => true): BoundPolicy => ({
  connect: () => 'rule',
  publish: (topic) => (publish(topic) ? 'rule' : undefined),
  subscribe: (filter) => (subscribe(filter) ? 'rule' : undefined),
  receive: () => 'rule',
})

async function scene(policy: BoundPolicy) {
  const world = amqp()
  world.hub.twinOf.set(pump, twinWith(pump, {}, {}))
  world.applyPolicy(() => policy)
  const device = await world.connect('pump-1')
  const out = await device.sender('/devices/pump-1/twin', { snd_settle_mode: 1 })
  const back = await device.receiver('/devices/pump-1/twin')
  const status = async (operation: string, resource: string | undefined) => {
    const before = back.heard.length
    out.link.send({
      correlation_id: 'c',
      message_annotations: { operation, ...(resource === undefined ? {} : { resource }) },
      body: data('{"a":1}'),
    })
    await turns()
    return Number(back.heard[before]?.message.message_annotations?.['status'])
  }
  const denied = () => world.facts().flatMap((fact) => (fact.kind === 'denied' ? [`${fact.device} ${fact.action} ${fact.topic}`] : []))
  return { ...world, device, out, back, status, denied }
}

const reported = '/properties/reported'
const desired = '/notifications/twin/properties/desired'

test('a policy that does not allow reported properties by MQTT does not allow them by AMQP, and the refusal is recorded', async () => {
  const { status, hub, denied } = await scene(policyOf((topic) => !topic.startsWith('$iothub/twin/PATCH/')))
  assert.equal(await status('GET', undefined), 200)
  assert.equal(await status('PATCH', reported), 401)
  assert.deepEqual(hub.reported, [])
  assert.deepEqual(denied(), ['pump-1 publish $iothub/twin/PATCH/properties/reported/?$rid='])
})

test('so it is with reading the twin', async () => {
  const { status, denied } = await scene(policyOf((topic) => !topic.startsWith('$iothub/twin/GET/')))
  assert.equal(await status('GET', undefined), 401)
  assert.equal(await status('PATCH', reported), 200)
  assert.deepEqual(denied(), ['pump-1 publish $iothub/twin/GET/?$rid='])
})

test('so it is with hearing of desired properties, and a policy that takes that away ends who listens', async () => {
  const noDesired = (filter: string) => !filter.startsWith('$iothub/twin/PATCH/properties/desired/')
  const refused = await scene(policyOf(() => true, noDesired))
  assert.equal(await refused.status('PUT', desired), 401)
  refused.hub.desire({ identity: pump, version: 20, body: { x: 1 } })
  await turns()
  assert.equal(refused.back.heard.length, 1, 'the refusal, and no change')
  assert.deepEqual(refused.denied(), ['pump-1 subscribe $iothub/twin/PATCH/properties/desired/#'])
  refused.desk.policyChanged()
  await turns()
  assert.deepEqual(refused.back.closed, [], 'it does not listen, so it loses nothing')

  const { status, applyPolicy, desk, hub, back } = await scene(policyOf(() => true))
  assert.equal(await status('PUT', desired), 200)
  applyPolicy(() => policyOf(() => true, noDesired))
  desk.policyChanged()
  await turns()
  assert.deepEqual(back.closed, ['amqp:unauthorized-access'])
  hub.desire({ identity: pump, version: 30, body: { secret: 1 } })
  await turns()
  assert.ok(back.heard.every(({ message }) => !bodyText(message).includes('secret')))
})

test('so it is with answers to methods', async () => {
  const { device, hub, denied } = await scene(policyOf((topic) => !topic.startsWith('$iothub/methods/res/')))
  const answers = await device.sender('/devices/pump-1/methods/devicebound')
  const calls = await device.receiver('/devices/pump-1/methods/devicebound')
  hub.links.get(pump)?.[0]?.call('7', 'reboot', '{}')
  await turns()
  const answer = {
    correlation_id: calls.heard[0]?.message.correlation_id,
    application_properties: { 'IoThub-status': types.wrap_int(200) },
    body: data('{}'),
  }
  assert.equal(await answers.send(answer), 'rejected amqp:unauthorized-access')
  assert.deepEqual(hub.answers, [])
  assert.deepEqual(denied(), ['pump-1 publish $iothub/methods/res/200/?$rid=7'])
})
