import assert from 'node:assert/strict'
import { test } from 'node:test'
import azure from 'azure-iot-device'
import azureMqtt from 'azure-iot-device-mqtt'
import { type MqttClient, connectAsync } from 'mqtt'
import { systemGrant } from '#access'
import { identityOf, parseModuleId } from '#base'
import type { CloudMessage } from '#hub'
import { cloudMessage, liveHost, openLiveHub, soon, textOf } from './live-hub.test.ts'

/*
 * Stock device SDKs over MQTT on the real rooms of a hub, with the hub's own domain in the place of a back end.
 */

const { Message, ModuleClient } = azure
const { Mqtt } = azureMqtt

test('MQTT: a stock device reads and reports its twin and hears what is desired [azure-wire 11.3 M4]', async () => {
  await using here = await openLiveHub()
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
  await using here = await openLiveHub()
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
  await using here = await openLiveHub()
  const { id, client, again } = await here.device('pump-1')
  const { messages } = here.rooms.hub
  const send = async (more: Partial<CloudMessage>) => {
    const sent = await messages.send(systemGrant('c2d.send', 'x'), id, cloudMessage(more))
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
    [first?.messageId, first?.correlationId, textOf(first), first?.properties.getItem(0)],
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
  await using here = await openLiveHub()
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
  await using here = await openLiveHub()
  const { id } = await here.device('pump-1')
  const moduleId = parseModuleId('filter')
  assert.ok(moduleId.ok)
  const identity = identityOf(id, moduleId.value)
  const spec = { device: id, id: moduleId.value, authentication: { type: 'sas' } } as const
  const added = await here.rooms.hub.modules.add(systemGrant('device.write', 'x'), spec)
  assert.ok(added.ok, added.ok ? '' : added.error.message)
  const key = here.rooms.hub.modules.sharedKeys(identity)?.primary.use((bytes) => bytes.toString('base64')) ?? ''
  const hostName = `${liveHost}:${here.rooms.gateway.mqttPort}`
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

test('MQTT: after a restart of the hub a client that resumes its session without SUBSCRIBE has methods, desired properties and messages [azure-wire 11.3 M5]', async () => {
  await using here = await openLiveHub()
  const { id, tls, client } = await here.device('pump-1')
  await client.close()
  const connect = (): Promise<MqttClient> =>
    connectAsync({
      protocol: 'mqtts',
      host: liveHost,
      port: here.rooms.gateway.mqttPort,
      ...tls,
      username: `${liveHost}/pump-1/?api-version=2021-04-12`,
      clientId: 'pump-1',
      clean: false,
      reconnectPeriod: 0,
    })
  const first = await connect()
  for (const filter of ['$iothub/methods/POST/#', '$iothub/twin/res/#', '$iothub/twin/PATCH/properties/desired/#'])
    await first.subscribeAsync(filter, { qos: 0 })
  await first.subscribeAsync('devices/pump-1/messages/devicebound/#', { qos: 1 })
  await first.endAsync()
  await here.restart()
  const again = await connect()
  try {
    const topics: string[] = []
    again.on('message', (topic) => {
      topics.push(topic.split(/[?%]/)[0] ?? '')
      if (topic.startsWith('$iothub/methods/POST/reboot/')) again.publish(`$iothub/methods/res/200/?${topic.split('?')[1]}`, '{}')
    })
    const { methods, twins, messages } = here.rooms.hub
    await soon('methods are attached', () => methods.isReachable(id))
    assert.ok((await methods.invoke(systemGrant('method.invoke', 'x'), id, { name: 'reboot' })).ok)
    assert.ok((await twins.patch(systemGrant('twin.write', 'x'), id, { desired: { a: 1 } })).ok)
    assert.ok((await messages.send(systemGrant('c2d.send', 'x'), id, cloudMessage({ body: Buffer.from('hi') }))).ok)
    await again.publishAsync('$iothub/twin/GET/?$rid=1', ' ')
    await soon('all four came', () => new Set(topics).size === 4)
    assert.deepEqual(
      topics.toSorted((one, other) => one.localeCompare(other)),
      [
        '$iothub/methods/POST/reboot/',
        '$iothub/twin/PATCH/properties/desired/',
        '$iothub/twin/res/200/',
        'devices/pump-1/messages/devicebound/',
      ],
    )
    await soon('the message is complete', () => messages.count(id) === 0)
  } finally {
    await again.endAsync()
  }
})

test('MQTT: a device that is disabled or deleted loses its connection and all that hung on it', async () => {
  await using here = await openLiveHub()
  const { id, client } = await here.device('pump-1')
  client.onDeviceMethod('m', (_request, response) => void response.send(200))
  const { methods, presence, devices } = here.rooms.hub
  await soon('methods are attached', () => methods.isReachable(id))
  assert.ok((await devices.update(systemGrant('device.write', 'x'), id, { status: 'disabled' })).ok)
  assert.deepEqual([methods.isReachable(id), presence.of(id).connectionState], [false, 'Disconnected'])
})
