import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ModuleId, type Result, identityOf, parseModuleId, plus } from '#base'
import { FakeClock } from '../../test/fake-clock.ts'
import { idOf, openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import type { ModuleSpec } from './module.ts'

const { write, erase } = registryGrants
const certificate = { type: 'certificateAuthority' } as const
const print = (digit: string) => digit.repeat(64)

function name(text: string): ModuleId {
  const id = parseModuleId(text)
  assert.ok(id.ok)
  return id.value
}

const spec = (device: string, module: string, more: Partial<ModuleSpec> = {}): ModuleSpec => ({
  device: idOf(device),
  id: name(module),
  authentication: certificate,
  ...more,
})

const identity = (device: string, module: string) => identityOf(idOf(device), name(module))
const codeOf = (outcome: Result<unknown>) => (outcome.ok ? 'done' : outcome.error.code)

async function open(sas: 'on' | 'off' = 'off') {
  const scene = await openDomainScene(sas === 'on' ? { sasUntil: plus(new FakeClock().now(), 86_400_000) } : {})
  await scene.hub.devices.add(write, [
    { id: idOf('a'), authentication: certificate },
    { id: idOf('b'), authentication: certificate },
  ])
  scene.facts.length = 0
  return scene
}

test('a module is found, told, audited, and there again after a restart, with its own generation', async () => {
  await using scene = await open()
  const added = await scene.hub.modules.add(write, spec('a', 'm', { managedBy: 'me' }))
  assert.ok(added.ok)
  const { generationId, etag } = added.value
  assert.notEqual(generationId, scene.hub.devices.find('a')?.generationId)
  assert.deepEqual(
    scene.facts.map((fact) => ({ ...fact, time: 0 })),
    [{ kind: 'module-created', time: 0, device: 'a/m', actor: 'system:hub', generation: generationId, etag }],
  )
  assert.deepEqual(scene.hub.modules.find('a/m'), added.value)
  await scene.reopen()
  assert.deepEqual(scene.hub.modules.find('a/m'), added.value)
  assert.deepEqual(
    scene.hub.modules.of('a').map((module) => [module.id, module.managedBy]),
    [['m', 'me']],
  )
})

test('a module needs a device, and a name that its device does not know', async () => {
  await using scene = await open()
  const { modules } = scene.hub
  assert.equal(codeOf(await modules.add(write, spec('nobody', 'm'))), 'hub/device-not-found')
  const race = await Promise.all([modules.add(write, spec('a', 'm')), modules.add(write, spec('a', 'm'))])
  assert.deepEqual(race.map(codeOf), ['done', 'hub/module-exists'])
  assert.equal(codeOf(await modules.add(write, spec('a', 'm'))), 'hub/module-exists')
  assert.equal(codeOf(await modules.add(write, spec('b', 'm'))), 'done', 'names are of the device')
  assert.equal(codeOf(await modules.add(write, spec('a', 'n', { managedBy: 'x'.repeat(129) }))), 'hub/managed-by-too-long')
})

test('a device has 50 modules and no more, even when they come at once', async () => {
  await using scene = await open()
  const all = await Promise.all(Array.from({ length: 60 }, (_, i) => scene.hub.modules.add(write, spec('a', `m${i}`))))
  assert.equal(all.filter((outcome) => outcome.ok).length, 50)
  assert.deepEqual(new Set(all.map(codeOf)), new Set(['done', 'hub/too-many-modules']))
  assert.equal(codeOf(await scene.hub.modules.add(write, spec('a', 'late'))), 'hub/too-many-modules')
  const [row] = await scene.store.query('SELECT count(*) AS n FROM modules')
  assert.equal(row?.['n'], 50)
})

test('a change is guarded by the etag, and ends the session whose certificate it takes away', async () => {
  await using scene = await open()
  const { modules } = scene.hub
  const pinned = { type: 'selfSigned', primaryThumbprint: print('1'), secondaryThumbprint: null } as const
  const added = await modules.add(write, spec('a', 'm', { authentication: pinned }))
  const etag = added.ok ? added.value.etag : ''
  assert.deepEqual(modules.withThumbprint(print('1')), ['a/m'])
  const kept = await modules.update(write, identity('a', 'm'), { managedBy: 'you' }, etag)
  assert.deepEqual([kept.ok && kept.value.receipt, scene.closed], [null, []])
  assert.equal(codeOf(await modules.update(write, identity('a', 'm'), { managedBy: 'us' }, etag)), 'hub/etag-differs')
  const moved = await modules.update(write, identity('a', 'm'), { authentication: { type: 'none' } })
  assert.equal(moved.ok && moved.value.receipt?.closed, 1)
  assert.deepEqual(scene.closed, [['a/m', 'credential']])
  assert.deepEqual(modules.withThumbprint(print('1')), [])
  assert.equal(codeOf(await modules.update(write, identity('a', 'x'), {})), 'hub/module-not-found')
  await scene.reopen()
  assert.deepEqual(scene.hub.modules.find('a/m')?.authentication, { type: 'none' })
})

test('a deleted module is gone with what others keep of it, and its session ends', async () => {
  await using scene = await open()
  const { modules, devices } = scene.hub
  await modules.add(write, spec('a', 'm'))
  const removed: string[] = []
  devices.onRemoved((gone) => void removed.push(gone))
  devices.onRemoving((gone) => [{ sql: 'UPDATE devices SET status_reason = ? WHERE id = ?', args: [`without ${gone}`, 'b'] }])
  assert.equal(codeOf(await modules.remove(erase, identity('a', 'm'), 'stale')), 'hub/etag-differs')
  assert.equal(codeOf(await modules.remove(erase, identity('a', 'm'))), 'done')
  assert.deepEqual([removed, scene.closed], [['a/m'], [['a/m', 'deleted']]])
  const [row] = await scene.store.query(`SELECT status_reason FROM devices WHERE id = 'b'`)
  assert.equal(row?.['status_reason'], 'without a/m', 'in the same commit')
  assert.equal(codeOf(await modules.remove(erase, identity('a', 'm'))), 'hub/module-not-found')
})

test('a deleted device takes its modules with it, their sessions too, and leaves none to the next of its name', async () => {
  await using scene = await open()
  const { modules, devices } = scene.hub
  await modules.add(write, spec('a', 'm'))
  await modules.add(write, spec('a', 'n'))
  const removed: string[] = []
  devices.onRemoved((gone) => void removed.push(gone))
  devices.onRemoving((gone) => [
    { sql: `UPDATE devices SET status_reason = coalesce(status_reason, '') || ? WHERE id = ?`, args: [`-${gone}`, 'b'] },
  ])
  // One that is on its way while the device goes is not left behind either.
  const [late, gone] = await Promise.all([modules.add(write, spec('a', 'late')), devices.remove(erase, idOf('a'))])
  assert.equal(gone.ok && gone.value.closed, late.ok ? 4 : 3)
  assert.deepEqual(removed.toSorted(), late.ok ? ['a', 'a/late', 'a/m', 'a/n'] : ['a', 'a/m', 'a/n'])
  assert.deepEqual(
    scene.facts.filter((fact) => fact.kind.endsWith('-deleted')).map((fact) => fact.device),
    [...removed.slice(1), 'a'],
  )
  const [row] = await scene.store.query(`SELECT status_reason FROM devices WHERE id = 'b'`)
  assert.equal(row?.['status_reason'], '-a-a/m-a/n', 'what others keep goes in the same commit')
  await devices.add(write, [{ id: idOf('a'), authentication: certificate }])
  assert.deepEqual([modules.of('a'), modules.count], [[], 0])
  await scene.reopen()
  assert.equal(scene.hub.modules.count, 0)
})

test('a module that is added as its device goes is refused', async () => {
  await using scene = await open()
  const [gone, late] = await Promise.all([scene.hub.devices.remove(erase, idOf('a')), scene.hub.modules.add(write, spec('a', 'm'))])
  assert.deepEqual([gone.ok, codeOf(late)], [true, 'hub/device-not-found'])
  assert.equal(scene.hub.modules.count, 0)
  const [row] = await scene.store.query('SELECT count(*) AS n FROM modules')
  assert.equal(row?.['n'], 0)
})

test('disabling a device ends the sessions of its modules', async () => {
  await using scene = await open()
  await scene.hub.modules.add(write, spec('a', 'm'))
  const disabled = await scene.hub.devices.update(write, idOf('a'), { status: 'disabled' })
  assert.equal(disabled.ok && disabled.value.receipt?.closed, 2)
  assert.deepEqual(scene.closed, [
    ['a', 'disabled'],
    ['a/m', 'disabled'],
  ])
})

test('an IoT Edge device has its two modules and a scope, for as long as it is one [azure-wire 5.1]', async () => {
  await using scene = await open('on')
  const { devices, modules } = scene.hub
  await devices.add(write, [{ id: idOf('edge'), authentication: { type: 'sas' }, capabilities: { iotEdge: true } }])
  const edge = devices.find('edge')
  assert.equal(edge?.deviceScope, `ms-azure-iot-edge://edge-${edge?.generationId}`)
  assert.deepEqual(
    modules.of('edge').map((module) => [module.id, module.authentication.type, module.managedBy]),
    [
      ['$edgeAgent', 'sas', 'IotEdge'],
      ['$edgeHub', 'sas', 'IotEdge'],
    ],
  )
  assert.notEqual(modules.sharedKeys(identity('edge', '$edgeHub')), undefined)
  assert.equal(codeOf(await modules.remove(erase, identity('edge', '$edgeHub'))), 'hub/system-module')
  await devices.update(write, idOf('edge'), { capabilities: { iotEdge: false } })
  assert.deepEqual([modules.of('edge'), devices.find('edge')?.deviceScope], [[], null])
  assert.deepEqual(
    scene.closed.map(([who]) => who),
    ['edge/$edgeAgent', 'edge/$edgeHub'],
  )
  await devices.update(write, idOf('a'), { capabilities: { iotEdge: true } })
  assert.deepEqual(
    modules.of('a').map((module) => module.authentication.type),
    ['none', 'none'],
    'a device without keys lends its modules none',
  )
  await scene.reopen()
  assert.equal(scene.hub.modules.of('a').length, 2)
  assert.equal(scene.hub.devices.find('a')?.capabilities.iotEdge, true)
})

test('a scope is a scope, and a leaf names its parent among its parents', async () => {
  await using scene = await open()
  const { devices } = scene.hub
  const scope = 'ms-azure-iot-edge://edge-1'
  const leaf = (id: string, deviceScope: string, parentScopes?: readonly string[]) =>
    devices.add(write, [{ id: idOf(id), authentication: certificate, deviceScope, parentScopes }])
  for (const bad of ['edge-1', 'ms-azure-iot-edge://', `${scope} x`, `${scope}${'x'.repeat(300)}`])
    assert.equal(codeOf(await leaf('leaf', bad)), 'hub/device-scope', bad)
  assert.equal(
    codeOf(
      await leaf(
        'leaf',
        scope,
        Array.from({ length: 9 }, () => scope),
      ),
    ),
    'hub/device-scope',
  )
  assert.equal(codeOf(await leaf('leaf', scope)), 'done')
  assert.deepEqual(devices.find('leaf')?.parentScopes, [scope])
  await devices.update(write, idOf('leaf'), { statusReason: 'moved' })
  assert.equal(devices.find('leaf')?.deviceScope, scope, 'what is not named stays')
  await devices.update(write, idOf('leaf'), { deviceScope: null })
  assert.deepEqual([devices.find('leaf')?.deviceScope, devices.find('leaf')?.parentScopes], [null, []])
})

test('keys of a module open for no other, and none are made while there may be none', async () => {
  await using scene = await open('on')
  const { modules } = scene.hub
  await modules.add(write, spec('a', 'm', { authentication: { type: 'sas' } }))
  await modules.add(write, spec('b', 'm', { authentication: { type: 'sas' } }))
  assert.notEqual(modules.sharedKeys(identity('a', 'm')), undefined)
  await scene.store.commit([
    {
      sql: `UPDATE modules SET sealed_keys = (SELECT sealed_keys FROM modules WHERE device_id = 'a') WHERE device_id = 'b'`,
      args: [],
      expect: 1,
    },
  ])
  await scene.reopen()
  assert.notEqual(scene.hub.modules.sharedKeys(identity('a', 'm')), undefined)
  assert.equal(scene.hub.modules.sharedKeys(identity('b', 'm')), undefined)
  scene.clock.advance(86_400_000)
  const late = await scene.hub.modules.add(write, spec('a', 'n', { authentication: { type: 'sas' } }))
  assert.equal(codeOf(late), 'hub/sas-off')
})
