import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRecord, encodeFact } from '#journal'
import { Taker, addTaker, egressScene, mayRead, mayWrite, testStart } from '../../test/routing-scene.ts'

test('every source is told in its own form, and telemetry on other topics is a source of its own [azure-wire 9.5, 9.6]', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  await addTaker(scene.egress, 'out')
  for (const source of ['MqttBrokerMessages', 'TwinChangeEvents', 'DeviceLifecycleEvents', 'DeviceConnectionStateEvents'] as const)
    assert.ok((await scene.egress.admin.addRoute(mayWrite, { name: source, source, condition: '', endpoint: 'out', isEnabled: true })).ok)
  const { journal } = scene
  const time = testStart
  journal.append(encodeFact({ kind: 'device-created', time, device: 'd', actor: 'operator:o', generation: '7', etag: 'e' }))
  journal.append(encodeFact({ kind: 'twin-reported', time, device: 'd/m', generation: '7', twinVersion: 3, patch: { t: 1 }, version: 2 }))
  for (let i = 0; i < 12; i++)
    journal.append(
      encodeFact({
        kind: 'disconnected',
        time,
        device: 'd',
        clientId: 'd',
        connection: 'c',
        reason: 'x',
        bytesIn: 0,
        bytesOut: 0,
        durationMs: 1,
      }),
    )
  const held = { kind: 'disconnected', time, device: 'd', clientId: 'd', connection: 'c', reason: 'x', bytesIn: 0, bytesOut: 0 } as const
  journal.append(encodeFact({ ...held, durationMs: 1, quiet: true }))
  journal.append(encodeFact({ kind: 'connection-settled', time, device: 'd', connection: 'c', state: 'connected', held: 1 }))
  scene.say('d', 'plain', {}, 'plant/line-1')
  await scene.settle()
  const [created, reported, ...rest] = taker.taken
  assert.equal(created?.properties['opType'], 'createDeviceIdentity')
  assert.equal(created?.properties['iothub-message-schema'], 'deviceLifecycleNotification')
  assert.equal(JSON.parse(String(created?.body)).deviceId, 'd')
  assert.deepEqual([reported?.device, reported?.module, reported?.system['iothub-message-source']], ['d', 'm', 'twinChangeEvents'])
  assert.equal(JSON.parse(String(reported?.body)).properties.reported.t, 1)
  const numbers = rest.slice(0, 12).map(({ body }) => JSON.parse(body.toString()).sequenceNumber)
  assert.equal(new Set(numbers).size, 12)
  assert.deepEqual(
    numbers,
    numbers.toSorted((a: string, b: string) => (a < b ? -1 : 1)),
  )
  assert.equal(rest[11]?.properties['opType'], 'deviceDisconnected')
  assert.equal(rest[12]?.properties['opType'], 'deviceConnected', 'what is held is not told, what came of it is')
  assert.equal(rest[13]?.system['mqtt-topic'], 'plant/line-1')
})

test('what no route matches goes to the built-in endpoint, unless the fallback is off [azure-wire 9.1]', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  const seen = async (properties: Readonly<Record<string, string>>) => {
    scene.say('d', 'x', properties)
    const at = scene.journal.records.length - 1
    const fact = decodeRecord(scene.journal.records[at] ?? Buffer.alloc(0))
    assert.ok(fact.ok)
    return (await scene.egress.builtIn(at, fact.value))?.body.toString()
  }
  assert.equal(await seen({}), 'x', 'no routes: all telemetry')
  await addTaker(scene.egress, 'out', { condition: "level = 'hot'" })
  assert.equal(await seen({ level: 'hot' }), undefined, 'it went elsewhere')
  assert.equal(await seen({ level: 'cold' }), 'x')
  assert.ok((await scene.egress.admin.setFallback(mayWrite, false)).ok)
  assert.equal(await seen({ level: 'cold' }), undefined)
  const twin = {
    name: 'north',
    source: 'DeviceMessages',
    condition: "$twin.tags.site = 'north'",
    endpoint: 'events',
    isEnabled: true,
  } as const
  assert.ok((await scene.egress.admin.addRoute(mayWrite, twin)).ok)
  assert.equal(await seen({}), undefined, 'there is no twin')
  scene.twins.set('d', { tags: { site: 'north' }, properties: { desired: {}, reported: {} } })
  assert.equal(await seen({}), 'x')
})

test('enrichments are stamped from text, hub and twin, and what makes an event too large drops it, counted [azure-wire 9.4]', async () => {
  const taker = new Taker()
  await using scene = await egressScene([taker.kind()])
  await addTaker(scene.egress, 'out')
  scene.twins.set('d', { tags: { site: 'north', n: 4 }, properties: { desired: {}, reported: {} } })
  for (const [key, value] of [
    ['a', 'text'],
    ['hub', '$iothubname'],
    ['site', '$twin.tags.site'],
    ['n', '$twin.tags.n'],
    ['none', '$twin.tags.none'],
    ['proto', '$twin.tags.__proto__.x'],
  ] as const)
    assert.ok((await scene.egress.admin.addEnrichment(mayWrite, { key, value, endpoints: ['out'] })).ok)
  scene.say('d', 'small')
  scene.say('d', 'x'.repeat(256 * 1024 - 20))
  await scene.settle()
  assert.deepEqual(
    taker.taken.map(({ properties }) => ({ ...properties })),
    [{ a: 'text', hub: 'hub.example', site: 'north', n: '4', none: '$twin.tags.none', proto: '$twin.tags.__proto__.x' }],
  )
  assert.equal(scene.egress.states()[0]?.state.counts.tooLarge, 1)
  assert.equal(scene.egress.routes(mayRead).enrichments.length, 6)
})
