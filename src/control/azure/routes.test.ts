import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actions, instant } from '#base'
import { type AzureAsk, callerWith, openAzureServiceScene } from '../../../test/azure-service-scene.ts'
import { idOf, openDomainScene } from '../../../test/domain-scene.ts'

/** The surface on a real hub; `ask` is a caller that may do everything unless it says otherwise. */
async function openScene() {
  await using scope = new AsyncDisposableStack()
  const scene = scope.use(await openDomainScene({ sasUntil: instant(Date.UTC(2027, 0, 1)) }))
  const callers = new Map([
    ['all', callerWith('all', actions)],
    ['reader', callerWith('reader', ['device.read'])],
  ])
  const door = scope.use(await openAzureServiceScene({ clock: scene.clock, hub: scene.hub, callers }))
  const held = scope.move()
  return {
    scene,
    door,
    ask: (method: string, path: string, given: AzureAsk = {}) => door.ask(method, path, { as: 'all', ...given }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

const any = { 'if-match': '"*"' }
const nameOf = (reply: { readonly status: number; readonly headers: Record<string, unknown> }) => [
  reply.status,
  reply.headers['iothub-errorcode'],
]

test('a device as the stock SDK writes it: created, found, updated and deleted (azure-wire 12.3)', async () => {
  await using at = await openScene()
  const body = {
    deviceId: 'd 1',
    status: 'enabled',
    authentication: { type: 'sas', symmetricKey: { primaryKey: '', secondaryKey: '' } },
  }
  // A device id has no space; the transcript's own has, and is refused for it.
  assert.deepEqual(nameOf(await at.ask('PUT', '/devices/d%201', { body })), [400, 'ArgumentInvalid'])
  const made = await at.ask('PUT', '/devices/d%251', { body: { ...body, deviceId: 'd%1' } })
  assert.equal(made.status, 200)
  const device = Object(made.json)
  assert.equal(made.headers['etag'], `"${device.etag}"`)
  assert.match(device.generationId, /^\d+$/)
  assert.equal(Buffer.from(device.authentication.symmetricKey.primaryKey, 'base64').length, 64)
  assert.deepEqual(
    [device.connectionState, device.connectionStateUpdatedTime, device.cloudToDeviceMessageCount, device.capabilities],
    ['Disconnected', '0001-01-01T00:00:00Z', 0, { iotEdge: false }],
  )
  assert.deepEqual(nameOf(await at.ask('PUT', '/devices/d%251', { body: { ...body, deviceId: 'd%1' } })), [409, 'DeviceAlreadyExists'])
  const seen = await at.ask('GET', '/devices/d%251/', { as: 'reader' })
  assert.deepEqual(Object(seen.json).authentication.symmetricKey, { primaryKey: '', secondaryKey: '' })
  assert.doesNotMatch(seen.text, new RegExp(device.authentication.symmetricKey.primaryKey.slice(0, 20).replaceAll(/[+/]/g, '.')))
  const listed = await at.ask('GET', '/devices/')
  assert.deepEqual(
    Array.from(Object(listed.json), ({ deviceId }) => deviceId),
    ['d%1'],
  )
  const changed = await at.ask('PUT', '/devices/d%251', { headers: any, body: { deviceId: 'd%1', status: 'disabled', statusReason: 'x' } })
  assert.deepEqual([Object(changed.json).status, Object(changed.json).statusReason], ['disabled', 'x'])
  const stale = await at.ask('PUT', '/devices/d%251', { headers: { 'if-match': `"${device.etag}"` }, body: { status: 'enabled' } })
  assert.deepEqual(nameOf(stale), [412, 'PreconditionFailed'])
  const bare = { 'if-match': String(Object(changed.json).etag) }
  assert.equal((await at.ask('PUT', '/devices/d%251', { headers: bare, body: { status: 'enabled' } })).status, 200)
  assert.equal((await at.ask('DELETE', '/devices/d%251', { headers: any })).status, 204)
  assert.deepEqual(nameOf(await at.ask('GET', '/devices/d%251')), [404, 'DeviceNotFound'])
  assert.deepEqual(nameOf(await at.ask('PUT', '/devices/d%251', { headers: any, body: {} })), [404, 'DeviceNotFound'])
  assert.deepEqual(nameOf(await at.ask('DELETE', '/devices/d%251')), [404, 'DeviceNotFound'])
})

for (const [what, path, body] of [
  ['another id in the body', '/devices/d1', { deviceId: 'd2' }],
  ['an id that is a number', '/devices/d1', { deviceId: 7 }],
  ['a slash in the id', '/devices/d1%2Fm1', {}],
  ['a wildcard in the id', '/devices/d1%2B', {}],
  ['an id of the hub itself', '/devices/thingwall-probe', {}],
  ['129 characters', `/devices/${'a'.repeat(129)}`, {}],
  ['a status that is none', '/devices/d1', { status: 'paused' }],
  ['a SHA-1 thumbprint', '/devices/d1', { authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'a'.repeat(40) } } }],
  ['a key that is no base64', '/devices/d1', { authentication: { symmetricKey: { primaryKey: 'not base64!' } } }],
  ['a list', '/devices/d1', []],
  ['nothing', '/devices/d1', undefined],
] as const)
  test(`a device with ${what} is refused and not made`, async () => {
    await using at = await openScene()
    const reply = await at.ask('PUT', path, body === undefined ? {} : { body })
    assert.equal(reply.status, 400, reply.text)
    assert.doesNotMatch(reply.text, /not base64/)
    assert.equal(at.scene.hub.devices.count, 0)
  })

test('modules: created, listed, updated and deleted; a device comes before its module (azure-wire 12.3)', async () => {
  await using at = await openScene()
  const body = { deviceId: 'd1', moduleId: 'm1', authentication: { type: 'certificateAuthority' } }
  assert.deepEqual(nameOf(await at.ask('PUT', '/devices/d1/modules/m1', { body })), [404, 'DeviceNotFound'])
  await at.ask('PUT', '/devices/d1', { body: { deviceId: 'd1' } })
  assert.deepEqual(nameOf(await at.ask('GET', '/devices/d1/modules/m1')), [404, 'ModuleNotFound'])
  const made = await at.ask('PUT', '/devices/d1/modules/m1', { body })
  assert.deepEqual([made.status, Object(made.json).moduleId, Object(made.json).deviceId], [200, 'm1', 'd1'])
  assert.deepEqual(nameOf(await at.ask('PUT', '/devices/d1/modules/m1', { body })), [409, 'ModuleAlreadyExistsOnDevice'])
  assert.equal(Object((await at.ask('GET', '/devices/d1/modules')).json).length, 1)
  const etag = { 'if-match': `"${String(Object(made.json).etag)}"` }
  const changed = await at.ask('PUT', '/devices/d1/modules/m1', { headers: etag, body: { ...body, managedBy: 'us' } })
  assert.equal(Object(changed.json).managedBy, 'us')
  assert.deepEqual(nameOf(await at.ask('DELETE', '/devices/d1/modules/m1', { headers: etag })), [412, 'PreconditionFailed'])
  assert.equal((await at.ask('DELETE', '/devices/d1/modules/m1', { headers: any })).status, 204)
  assert.deepEqual(nameOf(await at.ask('PUT', '/devices/d1/modules/m1', { body: { ...body, moduleId: 'm2' } })), [400, 'ArgumentInvalid'])
})

test('a twin: read whole, patched by its etag, replaced; modules have their own (azure-wire 5.2, 12.3)', async () => {
  await using at = await openScene()
  await at.ask('PUT', '/devices/d1', { body: { deviceId: 'd1' } })
  const fresh = await at.ask('GET', '/twins/d1')
  const twin = Object(fresh.json)
  assert.deepEqual([twin.deviceId, twin.tags, twin.modelId, twin.authenticationType], ['d1', {}, '', 'sas'])
  assert.equal(fresh.headers['etag'], `"${twin.etag}"`)
  const etag = { 'if-match': `"${twin.etag}"` }
  const patched = await at.ask('PATCH', '/twins/d1', {
    headers: etag,
    body: { tags: { a: 1 }, properties: { desired: { x: { y: 1 }, z: 2 } } },
  })
  assert.deepEqual([patched.status, Object(patched.json).tags], [200, { a: 1 }])
  assert.equal(Object(patched.json).properties.desired.$version, 2)
  assert.deepEqual(nameOf(await at.ask('PATCH', '/twins/d1', { headers: etag, body: { tags: { a: 2 } } })), [412, 'PreconditionFailed'])
  // A whole twin is sent back with what the hub says of it.
  const whole = { ...Object(patched.json), tags: { b: 1 } }
  const replaced = await at.ask('PUT', '/twins/d1', { headers: any, body: whole })
  assert.deepEqual(
    [replaced.status, Object(replaced.json).tags, Object(replaced.json).properties.desired.z],
    [200, { b: 1 }, 2],
    replaced.text,
  )
  assert.deepEqual(nameOf(await at.ask('GET', '/twins/none')), [404, 'DeviceNotFound'])
  assert.deepEqual(nameOf(await at.ask('GET', '/twins/d1/modules/none')), [404, 'ModuleNotFound'])
  for (const [body, expected] of [
    [{ properties: { desired: { 'a.b': 1 } } }, 'ArgumentInvalid'],
    [{ properties: { desired: { a: 'x'.repeat(5_000) } } }, 'ArgumentInvalid'],
    [{ tags: [] }, 'ArgumentInvalid'],
    [[], 'ArgumentInvalid'],
  ] as const)
    assert.deepEqual(nameOf(await at.ask('PATCH', '/twins/d1', { headers: any, body })), [400, expected])
  const large = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`k${n}`, 'x'.repeat(3_000)]))
  assert.equal((await at.ask('PATCH', '/twins/d1', { headers: any, body: { properties: { desired: large } } })).status, 413)
})

test('a method goes to the device that takes it and its status comes back in the body (azure-wire 5.6, 12.3)', async () => {
  await using at = await openScene()
  await at.ask('PUT', '/devices/d1', { body: { deviceId: 'd1' } })
  const link = at.scene.hub.methods.attach(idOf('d1'), {
    call: (rid, name, body) => link.answer(rid, 201, Buffer.from(JSON.stringify({ name, got: JSON.parse(body) }))),
  })
  const body = { methodName: 'reboot', payload: { a: 1 }, responseTimeoutInSeconds: 15, connectTimeoutInSeconds: 5 }
  const answer = await at.ask('POST', '/twins/d1/methods', { body })
  assert.deepEqual([answer.status, answer.json], [200, { status: 201, payload: { name: 'reboot', got: { a: 1 } } }])
  const command = await at.ask(
    'POST',
    '/digitaltwins/d1/components/comp/commands/cmd?connectTimeoutInSeconds=3&responseTimeoutInSeconds=5',
    {
      body: 'now',
    },
  )
  assert.deepEqual([command.status, command.headers['x-ms-command-statuscode']], [200, '201'])
  assert.deepEqual(command.json, { name: 'comp*cmd', got: 'now' })
  link.detach()
  assert.deepEqual(nameOf(await at.ask('POST', '/twins/d1/methods', { body: { methodName: 'reboot' } })), [404, 'DeviceNotOnline'])
  assert.deepEqual(nameOf(await at.ask('POST', '/twins/none/methods', { body })), [404, 'DeviceNotFound'])
  for (const wrong of [{ methodName: '' }, { methodName: 'a/b' }, { methodName: 'a', responseTimeoutInSeconds: 4 }, {}])
    assert.deepEqual(nameOf(await at.ask('POST', '/twins/d1/methods', { body: wrong })), [400, 'ArgumentInvalid'], JSON.stringify(wrong))
})

test('a digital twin is read and patched (azure-wire 5.11, 12.3)', async () => {
  await using at = await openScene()
  await at.ask('PUT', '/devices/d1', { body: { deviceId: 'd1' } })
  const patch = [{ op: 'add', path: '/x', value: 1 }]
  const changed = await at.ask('PATCH', '/digitaltwins/d1', { headers: { 'if-match': '*' }, body: patch })
  assert.deepEqual([changed.status, changed.headers['location'], changed.text], [202, '/digitaltwins/d1', ''])
  const read = await at.ask('GET', '/digitaltwins/d1')
  assert.equal(read.headers['etag'], changed.headers['etag'])
  assert.equal(Object(read.json).$metadata.x.desiredValue, 1)
  const stale = await at.ask('PATCH', '/digitaltwins/d1', { headers: { 'if-match': '"AAAAAAAAAAE="' }, body: patch })
  assert.deepEqual(nameOf(stale), [412, 'PreconditionFailed'])
})

test('a queue is emptied, and feedback is read and settled by its lock (azure-wire 5.1, 5.9)', async () => {
  await using at = await openScene()
  await at.ask('PUT', '/devices/d1', { body: { deviceId: 'd1' } })
  const purged = await at.ask('DELETE', '/devices/d1/commands')
  assert.deepEqual([purged.status, purged.json], [200, { totalMessagesPurged: 0, deviceId: 'd1', moduleId: null }])
  assert.equal((await at.ask('GET', '/messages/serviceBound/feedback')).status, 204)
  const lock = '/messages/servicebound/feedback/11111111-1111-4111-8111-111111111111'
  assert.deepEqual(nameOf(await at.ask('DELETE', lock)), [412, 'DeviceMessageLockLost'])
  assert.deepEqual(nameOf(await at.ask('POST', `${lock}/abandon`, { headers: { 'if-match': 'another' } })), [400, 'ArgumentInvalid'])
})

test('statistics, and import and export where there is no store of files (azure-wire 5.1, 5.8)', async () => {
  await using at = await openScene()
  await at.ask('PUT', '/devices/d1', { body: { deviceId: 'd1' } })
  await at.ask('PUT', '/devices/d2', { body: { deviceId: 'd2', status: 'disabled' } })
  const counted = { totalDeviceCount: 2, enabledDeviceCount: 1, disabledDeviceCount: 1 }
  assert.deepEqual((await at.ask('GET', '/statistics/devices')).json, counted)
  assert.deepEqual((await at.ask('GET', '/statistics/service')).json, { connectedDeviceCount: 0 })
  const job = { type: 'export', outputBlobContainerUri: 'https://x/y?sas', excludeKeysInExport: false }
  assert.deepEqual(nameOf(await at.ask('POST', '/jobs/create', { body: job })), [400, 'DefaultStorageEndpointNotConfigured'])
  assert.deepEqual((await at.ask('GET', '/jobs')).json, [])
  assert.deepEqual(nameOf(await at.ask('DELETE', '/jobs/x')), [404, 'JobNotFound'])
})
