import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import azureDevice from 'azure-iot-device'
import azureMqtt from 'azure-iot-device-mqtt'
import azure from 'azure-iothub'
import { until, within } from '../until.ts'
import { type BackEnd, openBackEnd } from './back-end.ts'

/*
 * The stock service SDK against a real hub, changed in its connection string alone (azure-wire 11.3, M14 to M18 and M21, and the rows of 11.4
 * that are about REST). The SDK takes no other port than 443, so the hub has that of a loopback address of its own.
 */

const { Client: DeviceClient } = azureDevice
const { Mqtt } = azureMqtt
const { Client, DigitalTwinClient, IoTHubTokenCredentials, JobClient, Registry } = azure

/** What the SDK throws: its class, and the status that it saw. */
const refusedAs = (name: string, status: number) => (error: unknown) => {
  const { name: thrown, response } = Object(error)
  assert.deepEqual([thrown, Object(response).statusCode], [name, status], String(error))
  return true
}

/** One hub for all tests of this file; undefined where the port cannot be had. */
let shared: Promise<BackEnd | undefined> | undefined
async function backEnd(t: TestContext): Promise<BackEnd | undefined> {
  shared ??= openBackEnd('127.0.0.4')
  const hub = await shared
  if (hub === undefined) t.skip('port 443 may not be bound here, and the SDK takes no other')
  return hub
}
test.after(async () => (await shared)?.[Symbol.asyncDispose]())

const certificate = { authentication: { type: 'certificateAuthority' } } as const

test('M14: devices are made, read, changed, listed and deleted, and each refusal is of its class', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  const id = 'rest-1%(a)'
  const made = (await registry.create({ deviceId: id, ...certificate })).responseBody
  assert.deepEqual([made.deviceId, made.status, made.connectionState], [id, 'enabled', 'Disconnected'])
  assert.match(String(Object(made).generationId), /^\d+$/)
  await assert.rejects(registry.create({ deviceId: id, ...certificate }), refusedAs('DeviceAlreadyExistsError', 409))
  const { responseBody: read, httpResponse } = await registry.get(id)
  assert.equal(httpResponse.headers['etag'], `"${String(Object(read).etag)}"`)
  const changed = (await registry.update({ deviceId: id, status: 'disabled', statusReason: 'worn out', ...certificate })).responseBody
  assert.deepEqual([changed.status, changed.statusReason], ['disabled', 'worn out'])
  assert.notEqual(Object(changed).etag, Object(read).etag)
  assert.ok((await registry.list()).responseBody.some(({ deviceId }) => deviceId === id))
  await registry.delete(id)
  await assert.rejects(registry.get(id), refusedAs('DeviceNotFoundError', 404))
  await assert.rejects(registry.delete(id), refusedAs('DeviceNotFoundError', 404))
  await assert.rejects(registry.update({ deviceId: id, ...certificate }), refusedAs('DeviceNotFoundError', 404))
  await assert.rejects(registry.create({ deviceId: 'a/b', ...certificate }), refusedAs('ArgumentError', 400))
})

test('1.11: a device without keys gets some, and only who may write the registry sees them', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  const made = (await registry.create({ deviceId: 'rest-keys' })).responseBody
  const key = made.authentication?.symmetricKey?.primaryKey ?? ''
  assert.equal(Buffer.from(key, 'base64').length, 64)
  assert.notEqual(key, made.authentication?.symmetricKey?.secondaryKey)
  const seen = (await Registry.fromConnectionString(hub.reader).get('rest-keys')).responseBody
  assert.deepEqual([seen.authentication?.symmetricKey?.primaryKey, seen.authentication?.symmetricKey?.secondaryKey], ['', ''])
  const given = Buffer.alloc(32, 7).toString('base64')
  await registry.create({
    deviceId: 'rest-keys-given',
    authentication: { symmetricKey: { primaryKey: given, secondaryKey: given } },
  })
  const back = (await registry.get('rest-keys-given')).responseBody
  assert.equal(back.authentication?.symmetricKey?.primaryKey, given)
})

test('M14: devices are added, changed and removed by the hundred, each with its own outcome', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  const many = Array.from({ length: 100 }, (_, at) => ({ deviceId: `bulk-${at}`, ...certificate }))
  const added = (await registry.addDevices(many)).responseBody
  assert.deepEqual([added.isSuccessful, added.errors], [true, []])
  const again = (
    await registry.addDevices([
      { deviceId: 'bulk-0', ...certificate },
      { deviceId: 'bulk-new', ...certificate },
    ])
  ).responseBody
  assert.equal(again.isSuccessful, false)
  assert.deepEqual(
    again.errors.map((error) => [error.deviceId, Object(error).errorCode]),
    [['bulk-0', 409_001]],
  )
  assert.equal((await registry.get('bulk-new')).responseBody.deviceId, 'bulk-new')
  const worn = many.map((device) => ({ ...device, status: 'disabled' as const }))
  assert.equal((await registry.updateDevices(worn, true)).responseBody.isSuccessful, true)
  assert.equal((await registry.get('bulk-99')).responseBody.status, 'disabled')
  const stale = (await registry.updateDevices([{ ...worn[0], deviceId: 'bulk-0', etag: 'stale' }], false)).responseBody
  assert.deepEqual([stale.isSuccessful, Object(stale.errors[0]).errorCode], [false, 412_001])
  await assert.rejects(registry.addDevices([...many, { deviceId: 'bulk-101', ...certificate }]), /./)
  assert.equal((await registry.removeDevices([...many, { deviceId: 'bulk-new' }].slice(1), true)).responseBody.isSuccessful, true)
  await assert.rejects(registry.get('bulk-5'), refusedAs('DeviceNotFoundError', 404))
})

test('M15: modules of a device', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  await registry.create({ deviceId: 'rest-modules', ...certificate })
  const module = { deviceId: 'rest-modules', moduleId: 'm-1', managedBy: 'us' }
  await registry.addModule(module)
  await assert.rejects(registry.addModule(module), refusedAs('DeviceAlreadyExistsError', 409))
  const read = (await registry.getModule('rest-modules', 'm-1')).responseBody
  assert.deepEqual([read.moduleId, read.deviceId, read.managedBy], ['m-1', 'rest-modules', 'us'])
  assert.deepEqual(
    (await registry.getModulesOnDevice('rest-modules')).responseBody.map(({ moduleId }) => moduleId),
    ['m-1'],
  )
  await registry.updateModule({ ...module, managedBy: 'them' }, true)
  const changed = (await registry.getModule('rest-modules', 'm-1')).responseBody
  assert.equal(changed.managedBy, 'them')
  await assert.rejects(registry.updateModule({ ...changed, etag: 'stale' }), refusedAs('InvalidEtagError', 412))
  await registry.updateModuleTwin('rest-modules', 'm-1', { tags: { of: 'module' } }, '*')
  assert.deepEqual((await registry.getModuleTwin('rest-modules', 'm-1')).responseBody.tags, { of: 'module' })
  await registry.removeModule('rest-modules', 'm-1')
  await assert.rejects(registry.getModule('rest-modules', 'm-1'), refusedAs('Error', 404))
  await assert.rejects(registry.addModule({ ...module, deviceId: 'rest-none' }), refusedAs('DeviceNotFoundError', 404))
})

test('M16: a twin is read, patched by its etag, and replaced', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  await registry.create({ deviceId: 'rest-twin', ...certificate })
  const twin = (await registry.getTwin('rest-twin')).responseBody
  assert.deepEqual([twin.deviceId, twin.tags, twin.properties.desired['$version']], ['rest-twin', {}, 1])
  const first = (await registry.updateTwin('rest-twin', { tags: { line: 4 }, properties: { desired: { a: { b: 1 }, c: 2 } } }, twin.etag))
    .responseBody
  assert.deepEqual([first.tags, first.properties.desired['a'], first.properties.desired['$version']], [{ line: 4 }, { b: 1 }, 2])
  assert.equal(first.properties.desired['$metadata'].a.$lastUpdatedVersion, 2)
  await assert.rejects(registry.updateTwin('rest-twin', { tags: { line: 5 } }, twin.etag), refusedAs('InvalidEtagError', 412))
  await first.update({ properties: { desired: { c: null } } })
  const second = (await registry.getTwin('rest-twin')).responseBody
  assert.equal('c' in second.properties.desired, false)
  const large = { properties: { desired: { x: 'y'.repeat(5_000) } } }
  await assert.rejects(registry.updateTwin('rest-twin', large, '*'), refusedAs('ArgumentError', 400))
  await assert.rejects(registry.getTwin('rest-none'), refusedAs('DeviceNotFoundError', 404))
})

test('M17: a query goes over its pages to the end', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  await registry.addDevices(Array.from({ length: 7 }, (_, at) => ({ deviceId: `query-${at}`, ...certificate })))
  for (let at = 0; at < 7; at++) await registry.updateTwin(`query-${at}`, { tags: { suite: 'pages', odd: at % 2 === 1 } }, '*')
  const query = registry.createQuery("SELECT * FROM devices WHERE tags.suite = 'pages'", 3)
  const sizes: number[] = []
  const seen: string[] = []
  while (query.hasMoreResults) {
    const { result } = await query.nextAsTwin()
    sizes.push(result.length)
    seen.push(...result.map(({ deviceId }) => deviceId))
  }
  assert.deepEqual([sizes, seen], [[3, 3, 1], Array.from({ length: 7 }, (_, at) => `query-${at}`)])
  const count = await registry.createQuery("SELECT COUNT() AS n FROM devices WHERE tags.suite = 'pages' AND tags.odd = true").next()
  assert.deepEqual(count.result, [{ n: 3 }])
  await assert.rejects(registry.createQuery('SELECT nonsense everywhere').next(), refusedAs('ArgumentError', 400))
  await assert.rejects(
    registry.createQuery("SELECT * FROM devices WHERE deviceId = ''; DROP TABLE devices").next(),
    refusedAs('ArgumentError', 400),
  )
})

/** A device that is connected as its maker would have it. */
async function connected(hub: BackEnd, id: string) {
  const { cert, key, ca } = await hub.process.addDevice(id)
  const client = DeviceClient.fromConnectionString(`HostName=${hub.host}:${hub.process.ports.mqtt};DeviceId=${id};x509=true`, Mqtt)
  await client.setOptions({ cert, key, ca })
  await client.open()
  return Object.assign(client, { [Symbol.asyncDispose]: async () => void (await client.close()) })
}

/** Resolves when a device takes methods: the SDK says nothing of its SUBACK. */
async function untilCallable(hub: BackEnd, id: string, methodName: string) {
  const client = Client.fromConnectionString(hub.owner)
  await until(`${id} takes methods`, 20_000, async () => {
    const answer = await client.invokeDeviceMethod(id, { methodName, payload: { n: 0 } }).catch((error: unknown) => error)
    return !(answer instanceof Error)
  })
}

test('M18: a method reaches a device and its answer comes back; offline, silence and a strange answer are told apart', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const service = Client.fromConnectionString(hub.owner)
  await using device = await connected(hub, 'rest-method')
  device.onDeviceMethod('double', (request, response) => void response.send(207, { twice: Number(request.payload.n) * 2 }))
  device.onDeviceMethod('mute', () => undefined)
  await untilCallable(hub, 'rest-method', 'double')
  const { result } = await service.invokeDeviceMethod('rest-method', { methodName: 'double', payload: { n: 21 } })
  assert.deepEqual(result, { status: 207, payload: { twice: 42 } })
  const silent = { methodName: 'mute', responseTimeoutInSeconds: 5 }
  await assert.rejects(service.invokeDeviceMethod('rest-method', silent), refusedAs('GatewayTimeoutError', 504))
  await assert.rejects(service.invokeDeviceMethod('rest-none', { methodName: 'x' }), refusedAs('DeviceNotFoundError', 404))
  await Registry.fromConnectionString(hub.owner).create({ deviceId: 'rest-offline', ...certificate })
  await assert.rejects(service.invokeDeviceMethod('rest-offline', { methodName: 'x' }), (error: unknown) => {
    assert.equal(Object(error).response.headers['iothub-errorcode'], 'DeviceNotOnline')
    return refusedAs('Error', 404)(error)
  })
  await assert.rejects(service.invokeDeviceMethod('rest-method', { methodName: 'a/b' }), refusedAs('ArgumentError', 400))
})

test('M21: statistics of the registry count what is there', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  const before = (await registry.getRegistryStatistics()).responseBody
  await registry.addDevices([
    { deviceId: 'count-1', ...certificate },
    { deviceId: 'count-2', status: 'disabled', ...certificate },
  ])
  const after = (await registry.getRegistryStatistics()).responseBody
  assert.deepEqual(
    [after.totalDeviceCount, after.enabledDeviceCount, after.disabledDeviceCount],
    [before.totalDeviceCount + 2, before.enabledDeviceCount + 1, before.disabledDeviceCount + 1],
  )
})

test('jobs over devices: twins are updated, methods called, both are found again and can be cancelled (azure-wire 5.7)', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  const jobs = JobClient.fromConnectionString(hub.owner)
  await registry.addDevices(Array.from({ length: 5 }, (_, at) => ({ deviceId: `job-${at}`, ...certificate })))
  const ended = async (id: string) => {
    await until(`job ${id} has ended`, 20_000, async () => {
      const { status } = Object((await jobs.getJob(id)).jobStatus)
      return status === 'completed' || status === 'failed'
    })
    return Object((await jobs.getJob(id)).jobStatus)
  }
  const five = ['job-0', 'job-1', 'job-2', 'job-3', 'job-4'].map((id) => `'${id}'`).join(', ')
  const patch = { etag: '*', tags: { by: 'job' }, properties: { desired: { pace: 9 } } }
  await jobs.scheduleTwinUpdate('rest-job-1', `deviceId IN [${five}]`, patch)
  const done = await ended('rest-job-1')
  assert.deepEqual([done.status, done.type, done.deviceJobStatistics.succeededCount], ['completed', 'scheduleUpdateTwin', 5])
  assert.deepEqual((await registry.getTwin('job-3')).responseBody.tags, { by: 'job' })
  await assert.rejects(
    jobs.scheduleTwinUpdate('rest-job-1', '*', { etag: '*', tags: {} }),
    (error: unknown) => Object(error).response.headers['iothub-errorcode'] === 'JobAlreadyExists',
  )
  await assert.rejects(jobs.getJob('rest-job-none'), refusedAs('Error', 404))
  const far = new Date(Date.now() + 3_600_000)
  await jobs.scheduleDeviceMethod('rest-job-2', "deviceId = 'job-1'", { methodName: 'x', payload: {} }, far, 60)
  assert.equal(Object((await jobs.cancelJob('rest-job-2')).jobStatus).status, 'cancelled')
  await jobs.scheduleDeviceMethod('rest-job-3', "deviceId = 'job-1'", { methodName: 'x', payload: {} })
  const failed = await ended('rest-job-3')
  assert.deepEqual([failed.deviceJobStatistics.deviceCount, failed.deviceJobStatistics.failedCount], [1, 1])
  const query = jobs.createQuery('scheduleDeviceMethod', undefined, 1)
  const found: string[] = []
  while (query.hasMoreResults) {
    // Without an argument this call of the SDK forgets where it was; `nextAsTwin` does not.
    const { result } = query.continuationToken === null ? await query.next() : await query.next(query.continuationToken)
    found.push(...Array.from(result, (job) => String(Object(job).jobId)))
  }
  assert.deepEqual(found.toSorted(), ['rest-job-2', 'rest-job-3'])
  const rows = await registry.createQuery("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'rest-job-1'").next()
  assert.equal(rows.result.length, 5)
})

test('configurations are added, found, changed by their etag, and removed (azure-wire 5.5)', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromConnectionString(hub.owner)
  await registry.create({ deviceId: 'conf-1', ...certificate })
  await registry.updateTwin('conf-1', { tags: { suite: 'configurations' } }, '*')
  const configuration = {
    id: 'rest-conf',
    schemaVersion: '1.0',
    labels: { a: 'b' },
    content: { deviceContent: { 'properties.desired.mode': { quiet: true } } },
    targetCondition: "tags.suite = 'configurations'",
    priority: 10,
  }
  await registry.addConfiguration(configuration)
  await assert.rejects(registry.addConfiguration(configuration), refusedAs('DeviceAlreadyExistsError', 409))
  await until('the configuration is applied', 20_000, async () => {
    const twin = (await registry.getTwin('conf-1')).responseBody
    return Object(twin.properties.desired['mode']).quiet === true
  })
  const read = (await registry.getConfiguration('rest-conf')).responseBody
  assert.deepEqual([read.id, read.priority, read.labels], ['rest-conf', 10, { a: 'b' }])
  assert.ok((await registry.getConfigurations()).responseBody.some(({ id }) => id === 'rest-conf'))
  await registry.updateConfiguration({ ...read, priority: 11 })
  await assert.rejects(registry.updateConfiguration({ ...read, priority: 12 }), refusedAs('InvalidEtagError', 412))
  await assert.rejects(
    registry.addConfiguration({ ...configuration, id: 'rest-conf-2', targetCondition: 'nonsense everywhere' }),
    refusedAs('ArgumentError', 400),
  )
  await registry.removeConfiguration('rest-conf')
  await assert.rejects(registry.getConfiguration('rest-conf'), refusedAs('Error', 404))
})

test('a digital twin is read and patched, and its commands are methods (azure-wire 5.11)', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const twins = new DigitalTwinClient(new IoTHubTokenCredentials(hub.owner))
  await using device = await connected(hub, 'rest-digital')
  const own = await device.getTwin()
  await within(
    'a report is acknowledged',
    20_000,
    new Promise<void>((resolve, reject) =>
      own.properties.reported['update']({ serial: 's-1', thermostat: { __t: 'c', limit: 30 } }, (error: Error | null) =>
        error ? reject(error) : resolve(),
      ),
    ),
  )
  device.onDeviceMethod('thermostat*reset', (request, response) => void response.send(202, { was: request.payload }))
  device.onDeviceMethod('reboot', (_request, response) => void response.send(200, { ok: true }))
  await untilCallable(hub, 'rest-digital', 'reboot')
  const read = Object(await twins.getDigitalTwin('rest-digital'))
  assert.deepEqual([read.$dtId, read.serial, read.thermostat.limit], ['rest-digital', 's-1', 30])
  await twins.updateDigitalTwin('rest-digital', [{ op: 'add', path: '/thermostat/limit', value: 25 }], '*')
  const stale = twins.updateDigitalTwin('rest-digital', [{ op: 'add', path: '/x', value: 1 }], '"AAAAAAAAAAE="')
  await assert.rejects(stale, (error: unknown) => Object(error).statusCode === 412)
  const wanted = (await Registry.fromConnectionString(hub.owner).getTwin('rest-digital')).responseBody
  assert.deepEqual(wanted.properties.desired['thermostat'], { __t: 'c', limit: 25 })
  const command = await twins.invokeComponentCommand('rest-digital', 'thermostat', 'reset', 'now', { connectTimeoutInSeconds: 3 })
  assert.deepEqual([command?.xMsCommandStatuscode, command?.body], [202, { was: 'now' }])
  const root = await twins.invokeCommand('rest-digital', 'reboot', {})
  assert.deepEqual([root?.xMsCommandStatuscode, root?.body], [200, { ok: true }])
})

test('fromTokenCredential: a service with a token of its own is let in as far as its role goes (azure-wire 1.10)', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const registry = Registry.fromTokenCredential(hub.host, hub.credential('data-reader'))
  assert.ok((await registry.list()).responseBody.length >= 0)
  await assert.rejects(registry.create({ deviceId: 'rest-token', ...certificate }), refusedAs('UnauthorizedError', 401))
  const writer = Registry.fromTokenCredential(hub.host, hub.credential('registry-contributor'))
  await writer.create({ deviceId: 'rest-token', ...certificate })
  await assert.rejects(writer.getTwin('rest-token'), refusedAs('UnauthorizedError', 401))
  await assert.rejects(writer.createQuery('SELECT * FROM devices').next(), refusedAs('UnauthorizedError', 401))
})

test('a wrong key, an unknown policy and an expired signature are refused alike', async (t) => {
  const hub = await backEnd(t)
  if (hub === undefined) return
  const wrong = hub.owner.replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(32, 1).toString('base64')}`)
  const unknown = hub.owner.replace(/SharedAccessKeyName=[^;]*/, 'SharedAccessKeyName=nobody')
  for (const connection of [wrong, unknown])
    await assert.rejects(Registry.fromConnectionString(connection).list(), refusedAs('UnauthorizedError', 401))
  const expired = azure.SharedAccessSignature.create(hub.host, 'owner', hub.key, Math.floor(Date.now() / 1000) - 1).toString()
  await assert.rejects(Registry.fromSharedAccessSignature(expired).list(), refusedAs('UnauthorizedError', 401))
})
