import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Secret, parseModuleId, plus } from '#base'
import { type Json, parseJson } from '#wire/json'
import { FakeClock } from '../../test/fake-clock.ts'
import { idOf, openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import {
  deviceFromAzureJson,
  deviceSpecOf,
  deviceToAzureJson,
  moduleFromAzureJson,
  moduleSpecOf,
  moduleToAzureJson,
} from './device-json.ts'

const { write } = registryGrants
const print = (digit: string) => digit.repeat(64)
const key = Buffer.alloc(32, 'k').toString('base64')

test('a device reads as IoT Hub writes it, with its keys for who may set them [azure-wire 5.1]', async () => {
  await using scene = await openDomainScene({ sasUntil: plus(new FakeClock().now(), 1_000) })
  const { devices, presence } = scene.hub
  const keys = { primary: new Secret(Buffer.alloc(32, 'k')), secondary: new Secret(Buffer.alloc(32, 's')) }
  await devices.add(write, [{ id: idOf('d'), authentication: { type: 'sas' }, keys }])
  const device = devices.find('d')
  assert.ok(device)
  const never = '0001-01-01T00:00:00Z'
  const plain = deviceToAzureJson(device, presence.of(idOf('d')), 3, undefined)
  assert.deepEqual(plain, {
    deviceId: 'd',
    generationId: device.generationId,
    etag: device.etag,
    connectionState: 'Disconnected',
    status: 'enabled',
    statusReason: null,
    connectionStateUpdatedTime: never,
    statusUpdatedTime: never,
    lastActivityTime: never,
    cloudToDeviceMessageCount: 3,
    authentication: {
      type: 'sas',
      symmetricKey: { primaryKey: '', secondaryKey: '' },
      x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: null },
    },
    capabilities: { iotEdge: false },
    deviceScope: null,
    parentScopes: [],
  })
  const shown = JSON.stringify(deviceToAzureJson(device, presence.of(idOf('d')), 0, devices.sharedKeys(idOf('d'))))
  assert.ok(shown.includes(`"primaryKey":"${key}"`))
  assert.ok(!inspect(device, { depth: 9 }).includes(key.slice(0, 12)))
  await devices.update(write, idOf('d'), { status: 'disabled' })
  presence.connected(idOf('d'))
  const after = devices.find('d')
  assert.ok(after)
  const now = new Date(scene.clock.now()).toISOString()
  const changed = deviceToAzureJson(after, presence.of(idOf('d')), 0, undefined)
  assert.deepEqual(
    [changed['status'], changed['statusUpdatedTime'], changed['connectionState'], changed['lastActivityTime']],
    ['disabled', now, 'Connected', now],
  )
})

test('what was read can be written back and changes nothing, for devices and for modules', async () => {
  await using scene = await openDomainScene({ sasUntil: plus(new FakeClock().now(), 1_000) })
  const { devices, modules, presence } = scene.hub
  const id = parseModuleId('m')
  assert.ok(id.ok)
  const pinned = { type: 'selfSigned', primaryThumbprint: print('a'), secondaryThumbprint: null } as const
  await devices.add(write, [
    { id: idOf('d'), authentication: { type: 'sas' }, statusReason: 'new', deviceScope: 'ms-azure-iot-edge://e-1' },
    { id: idOf('p'), authentication: pinned },
    { id: idOf('e'), authentication: { type: 'certificateAuthority' }, capabilities: { iotEdge: true } },
  ])
  await modules.add(write, { device: idOf('d'), id: id.value, authentication: { type: 'none' }, managedBy: 'me' })
  for (const before of devices.all()) {
    const read = deviceFromAzureJson(deviceToAzureJson(before, presence.of(before.id), 0, devices.sharedKeys(before.id)))
    assert.ok(read.ok)
    const updated = await devices.update(write, before.id, read.value)
    assert.ok(updated.ok)
    assert.equal(updated.value.receipt, null)
    assert.deepEqual({ ...updated.value.device, etag: '', updatedAt: 0 }, { ...before, etag: '', updatedAt: 0 })
  }
  const before = modules.find('d/m')
  assert.ok(before)
  const read = moduleFromAzureJson(moduleToAzureJson(before, presence.of(before.identity), 0, undefined))
  assert.deepEqual(read.ok && moduleSpecOf(read.value), {
    device: 'd',
    id: 'm',
    managedBy: 'me',
    authentication: { type: 'none' },
    keys: undefined,
  })
})

const proof = (authentication: Json) => deviceFromAzureJson({ deviceId: 'd', authentication })

test('how a device proves itself is read as clients old and new write it [azure-wire 1.8, 1.11]', () => {
  const said = (authentication: Json) => {
    const read = proof(authentication)
    return read.ok ? [read.value.authentication?.type, read.value.keys?.primary === 'generate'] : read.error.code
  }
  const empty = { primaryKey: '', secondaryKey: '' }
  assert.deepEqual(said({ type: 'sas', symmetricKey: empty }), ['sas', true], 'the Node client: make keys')
  assert.deepEqual(said({ symmetricKey: { primaryKey: key, secondaryKey: null } }), ['sas', false], 'no type')
  assert.deepEqual(said({ x509Thumbprint: { primaryThumbprint: print('a') } }), ['selfSigned', false], 'no type, and a thumbprint')
  assert.deepEqual(said({ type: 'certificateAuthority', symmetricKey: { primaryKey: null } }), ['certificateAuthority', false])
  assert.deepEqual(said(null), [undefined, false])
  assert.equal(said({ type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'a'.repeat(40) } }), 'hub/sha1-thumbprint')
  assert.equal(said({ type: 'selfSigned' }), 'hub/thumbprint-missing')
  assert.equal(said({ type: 'sas', symmetricKey: { primaryKey: 'c2hvcnQ=' } }), 'hub/key-malformed')
  const nothing = deviceFromAzureJson({ deviceId: 'd' })
  assert.deepEqual(nothing.ok && deviceSpecOf(nothing.value).authentication, { type: 'sas' })
})

for (const [what, text] of [
  ['a list', '[]'],
  ['null', 'null'],
  ['no id', '{}'],
  ['an id that is a number', '{"deviceId":7}'],
  ['a status of its own', '{"deviceId":"d","status":"asleep"}'],
  ['a status that is an object', '{"deviceId":"d","status":{"toString":1}}'],
  ['a reason that is a list', '{"deviceId":"d","statusReason":["x"]}'],
  ['scopes that are none', '{"deviceId":"d","parentScopes":[1]}'],
  ['a scope that is an object', '{"deviceId":"d","deviceScope":{}}'],
  ['capabilities in a list', '{"deviceId":"d","capabilities":[true]}'],
  ['a capability that is text', '{"deviceId":"d","capabilities":{"iotEdge":"yes"}}'],
  ['authentication in text', '{"deviceId":"d","authentication":"sas"}'],
  ['a type of its own', '{"deviceId":"d","authentication":{"type":"password"}}'],
  ['a device that lets another connect for it', '{"deviceId":"d","authentication":{"type":"none"}}'],
  ['a key that is a number', '{"deviceId":"d","authentication":{"symmetricKey":{"primaryKey":1}}}'],
  ['keys in a list', '{"deviceId":"d","authentication":{"symmetricKey":[]}}'],
  ['thumbprints in text', '{"deviceId":"d","authentication":{"x509Thumbprint":"aa"}}'],
] as const)
  test(`refuses a device with ${what}`, () => {
    const json = parseJson(text)
    assert.ok(json.ok)
    const read = deviceFromAzureJson(json.value)
    assert.equal(read.ok ? 'read' : read.error.code, 'hub/registry-malformed')
  })

test('what nobody knows is passed over, and what is ours to say is not theirs', () => {
  const read = deviceFromAzureJson({
    deviceId: 'd',
    generationId: '1',
    etag: 'mine',
    connectionState: 'Connected',
    lastActivityTime: '2099-01-01T00:00:00Z',
    cloudToDeviceMessageCount: 9,
    toString: 'x',
    valueOf: { x: 1 },
  })
  assert.deepEqual(read.ok && Object.entries(read.value).filter(([, value]) => value !== undefined), [['id', 'd']])
})
