import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { type MqttClient, connectAsync } from 'mqtt'
import { systemGrant } from '#access'
import { type Secret, identityOf, instant, parseModuleId, systemClock, systemRandom } from '#base'
import { decodeRecord } from '#journal'
import { bearerToken, policyToken, registerService } from '../../test/service-callers.ts'
import { device, temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { type Rooms, openRooms } from './rooms.io.ts'

const write = systemGrant('service.write', 'x')
const { signal } = new AbortController()
const text = (key: Secret | undefined) => key?.use((bytes) => bytes.toString()) ?? ''

/** The real rooms of a hub that takes keys and policies for a day, with one registered device that has keys. */
async function open() {
  const scope = new AsyncDisposableStack()
  const directory = scope.use(await temporaryDirectory())
  const settings = join(directory.path, 'settings.yaml')
  const until = new Date(Date.now() + 86_400_000).toISOString()
  writeFileSync(
    settings,
    `authentication: {sas: {allowedUntil: "${until}"}}\nservices: {sharedAccessPolicies: {allowedUntil: "${until}"}}\nbroker: {deniedDelaySeconds: 0}\n`,
  )
  const ports = { 'mqtt-port': '0', 'https-port': '0', 'amqp-port': '0', workers: '0' }
  const config = parseConfig(
    { config: settings, data: join(directory.path, 'data'), 'key-file': join(directory.path, 'root.key'), ...ports },
    {},
  )
  assert.ok(config.ok)
  await openDataDirectory(config.value.dataDirectory)
  const world = { clock: systemClock, random: systemRandom, log: openLog('error', () => {}), step: () => {}, environment: {} }
  const running = scope.use(new AsyncDisposableStack())
  const rooms = await openRooms(config.value, randomBytes(8).toString('hex'), true, world, running, signal)
  const id = device('pump-1')
  const added = await rooms.hub.devices.add(systemGrant('device.write', 'x'), [{ id, authentication: { type: 'sas' } }])
  assert.ok(added.ok)
  return {
    rooms,
    id,
    async connect(name: string, password: string): Promise<MqttClient> {
      const client = await connectAsync({
        protocol: 'mqtts',
        host: '127.0.0.1',
        port: rooms.gateway.mqttPort,
        servername: 'localhost',
        ca: rooms.pki.rootPem,
        protocolVersion: 4,
        reconnectPeriod: 0,
        clientId: name,
        username: `localhost/${name}/?api-version=2021-04-12`,
        password,
      })
      scope.defer(() => void client.end(true))
      return client
    },
    ask: (path: string, authorization: string) => ask(rooms, path, authorization),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  }
}

function ask(rooms: Rooms, path: string, authorization: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const to = {
    host: '127.0.0.1',
    port: rooms.gateway.httpsPort,
    servername: 'localhost',
    ca: rooms.pki.rootPem,
    path: `${path}?api-version=2021-04-12`,
  }
  const sent = request({ ...to, headers: { authorization, host: 'localhost' }, agent: false }, (answer) => {
    answer.resume()
    resolve(answer.statusCode ?? 0)
  })
  sent.on('error', reject)
  sent.end()
  return promise
}

const ended = (client: MqttClient) => new Promise<void>((resolve) => client.once('close', () => resolve()))
const sas = (resource: string, key: string) => policyToken('', key, resource).replace(/&skn=$/, '')

test('a module connects by its own key and publishes as itself, and its key does not open the door for its device (azure-wire 2.1)', async () => {
  await using hub = await open()
  const moduleId = parseModuleId('filter')
  assert.ok(moduleId.ok)
  const added = await hub.rooms.hub.modules.add(systemGrant('device.write', 'x'), {
    device: hub.id,
    id: moduleId.value,
    authentication: { type: 'sas' },
  })
  assert.ok(added.ok)
  const keys = hub.rooms.hub.modules.sharedKeys(identityOf(hub.id, moduleId.value))
  const key = keys?.primary.use((bytes) => bytes.toString('base64')) ?? ''
  const client = await hub.connect('pump-1/filter', sas('localhost/devices/pump-1/modules/filter', key))
  const [live] = hub.rooms.gateway.connections()
  assert.deepEqual([live?.device, live?.auth.scope, live?.auth.type], ['pump-1/filter', 'module', 'sas'])
  await client.publishAsync('devices/pump-1/modules/filter/messages/events/a=b', 'x', { qos: 1 })
  await assert.rejects(hub.connect('pump-1', sas('localhost/devices/pump-1/modules/filter', key)), /[Nn]ot authorized/)
})

test('a policy with DeviceConnect signs for a device, and when it is removed the session ends', async () => {
  await using hub = await open()
  const expiresAt = instant(Date.now() + 3_600_000)
  const made = await hub.rooms.back.directory.addPolicy(write, { name: 'gateway', permissions: ['DeviceConnect'], expiresAt })
  assert.ok(made.ok)
  const token = policyToken('gateway', text(made.value.primaryKey), 'localhost/devices')
  const client = await hub.connect('pump-1', token)
  const closed = ended(client)
  assert.ok((await hub.rooms.back.directory.removePolicy(write, 'gateway')).ok)
  await closed
  await assert.rejects(hub.connect('pump-1', token), /[Nn]ot authorized/)
})

test('a back end asks the registry by its own token, or by a policy; without rights, or after it was removed, it gets nothing', async () => {
  await using hub = await open()
  const { directory } = hub.rooms.back
  const reader = await registerService(directory, 'reader', ['IoT Hub Data Reader'])
  const twins = await registerService(directory, 'twins', ['IoT Hub Twin Contributor'])
  const made = await directory.addPolicy(write, { name: 'old', permissions: ['RegistryRead'], expiresAt: instant(Date.now() + 3_600_000) })
  assert.ok(made.ok)
  const mine = `Bearer ${await bearerToken(reader)}`
  const key = text(made.value.primaryKey)
  assert.equal(await hub.ask('/devices/pump-1', mine), 200)
  assert.equal(await hub.ask('/devices/pump-1', policyToken('old', key, 'localhost')), 200)
  assert.equal(await hub.ask('/devices/pump-1', policyToken('old', key, 'localhost/devices/pump-1')), 200)
  assert.equal(await hub.ask('/devices/pump-1', policyToken('old', key, 'localhost/devices/pump-2')), 401)
  assert.ok(
    [401, 403].includes(await hub.ask('/twins/pump-1', policyToken('old', key, 'localhost'))),
    'a reader of the registry reads no twins',
  )
  assert.ok([401, 403].includes(await hub.ask('/devices/pump-1', `Bearer ${await bearerToken(twins)}`)))
  assert.equal(await hub.ask('/devices/pump-1', `Bearer ${await bearerToken(reader, { audience: 'https://evil.example' })}`), 401)
  assert.ok((await directory.remove(write, 'reader')).ok)
  assert.equal(await hub.ask('/devices/pump-1', mine), 401)
  await hub.rooms.journal.flushed()
  const { records } = await hub.rooms.journal.read(0, { records: 1_000, bytes: 1_000_000 })
  const facts = records
    .flatMap((record) => ('bytes' in record ? decodeRecord(record.bytes) : []))
    .flatMap((read) => (read.ok ? read.value : []))
  const refused = facts.flatMap((fact) => (fact.kind === 'refused' && fact.listener === 'services' ? [fact.message] : []))
  assert.ok(refused.some((message) => message.includes('reader: ERR_JWT_CLAIM')))
  assert.ok(refused.some((message) => message.includes('no service reader')))
  const changes = facts.flatMap((fact) =>
    fact.kind === 'service-added' || fact.kind === 'service-removed' ? [`${fact.kind} ${fact.what} ${fact.name}`] : [],
  )
  assert.deepEqual(changes, [
    'service-added service reader',
    'service-added service twins',
    'service-added shared-access-policy old',
    'service-removed service reader',
  ])
})
