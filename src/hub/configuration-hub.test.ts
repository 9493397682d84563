import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { idOf, openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import { turns } from '../../test/journal-fixture.ts'
import { parseConfiguration } from './configuration-json.ts'
import { serviceTwinJson, twinAbout } from './twin-json.ts'

const write = systemGrant('configuration.write', 'configurations')

test('a device that is made meets the configurations there are, and what it got outlives a restart of the hub', async () => {
  await using scene = await openDomainScene()
  const spec = parseConfiguration({
    id: 'slow',
    content: { deviceContent: { 'properties.desired.interval': 60 } },
    targetCondition: "deviceId = 'pump-1'",
  })
  assert.ok(spec.ok)
  assert.ok((await scene.hub.configurations.create(write, spec.value)).ok)
  await scene.hub.configurations.evaluated()
  const pump = idOf('pump-1')
  const added = await scene.hub.devices.add(registryGrants.write, [{ id: pump, authentication: { type: 'certificateAuthority' } }])
  assert.ok(added.ok)
  scene.clock.advance(10_000)
  await turns(60)
  const before = await scene.hub.twins.get(pump)
  assert.deepEqual([before?.desired.properties, before?.configurations], [{ interval: 60 }, { slow: { status: 'Applied' } }])
  await scene.reopen()
  const after = await scene.hub.twins.get(pump)
  assert.deepEqual(after, before)
  const about = twinAbout(scene.hub, pump)
  assert.ok(after && about)
  const json = serviceTwinJson(after, about)
  assert.deepEqual(
    [json['connectionState'], json['cloudToDeviceMessageCount'], json['configurations']],
    ['Disconnected', 0, after.configurations],
  )
})

test('a device that is removed leaves no row of a twin, and one of its name knows nothing of it', async () => {
  await using scene = await openDomainScene()
  const pump = idOf('pump-1')
  const make = () => scene.hub.devices.add(registryGrants.write, [{ id: pump, authentication: { type: 'certificateAuthority' } }])
  await make()
  assert.ok((await scene.hub.twins.patchReported(pump, { secret: 1 })).ok)
  assert.ok((await scene.hub.devices.remove(registryGrants.erase, pump)).ok)
  await scene.hub.twins.flushed()
  assert.deepEqual(await scene.store.query('SELECT identity FROM twins'), [])
  scene.clock.advance(1_000)
  await make()
  await scene.reopen()
  assert.deepEqual((await scene.hub.twins.get(pump))?.reported.properties, {})
})
