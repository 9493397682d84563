import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { plus } from '#base'
import type { Json } from '#wire/json'
import { FakeClock } from '../../test/fake-clock.ts'
import { idOf, openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import type { BulkOptions } from './bulk.ts'
import { bulkFromAzureJson } from './bulk-item.ts'

const { write, erase } = registryGrants
const twins = systemGrant('twin.write', 'twins')
const certificate = { type: 'certificateAuthority' }
const pinned = (digit: string) => ({ type: 'selfSigned', x509Thumbprint: { primaryThumbprint: digit.repeat(64) } })

async function open() {
  const scene = await openDomainScene({ sasUntil: plus(new FakeClock().now(), 1_000) })
  const send = async (items: readonly Json[], options: BulkOptions = {}) => {
    const done = await scene.hub.bulk({ write, erase, twins }, bulkFromAzureJson(items, 'create'), options)
    if (!done.ok) return done.error.code
    const lines = (list: typeof done.value.problems) =>
      list.map(({ device, module, code }) => `${device}${module === undefined ? '' : `/${module}`} ${code}`)
    return [...lines(done.value.problems), ...lines(done.value.withoutTwin).map((line) => `twin ${line}`)]
  }
  return { scene, send }
}

test('each item does what it asks, in whatever case it asks it [azure-wire 5.3]', async () => {
  const { scene, send } = await open()
  await using _scene = scene
  const { devices } = scene.hub
  assert.deepEqual(await send(['a', 'b', 'c'].map((id) => ({ id, importMode: 'create', authentication: certificate }))), [])
  const etag = devices.find('b')?.etag ?? ''
  assert.deepEqual(
    await send([
      { id: 'a', importMode: 'Update', status: 'disabled', statusReason: 'sold' },
      { id: 'b', importMode: 'UpdateIfMatchETag', etag, status: 'disabled' },
      { id: 'c', importMode: 'DeleteIfMatchETag', eTag: `"${devices.find('c')?.etag ?? ''}"` },
      { id: 'd', importMode: 'createOrUpdate', authentication: pinned('d') },
    ]),
    [],
  )
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((id) => devices.find(id)?.status),
    ['disabled', 'disabled', undefined, 'enabled'],
  )
  assert.deepEqual(
    await send([
      { id: 'd', importMode: 'createOrUpdate', status: 'disabled' },
      { id: 'a', importMode: 'Delete' },
    ]),
    [],
  )
  assert.deepEqual(
    [devices.find('d')?.status, devices.find('d')?.authentication.type, devices.find('a')],
    ['disabled', 'selfSigned', undefined],
  )
})

test('what fails is named by itself, and the others are done', async () => {
  const { scene, send } = await open()
  await using _scene = scene
  await send([{ id: 'a', authentication: certificate }])
  const problems = await send([
    { id: 'a', importMode: 'create', authentication: certificate },
    { id: 'b', importMode: 'update', status: 'enabled' },
    { id: 'c', importMode: 'updateIfMatchETag', etag: 'stale' },
    { id: 'd', importMode: 'deleteIfMatchETag' },
    { id: 'e', authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'a'.repeat(40) } } },
    { id: 'f', importMode: 'explode' },
    { id: 'g#', authentication: certificate },
    { id: 'h', moduleId: 'm', authentication: certificate },
    'nonsense',
    { id: 'good', authentication: certificate },
  ])
  assert.deepEqual(
    new Set(problems),
    new Set([
      'a hub/device-exists',
      'b hub/device-not-found',
      'c hub/device-not-found',
      'd hub/etag-missing',
      'e hub/sha1-thumbprint',
      'f hub/registry-malformed',
      'g# base/device-id-malformed',
      'h/m hub/device-not-found',
      ' hub/registry-malformed',
    ]),
  )
  assert.notEqual(scene.hub.devices.find('good'), undefined)
})

test('an identity that stands in a request twice stops all of it [azure-wire 5.3, 400011]', async () => {
  const { scene, send } = await open()
  await using _scene = scene
  assert.equal(
    await send([
      { id: 'x', authentication: certificate },
      { id: 'y', importMode: 'delete' },
      { id: 'x', importMode: 'delete' },
    ]),
    'hub/device-twice',
  )
  assert.equal(scene.hub.devices.count, 0)
})

test('a module comes after its device, and goes before it', async () => {
  const { scene, send } = await open()
  await using _scene = scene
  assert.deepEqual(
    await send([
      { id: 'a', moduleId: 'm', authentication: { type: 'none' }, managedBy: 'me' },
      { id: 'a', authentication: certificate },
    ]),
    [],
  )
  assert.equal(scene.hub.modules.find('a/m')?.managedBy, 'me')
  assert.deepEqual(
    await send([
      { id: 'a', importMode: 'delete' },
      { id: 'a', moduleId: 'm', importMode: 'delete' },
    ]),
    [],
  )
  assert.deepEqual([scene.hub.devices.count, scene.hub.modules.count], [0, 0])
})

test('twin parts come with a device, and a twin can be changed without it', async () => {
  const { scene, send } = await open()
  await using _scene = scene
  const parts = { tags: { site: 'north' }, properties: { desired: { rate: 5, $version: 9, $metadata: {} }, reported: { up: true } } }
  assert.deepEqual(await send([{ id: 'a', authentication: certificate, ...parts }]), [])
  const first = await scene.hub.twins.get(idOf('a'))
  assert.deepEqual([first?.tags, first?.desired.properties, first?.reported.properties], [{ site: 'north' }, { rate: 5 }, {}])
  assert.deepEqual(await send([{ id: 'a', importMode: 'updateTwin', tags: { row: 1 } }]), [])
  assert.deepEqual((await scene.hub.twins.get(idOf('a')))?.tags, { site: 'north', row: 1 })
  assert.deepEqual(await send([{ id: 'a', importMode: 'updateTwinIfMatchETag', twinETag: first?.etag ?? '', tags: { row: 2 } }]), [
    'a hub/etag-differs',
  ])
  assert.deepEqual(await send([{ id: 'nobody', importMode: 'updateTwin', tags: { row: 2 } }]), ['nobody hub/device-not-found'])
  assert.deepEqual(await send([{ id: 'b', authentication: certificate, ...parts }], { withReported: true }), [])
  assert.deepEqual((await scene.hub.twins.get(idOf('b')))?.reported.properties, { up: true })
})

test('a twin that is refused leaves the device, and says so', async () => {
  const { scene, send } = await open()
  await using _scene = scene
  const big = { note: 'x'.repeat(5_000) }
  const [problem, ...more] = await send([{ id: 'a', authentication: certificate, tags: big }])
  assert.match(String(problem), /^twin a hub\/twin-/)
  assert.deepEqual(more, [])
  assert.notEqual(scene.hub.devices.find('a'), undefined)
  const list = bulkFromAzureJson([{ id: 'b', authentication: certificate, tags: { a: 1 } }], 'create')
  const without = await scene.hub.bulk({ write, erase }, list)
  assert.deepEqual(without.ok && without.value.withoutTwin.map((one) => one.code), ['hub/twin-not-allowed'])
  assert.deepEqual((await scene.hub.twins.get(idOf('b')))?.tags, {})
})

test('an import brings keys that are off here, with their devices disabled and their modules waiting', async () => {
  const { scene, send } = await open()
  await using _scene = scene
  scene.clock.advance(1_000)
  const symmetricKey = { primaryKey: Buffer.alloc(32, 'k').toString('base64'), secondaryKey: Buffer.alloc(32, 's').toString('base64') }
  const items = [
    { id: 'a', authentication: { type: 'sas', symmetricKey } },
    { id: 'a', moduleId: 'm', authentication: { type: 'sas', symmetricKey } },
  ]
  assert.deepEqual(await send(items), ['a hub/sas-off', 'a/m hub/device-not-found'])
  assert.deepEqual(await send(items, { sasArrivesDisabled: true }), [])
  assert.equal(scene.hub.devices.find('a')?.status, 'disabled')
  assert.equal(scene.hub.devices.sharedKeys(idOf('a'))?.primary.equals(Buffer.alloc(32, 'k')), true)
  assert.equal(scene.hub.modules.find('a/m')?.authentication.type, 'sas')
})

test('5,000 devices with twins are imported in chunks, and a second time they are updated', async () => {
  const { scene, send } = await open()
  await using _scene = scene
  const items = Array.from({ length: 5_000 }, (_, i) => ({
    id: `device-${(i * 7919) % 5_000}`,
    importMode: 'createOrUpdate',
    authentication: certificate,
    tags: { row: i },
  }))
  assert.deepEqual(await send(items), [])
  assert.deepEqual(await send(items.map((item) => Object.assign(item, { status: 'disabled' }))), [])
  assert.deepEqual(scene.hub.devices.statistics, { total: 5_000, enabled: 0, disabled: 5_000 })
  assert.deepEqual((await scene.hub.twins.get(idOf('device-2919')))?.tags, { row: 1 })
})
