import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import { test } from 'node:test'
import {
  type Permission,
  type Role,
  actionsOfPermissions,
  actionsOfRoles,
  openServiceDirectory,
  openServices,
  permissions,
  roles,
  serviceMigrations,
  shortRole,
  systemGrant,
} from '#access'
import { auditMigrations, openAudit } from '#audit'
import { type Action, Secret, instant } from '#base'
import { FakeClock } from '../../../test/fake-clock.ts'
import { keyWrap } from '../../../test/key-wrap.ts'
import { openTestStore } from '../../../test/open-test-store.ts'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { bearerToken, policyToken, registerService } from '../../../test/service-callers.ts'
import type { AzureRoute } from './route.ts'
import { openAzureService } from './service.ts'

/** Every route, and the rights that it takes. A route that is missing here fails the first test. */
const matrix: Readonly<Record<string, readonly Action[]>> = {
  'GET /devices': ['device.read'],
  'POST /devices': ['device.write', 'device.delete'],
  'POST /devices/query': ['twin.read'],
  'GET /devices/{id}': ['device.read'],
  'PUT /devices/{id}': ['device.write'],
  'DELETE /devices/{id}': ['device.delete'],
  'GET /devices/{id}/modules': ['device.read'],
  'GET /devices/{id}/modules/{module}': ['device.read'],
  'PUT /devices/{id}/modules/{module}': ['device.write'],
  'DELETE /devices/{id}/modules/{module}': ['device.delete'],
  'DELETE /devices/{id}/commands': ['c2d.purge'],
  'DELETE /devices/{id}/modules/{module}/commands': ['c2d.purge'],
  'POST /devices/{id}/applyConfigurationContent': ['configuration.write'],
  'GET /statistics/devices': ['device.read'],
  'GET /statistics/service': ['device.read'],
  'GET /twins/{id}': ['twin.read'],
  'PATCH /twins/{id}': ['twin.write'],
  'PUT /twins/{id}': ['twin.write'],
  'GET /twins/{id}/modules/{module}': ['twin.read'],
  'PATCH /twins/{id}/modules/{module}': ['twin.write'],
  'PUT /twins/{id}/modules/{module}': ['twin.write'],
  'POST /twins/{id}/methods': ['method.invoke'],
  'POST /twins/{id}/modules/{module}/methods': ['method.invoke'],
  'GET /jobs/v2/query': ['job.read'],
  'PUT /jobs/v2/{id}': ['job.write'],
  'GET /jobs/v2/{id}': ['job.read'],
  'POST /jobs/v2/{id}/cancel': ['job.write'],
  'POST /jobs/create': ['device.read', 'device.write', 'device.delete'],
  'GET /jobs': ['device.read'],
  'GET /jobs/{id}': ['device.read'],
  'DELETE /jobs/{id}': ['device.write'],
  'POST /configurations/testQueries': ['configuration.read'],
  'GET /configurations': ['configuration.read'],
  'GET /configurations/{id}': ['configuration.read'],
  'PUT /configurations/{id}': ['configuration.write'],
  'DELETE /configurations/{id}': ['configuration.write'],
  'GET /messages/serviceBound/feedback': ['c2d.feedback'],
  'DELETE /messages/serviceBound/feedback/{lock}': ['c2d.feedback'],
  'POST /messages/serviceBound/feedback/{lock}/abandon': ['c2d.feedback'],
  'GET /digitaltwins/{id}': ['twin.read'],
  'PATCH /digitaltwins/{id}': ['twin.write'],
  'POST /digitaltwins/{id}/commands/{command}': ['method.invoke'],
  'POST /digitaltwins/{id}/components/{component}/commands/{command}': ['method.invoke'],
}

const start = Date.UTC(2026, 5, 1)
const host = 'hub.example'

/** The surface behind a real server, with the real proof of back ends; behind it is no hub, for nobody is to get so far. */
async function openScene() {
  await using scope = new AsyncDisposableStack()
  const clock = new FakeClock(start)
  const { store } = scope.use(await openTestStore([...auditMigrations, ...serviceMigrations]))
  const audit = await openAudit({ store, clock }, new AbortController().signal)
  const { wrapKey, unwrapKey } = keyWrap('vault', new SeededRandom(5))
  const seal = (_purpose: string, plaintext: Uint8Array) => wrapKey(new Secret(Buffer.from(plaintext)))
  const unseal = (_purpose: string, sealed: Buffer) => unwrapKey(sealed)
  const random = new SeededRandom(3)
  const ports = { store, clock, random, commit: audit.commit, seal, unseal, tell() {} }
  const directory = await openServiceDirectory(ports, instant(start + 86_400_000))
  const services = openServices({
    clock,
    directory,
    issuers: [],
    names: [host],
    isOurHost: (name) => name.toLowerCase().replace(/:\d+$/, '') === host,
    refused() {},
  })
  const service = openAzureService({
    clock,
    random,
    services,
    hub: Object({}),
    trouble: (what, error) => assert.fail(`${what}: ${String(error)}`),
  })
  const server = createServer((request, response) => service.handle(request, response))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.defer(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  const tokens = new Map<string, string>()
  const keys = new Map<string, string>()
  for (const role of roles)
    tokens.set(role, await bearerToken(await registerService(directory, shortRole(role), [role], start), { now: start }))
  for (const permission of permissions) {
    const made = await directory.addPolicy(systemGrant('service.write', 'hub'), {
      name: permission,
      permissions: [permission],
      expiresAt: instant(start + 3_600_000),
    })
    assert.ok(made.ok)
    const key = made.value.primaryKey.use((bytes) => bytes.toString('utf8'))
    keys.set(permission, key)
    tokens.set(permission, policyToken(permission, key, host, { now: start }))
  }
  /** Asks a route without saying which version: who has the rights hears that, and nobody else does; nothing is ever done. */
  const ask = (route: Pick<AzureRoute, 'method' | 'path'>, authorization: string | undefined, id = 'd1') =>
    new Promise<string>((resolve, reject) => {
      const path = route.path.replaceAll(/\{[a-z]+\}/g, id)
      const headers = authorization === undefined ? {} : { authorization }
      const request = httpRequest({ host: '127.0.0.1', port, method: route.method, path, headers }, (response) => {
        response.resume()
        response.on('end', () => resolve(`${response.statusCode} ${String(response.headers['iothub-errorcode'])}`))
      })
      request.on('error', reject)
      request.end()
    })
  const held = scope.move()
  const token = (name: string) => tokens.get(name) ?? assert.fail(name)
  const key = (name: Permission) => keys.get(name) ?? assert.fail(name)
  return { clock, service, directory, ask, token, key, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

const admitted = '400 InvalidProtocolVersion'
const stranger = '401 IotHubUnauthorized'
const denied = '401 IotHubUnauthorizedAccess'

test('every route is in the matrix with the rights that it takes, and the matrix names no other', async () => {
  await using scene = await openScene()
  const declared = scene.service.routes.map(({ method, path, needs }) => [`${method} ${path}`, [...needs]] as const)
  assert.equal(new Set(declared.map(([name]) => name)).size, declared.length, 'no route stands there twice')
  assert.deepEqual(new Map(declared), new Map(Object.entries(matrix)))
})

test('roles and permissions open exactly the routes whose rights they hold (azure-wire 1.6, 1.10)', async () => {
  await using scene = await openScene()
  const callers = [
    ...roles.map((role: Role) => [role, actionsOfRoles([role])] as const),
    ...permissions.map((permission) => [permission, actionsOfPermissions([permission])] as const),
  ]
  let opened = 0
  for (const [caller, rights] of callers)
    for (const route of scene.service.routes) {
      const may = route.needs.every((action) => rights.has(action))
      if (may) opened++
      const said = await scene.ask(route, caller.startsWith('IoT') ? `Bearer ${scene.token(caller)}` : scene.token(caller))
      assert.equal(said, may ? admitted : denied, `${caller}: ${route.method} ${route.path}`)
    }
  assert.ok(opened > 100)
  assert.equal(await scene.ask({ method: 'POST', path: '/devices/query' }, scene.token('RegistryRead')), denied, 'a reader of the registry')
  for (const route of scene.service.routes)
    assert.equal(await scene.ask(route, scene.token('DeviceConnect')), denied, 'one that acts as devices')
})

test('nobody, a forger, and bearers of what is expired, ended, for elsewhere or for another resource get into no route', async () => {
  await using scene = await openScene()
  const key = scene.key('RegistryWrite')
  const service = await registerService(scene.directory, 'gone', ['IoT Hub Data Contributor'], start)
  const good = await bearerToken(service, { now: start })
  const callers: readonly (readonly [string, string | undefined, string])[] = [
    ['nobody', undefined, stranger],
    ['an empty header', '', stranger],
    ['a word', 'Bearer', stranger],
    ['Basic', `Basic ${Buffer.from('a:b').toString('base64')}`, stranger],
    ['a wrong key', policyToken('RegistryWrite', Buffer.alloc(32, 1).toString('base64'), host, { now: start }), stranger],
    ['an unknown policy', policyToken('nobody', key, host, { now: start }), stranger],
    ['the key of another policy', policyToken('ServiceConnect', key, host, { now: start }), stranger],
    ['an expired signature', policyToken('RegistryWrite', key, host, { now: start, seconds: -1 }), stranger],
    ['another host', policyToken('RegistryWrite', key, 'evil.example', { now: start }), stranger],
    ['our host as a prefix', policyToken('RegistryWrite', key, `${host}.evil.example`, { now: start }), stranger],
    ['a signature for Event Hubs', policyToken('RegistryWrite', key, `sb://${host}/`, { now: start, isEventHubs: true }), stranger],
    ['another audience', await bearerToken(service, { now: start, audience: 'https://management.azure.com' }), stranger],
    ['the audience of Event Hubs', await bearerToken(service, { now: start, audience: 'https://eventhubs.azure.net' }), stranger],
    ['an expired token', await bearerToken(service, { now: start - 7_200_000 }), stranger],
    ['a token of tomorrow', await bearerToken(service, { now: start + 86_400_000 }), stranger],
    ['a token for a day', await bearerToken(service, { now: start, seconds: 86_400 }), stranger],
    ['another issuer', await bearerToken(service, { now: start, issuer: 'urn:thingwall:service:data-reader' }), stranger],
    ['a cut token', good.slice(0, -4), stranger],
    ['another device', policyToken('RegistryWrite', key, `${host}/devices/d2`, { now: start }), denied],
  ]
  for (const [who, token, expected] of callers) {
    // Failures of one address are slowed down, and that is not what is tried here.
    scene.clock.advance(61_000)
    for (const route of scene.service.routes) assert.equal(await scene.ask(route, token), expected, `${who}: ${route.method} ${route.path}`)
  }
})

test('a token for one device opens what is about that device and nothing else (azure-wire 1.3)', async () => {
  await using scene = await openScene()
  const token = policyToken('RegistryWrite', scene.key('RegistryWrite'), `${host}/devices/d1`, { now: start })
  const read = { method: 'GET', path: '/devices/{id}' } as const
  assert.equal(await scene.ask(read, token), admitted)
  assert.equal(await scene.ask({ method: 'GET', path: '/Devices/{id}/modules/{module}' }, token), admitted)
  for (const other of ['d2', 'd12', 'D1', 'd1%20']) assert.equal(await scene.ask(read, token, other), denied, other)
  for (const inside of ['d1%2F', 'd1%2Fmodules', 'd1%2f..%2fd2'])
    assert.equal(await scene.ask(read, token, inside), '400 ArgumentInvalid', inside)
  assert.equal(await scene.ask({ method: 'GET', path: '/devices' }, token), denied)
  assert.equal(await scene.ask({ method: 'GET', path: '/configurations/d1' }, token), denied)
})

test('a service that is removed is nobody from then on', async () => {
  await using scene = await openScene()
  const service = await registerService(scene.directory, 'leaving', ['IoT Hub Data Contributor'], start)
  const token = `Bearer ${await bearerToken(service, { now: start })}`
  assert.equal(await scene.ask({ method: 'GET', path: '/devices' }, token), admitted)
  await scene.directory.remove(systemGrant('service.write', 'hub'), 'leaving')
  assert.equal(await scene.ask({ method: 'GET', path: '/devices' }, token), stranger)
})
