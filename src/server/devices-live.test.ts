import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import azure from 'azure-iot-device'
import azureHttp from 'azure-iot-device-http'
import azureMqtt from 'azure-iot-device-mqtt'
import { systemGrant } from '#access'
import { type DeviceId, identityOf, parseModuleId, systemClock, systemRandom } from '#base'
import { type CloudMessage, factToJson } from '#hub'
import { decodeRecord } from '#journal'
import { device, temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { openRooms } from './rooms.io.ts'

/*
 * Stock device SDKs on the real rooms of a hub, with the hub's own domain in the place of a back end. What back ends say over the wire is tested in
 * conformance/azure.
 */

const { Client, Message, ModuleClient } = azure
const { Http } = azureHttp
const { Mqtt } = azureMqtt
const { signal } = new AbortController()
/** The HTTPS transport of the SDK takes no other port than 443, so this hub has that of a loopback address of its own. */
const host = '127.0.0.6'

async function hub(httpsPort: 0 | 443 = 0) {
  const scope = new AsyncDisposableStack()
  const directory = scope.use(await temporaryDirectory())
  const settings = join(directory.path, 'settings.yaml')
  const allowedUntil = new Date(Date.now() + 86_400_000).toISOString()
  writeFileSync(settings, `authentication: {sas: {allowedUntil: '${allowedUntil}'}}\nbroker: {deniedDelaySeconds: 0}\n`)
  const config = parseConfig(
    {
      config: settings,
      data: join(directory.path, 'data'),
      'key-file': join(directory.path, 'root.key'),
      host,
      'mqtt-port': '0',
      'https-port': `${httpsPort}`,
      'amqp-port': '0',
      workers: '0',
    },
    {},
  )
  assert.ok(config.ok)
  await openDataDirectory(config.value.dataDirectory, systemRandom)
  const log = openLog('error', (line) => console.error(line))
  const world = { clock: systemClock, random: systemRandom, log, step: () => {}, environment: {} }
  const rooms = await openRooms(config.value, randomBytes(8).toString('hex'), true, world, scope, signal)
  const credentials = async (id: DeviceId) => {
    const issued = await rooms.pki.issueDevice(systemGrant('certificate.issue', 'x'), { deviceId: id, generate: true })
    assert.ok(issued.ok && issued.value.privateKeyPem !== undefined)
    const key = issued.value.privateKeyPem.use((bytes) => bytes.toString())
    return { cert: issued.value.certificatePem, key, ca: rooms.pki.rootPem }
  }
  return {
    rooms,
    /** Registers a device and opens the stock client for it. */
    async device(name: string, transport: typeof Mqtt | typeof Http = Mqtt) {
      const id = device(name)
      const added = await rooms.hub.devices.add(systemGrant('device.write', 'x'), [
        { id, authentication: { type: 'certificateAuthority' } },
      ])
      assert.ok(added.ok)
      const tls = await credentials(id)
      const hostName = transport === Mqtt ? `${host}:${rooms.gateway.mqttPort}` : host
      const again = async () => {
        const client = Client.fromConnectionString(`HostName=${hostName};DeviceId=${name};x509=true`, transport)
        await client.setOptions(tls)
        await client.open()
        scope.defer(() =>
          client.close().then(
            () => {},
            () => {},
          ),
        )
        return client
      }
      return { id, tls, hostName, client: await again(), again }
    },
    async telemetry() {
      await rooms.journal.flushed()
      const { records } = await rooms.journal.read(0, { records: 10_000, bytes: 10_000_000 })
      return records.flatMap((record) => {
        const fact = 'bytes' in record ? decodeRecord(record.bytes) : undefined
        return fact?.ok === true && fact.value.kind === 'telemetry' ? [factToJson(record.offset, fact.value)] : []
      })
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  }
}

const message = (more: Partial<CloudMessage>): CloudMessage => ({
  messageId: undefined,
  correlationId: undefined,
  userId: undefined,
  contentType: undefined,
  contentEncoding: undefined,
  to: undefined,
  ack: 'none',
  expiresAt: undefined,
  properties: {},
  body: Buffer.alloc(0),
  ...more,
})

const soon = async (what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> => {
  const end = Date.now() + 10_000
  while (!(await isTrue())) {
    assert.ok(Date.now() < end, what)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('MQTT: a stock device reads and reports its twin and hears what is desired [azure-wire 11.3 M4]', async () => {
  await using here = await hub()
  const { id, client } = await here.device('pump-1')
  const { twins } = here.rooms.hub
  const twin = await client.getTwin()
  assert.deepEqual([twin.properties.desired['$version'], twin.properties.reported['$version']], [1, 1])
  const heard: unknown[] = []
  twin.on('properties.desired', (delta: unknown) => heard.push(JSON.parse(JSON.stringify(delta))))
  await soon('the client listens', () => here.rooms.broker.subscriptions >= 2)
  const patched = await twins.patch(systemGrant('twin.write', 'x'), id, { desired: { interval: 5, gone: null }, tags: { hall: '7' } })
  assert.ok(patched.ok)
  await soon('the change is heard', () => heard.some((delta) => Object(delta).interval === 5))
  assert.equal(Object(heard.at(-1)).$version, patched.value.desired.version)
  await new Promise<void>((resolve, reject) =>
    twin.properties.reported['update']({ fw: '1.2', old: null }, (error: unknown) => (error ? reject(error) : resolve())),
  )
  const known = await twins.get(id)
  assert.deepEqual([known?.reported.properties, known?.reported.version], [{ fw: '1.2' }, 2])
  const tooLarge = {
    big: Array.from({ length: 20 }, (_, at) => [`k${at}`, 'x'.repeat(4_000)]).reduce(
      (all, [name = '', value]) => ({ ...all, [name]: value }),
      {},
    ),
  }
  await assert.rejects(
    new Promise<void>((resolve, reject) =>
      twin.properties.reported['update'](tooLarge, (error: unknown) => (error ? reject(error) : resolve())),
    ),
    'an error, not a hang',
  )
  assert.equal((await twins.get(id))?.reported.version, 2)
  assert.equal((await client.getTwin()).properties.reported['fw'], '1.2')
})

test('MQTT: methods are called and answered; a silent device is 504, an absent one 404 [azure-wire 11.3 M3]', async () => {
  await using here = await hub()
  const { id, client } = await here.device('pump-1')
  const { methods } = here.rooms.hub
  const invoke = (name: string, payload: string, responseTimeoutSeconds?: number) =>
    methods.invoke(systemGrant('method.invoke', 'x'), id, { name, payload, responseTimeoutSeconds })
  client.onDeviceMethod('reboot', (request, response) => void response.send(200, { was: request.payload }))
  await soon('the device takes methods', () => methods.isReachable(id))
  assert.deepEqual(await invoke('reboot', 'now'), { ok: true, value: { status: 200, payload: { was: 'now' } } })
  const silent = await invoke('nobody-registered-this', 'x', 5)
  assert.equal(silent.ok ? 'answered' : silent.error.code, 'hub/method-timeout')
  await client.close()
  await soon('it is gone', () => !methods.isReachable(id))
  const absent = await invoke('reboot', 'x')
  assert.equal(absent.ok ? 'answered' : absent.error.code, 'hub/device-offline')
})

test('MQTT: messages come with their properties, are completed by PUBACK, and wait for a device that is away [azure-wire 11.3 M2]', async () => {
  await using here = await hub()
  const { id, client, again } = await here.device('pump-1')
  const { messages } = here.rooms.hub
  const send = async (more: Partial<CloudMessage>) => {
    const sent = await messages.send(systemGrant('c2d.send', 'x'), id, message(more))
    assert.ok(sent.ok)
  }
  const got: InstanceType<typeof Message>[] = []
  client.on('message', (one) => got.push(one))
  await send({
    messageId: 'm/1',
    correlationId: 'c',
    to: '/devices/pump-1/messages/devicebound',
    properties: { 'p&3': 'a b' },
    body: Buffer.from('hi'),
  })
  await soon('it came', () => got.length === 1)
  const [first] = got
  assert.deepEqual(
    [first?.messageId, first?.correlationId, first?.getData().toString(), first?.properties.getItem(0)],
    ['m/1', 'c', 'hi', { key: 'p&3', value: 'a b' }],
  )
  await soon('it is complete', () => messages.count(id) === 0)
  await client.close()
  for (let i = 0; i < 50; i++) await send({ body: Buffer.from(String(i)) })
  const back = await again()
  const later: number[] = []
  back.on('message', (one) => later.push(Number(one.getData())))
  await soon('all came', () => later.length === 50)
  assert.deepEqual(
    later,
    Array.from({ length: 50 }, (_, at) => at),
  )
  await soon('all are complete', () => messages.count(id) === 0)
})

test('MQTT: presence follows the connection; the model that the client names is that of its twin', async () => {
  await using here = await hub()
  const { id, client, again } = await here.device('pump-1')
  const { presence, twins } = here.rooms.hub
  assert.equal(presence.of(id).connectionState, 'Connected')
  await client.close()
  await soon('it is gone', () => presence.of(id).connectionState === 'Disconnected')
  const modeled = await again()
  await modeled.close()
  assert.equal((await twins.get(id))?.modelId, '')
})

test('MQTT: a module has a connection, a twin and methods of its own [azure-wire 11.3 M9]', async () => {
  await using here = await hub()
  const { id } = await here.device('pump-1')
  const moduleId = parseModuleId('filter')
  assert.ok(moduleId.ok)
  const identity = identityOf(id, moduleId.value)
  const spec = { device: id, id: moduleId.value, authentication: { type: 'sas' } } as const
  const added = await here.rooms.hub.modules.add(systemGrant('device.write', 'x'), spec)
  assert.ok(added.ok, added.ok ? '' : added.error.message)
  const key = here.rooms.hub.modules.sharedKeys(identity)?.primary.use((bytes) => bytes.toString('base64')) ?? ''
  const hostName = `${host}:${here.rooms.gateway.mqttPort}`
  const client = ModuleClient.fromConnectionString(`HostName=${hostName};DeviceId=pump-1;ModuleId=filter;SharedAccessKey=${key}`, Mqtt)
  await client.setOptions({ ca: here.rooms.pki.rootPem })
  await client.open()
  try {
    const twin = await client.getTwin()
    assert.equal(twin.properties.desired['$version'], 1)
    client.onMethod('clean', (_request, response) => void response?.send(201, {}))
    await soon('the module takes methods', () => here.rooms.hub.methods.isReachable(identity))
    const answered = await here.rooms.hub.methods.invoke(systemGrant('method.invoke', 'x'), identity, { name: 'clean' })
    assert.ok(answered.ok && answered.value.status === 201)
    assert.equal(here.rooms.hub.methods.isReachable(id), false, 'its device takes none')
    await client.sendOutputEvent('out1', new Message('{"t":1}'))
    const [event] = await here.telemetry()
    const system = Object(event?.['system'])
    assert.deepEqual(
      [system['iothub-connection-device-id'], system['iothub-connection-module-id'], system['output-name']],
      ['pump-1', 'filter', 'out1'],
    )
  } finally {
    await client.close()
  }
})
