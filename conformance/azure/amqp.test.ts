import assert from 'node:assert/strict'
import { type TestContext, after, test } from 'node:test'
import {
  EventHubConsumerClient,
  type PartitionContext,
  type ReceivedEventData,
  type SubscribeOptions,
  earliestEventPosition,
  latestEventPosition,
} from '@azure/event-hubs'
import azureDevice from 'azure-iot-device'
import azureAmqp from 'azure-iot-device-amqp'
import azure from 'azure-iothub'
import { until, within } from '../until.ts'
import { type AmqpHub, openAmqpHub } from './amqp-hub.ts'

/*
 * Stock SDKs over AMQP against a real hub, changed in their connection strings alone (azure-wire 11.3, M2, M18 and M20; 11.4, the rows of device AMQP). What they
 * insist on for WebSocket is port 443, so one hub has that.
 */

const { Client: DeviceClient, Message } = azureDevice
const { Amqp, AmqpWs } = azureAmqp
const { Client } = azure

let shared: Promise<AmqpHub | undefined> | undefined
async function hubFor(): Promise<AmqpHub> {
  shared ??= openAmqpHub()
  const hub = await shared
  assert.ok(hub !== undefined)
  return hub
}
let onWebSocket: Promise<AmqpHub | undefined> | undefined
async function webSocketHub(t: TestContext): Promise<AmqpHub | undefined> {
  onWebSocket ??= openAmqpHub(true)
  const hub = await onWebSocket
  if (hub === undefined) t.skip('port 443 may not be bound here, and the SDK takes no other')
  return hub
}
after(async () => {
  await (await shared)?.[Symbol.asyncDispose]()
  await (await onWebSocket)?.[Symbol.asyncDispose]()
})

/** Reads events of all partitions until `isEnough`. */
async function readEvents(
  connectionString: string,
  isEnough: (events: readonly ReceivedEventData[]) => boolean,
  options: SubscribeOptions = { startPosition: earliestEventPosition },
  client = new EventHubConsumerClient('$Default', connectionString),
): Promise<readonly ReceivedEventData[]> {
  const events: ReceivedEventData[] = []
  const errors: unknown[] = []
  const subscription = client.subscribe(
    {
      processEvents: async (more) => void events.push(...more),
      processError: async (error) => void errors.push(error),
    },
    options,
  )
  try {
    await until('the events are there', 20_000, () => isEnough(events) || errors.length > 0)
  } finally {
    await subscription.close()
    await client.close()
  }
  assert.deepEqual(errors, [])
  return events
}

const ofDevice = (events: readonly ReceivedEventData[], id: string) =>
  events.filter(({ systemProperties }) => systemProperties?.['iothub-connection-device-id'] === id)

async function playDevice(hub: AmqpHub, id: string, transport: typeof Amqp | typeof AmqpWs): Promise<void> {
  const client = DeviceClient.fromConnectionString(await hub.addKeyedDevice(id), transport)
  await client.setOptions({ ca: hub.hub.rootPem })
  await within('the device opens', 10_000, client.open())
  try {
    const message = new Message(JSON.stringify({ t: 21 }))
    message.messageId = `${id}-1`
    message.contentType = 'application/json'
    message.contentEncoding = 'utf-8'
    message.properties.add('line & place', 'hall=ü%20+')
    await within('the message is accepted', 10_000, client.sendEvent(message))
    // The SDK has no batches over AMQP.
    for (const text of ['a', 'b']) await within('more are accepted', 10_000, client.sendEvent(new Message(text)))
    const twin = await within('the twin is read', 10_000, client.getTwin())
    assert.deepEqual([twin.properties.desired['$version'], twin.properties.reported['$version']], [1, 1])
    const reported = new Promise<void>((resolve, reject) => {
      twin.properties.reported['update']({ fw: '1' }, (error: Error | null) => (error ? reject(error) : resolve()))
    })
    await within('the report is taken', 10_000, reported)
    assert.equal(twin.properties.reported['fw'], '1')
  } finally {
    await client.close()
  }
}

test('11.4: a device sends, and has its twin, over AMQP; what it sent is read back [M1, M4, M20]', async () => {
  const hub = await hubFor()
  await playDevice(hub, 'amqp-1', Amqp)
  const events = ofDevice(await readEvents(hub.events, (all) => ofDevice(all, 'amqp-1').length >= 3), 'amqp-1')
  const [first] = events
  assert.deepEqual(first?.body, { t: 21 })
  assert.equal(first.messageId, 'amqp-1-1')
  assert.equal(first.contentType, 'application/json')
  assert.deepEqual(first.properties, { 'line & place': 'hall=ü%20+' })
  assert.ok(first.enqueuedTimeUtc instanceof Date && first.sequenceNumber >= 0 && first.offset === String(first.sequenceNumber))
  assert.match(String(first.systemProperties?.['iothub-connection-auth-method']), /"type":"sas"/)
  assert.deepEqual(
    events.slice(1).map(({ body }) => Buffer.from(body).toString()),
    ['a', 'b'],
  )
})

test('11.4: the same over AMQP in WebSocket, and a reader in WebSocket', async (t) => {
  const hub = await webSocketHub(t)
  if (hub === undefined) return
  await playDevice(hub, 'ws-1', AmqpWs)
  const { WebSocket } = await import('ws')
  const client = new EventHubConsumerClient('$Default', hub.events, { webSocketOptions: { webSocket: WebSocket } })
  const events = await readEvents(hub.events, (all) => ofDevice(all, 'ws-1').length >= 3, { startPosition: earliestEventPosition }, client)
  assert.equal(ofDevice(events, 'ws-1').length, 3)
})

test('M2, M18: a back end sends a message, the device completes it, and feedback says so', async () => {
  const hub = await hubFor()
  const device = DeviceClient.fromConnectionString(await hub.addKeyedDevice('bound-1'), Amqp)
  await device.setOptions({ ca: hub.hub.rootPem })
  const heard = new Promise<InstanceType<typeof Message>>((resolve) => device.on('message', resolve))
  await within('the device opens', 10_000, device.open())
  const service = Client.fromConnectionString(hub.service)
  await within('the back end opens', 10_000, service.open())
  try {
    const feedback = await within(
      'the feedback is opened',
      10_000,
      new Promise<{ on(event: 'message', heard: (message: { data: Buffer }) => void): void }>((resolve, reject) => {
        service.getFeedbackReceiver((error, receiver) => (receiver === undefined ? reject(error) : resolve(receiver)))
      }),
    )
    const told = new Promise<readonly { originalMessageId: string; statusCode: string }[]>((resolve) => {
      feedback.on('message', (message: { data: Buffer }) => resolve(JSON.parse(message.data.toString())))
    })
    const message = new Message('command')
    message.messageId = 'c2d-1'
    Reflect.set(message, 'ack', 'full')
    message.properties.add('a', 'b')
    await within('the message is stored', 10_000, service.send('bound-1', message))
    const got = await within('the message arrives', 10_000, heard)
    assert.equal(Buffer.from(got.getBytes()).toString(), 'command')
    assert.equal(got.messageId, 'c2d-1')
    assert.equal(got.properties.getValue('a'), 'b')
    await device.complete(got)
    const [record] = await within('feedback comes', 30_000, told)
    assert.deepEqual([record?.originalMessageId, record?.statusCode], ['c2d-1', 'Success'])
    await assert.rejects(service.send('nobody', new Message('x')), /not.?found/i)
  } finally {
    await service.close()
    await device.close()
  }
})

test('M3 over AMQP: a method call reaches the device and its answer the caller', async () => {
  const hub = await hubFor()
  const device = DeviceClient.fromConnectionString(await hub.addKeyedDevice('method-1'), Amqp)
  await device.setOptions({ ca: hub.hub.rootPem })
  await within('the device opens', 10_000, device.open())
  device.onDeviceMethod('reboot', (request, response) => {
    response.send(201, { got: request.payload }, () => undefined)
  })
  try {
    const { callMethod } = await import('./amqp-method.ts')
    await until('the method is answered', 15_000, async () => {
      const { status, json } = await callMethod(hub, 'method-1', 'reboot', { x: 1 })
      if (status !== 200) return false
      assert.deepEqual(json, { status: 201, payload: { got: { x: 1 } } })
      return true
    })
  } finally {
    await device.close()
  }
})

test('M20: properties of the endpoint and of partitions, positions, and a higher owner level that takes a partition', async (t) => {
  const hub = await hubFor()
  const id = 'reader-1'
  const device = DeviceClient.fromConnectionString(await hub.addKeyedDevice(id), Amqp)
  await device.setOptions({ ca: hub.hub.rootPem })
  await device.open()
  for (const text of ['one', 'two', 'three']) await device.sendEvent(new Message(JSON.stringify(text)))
  t.after(() => device.close())
  const client = new EventHubConsumerClient('$Default', hub.events)
  const other = new EventHubConsumerClient('$Default', hub.events)
  t.after(() => Promise.all([client.close(), other.close()]))
  const properties = await within('properties', 10_000, client.getEventHubProperties())
  assert.deepEqual([properties.name, properties.partitionIds], ['messages/events', ['0', '1', '2', '3']])
  assert.deepEqual(await client.getPartitionIds(), ['0', '1', '2', '3'])
  const all = ofDevice(await readEvents(hub.events, (events) => ofDevice(events, id).length >= 3), id)
  assert.deepEqual(
    all.map(({ body }) => body),
    ['one', 'two', 'three'],
  )
  const [one, two] = all
  assert.ok(one !== undefined && two !== undefined)
  const from = async (startPosition: object, texts: readonly string[]) => {
    const found = ofDevice(await readEvents(hub.events, (events) => ofDevice(events, id).length >= texts.length, { startPosition }), id)
    assert.deepEqual(
      found.map(({ body }) => body),
      texts,
      JSON.stringify(startPosition),
    )
  }
  await from({ sequenceNumber: two.sequenceNumber, isInclusive: true }, ['two', 'three'])
  await from({ sequenceNumber: two.sequenceNumber }, ['three'])
  await from({ offset: one.offset }, ['two', 'three'])
  const later = all.filter(({ enqueuedTimeUtc }) => enqueuedTimeUtc > one.enqueuedTimeUtc).map(({ body }) => String(body))
  await from({ enqueuedOn: one.enqueuedTimeUtc }, later)
  const states = await Promise.all(properties.partitionIds.map((partition) => client.getPartitionProperties(partition)))
  assert.ok(states.some(({ isEmpty, lastEnqueuedSequenceNumber }) => !isEmpty && lastEnqueuedSequenceNumber >= two.sequenceNumber))
  const heard: string[] = []
  const latest = client.subscribe(
    {
      processEvents: async (events) => void heard.push(...ofDevice(events, id).map(({ body }) => String(body))),
      processError: async () => {},
    },
    { startPosition: latestEventPosition },
  )
  await until('the reader is there', 10_000, async () => {
    if (heard.length === 0) await device.sendEvent(new Message(JSON.stringify('later')))
    return heard.includes('later')
  })
  await latest.close()
  const stolen: unknown[] = []
  const owner = (by: EventHubConsumerClient, level: number, errors: unknown[]) =>
    by.subscribe(
      '0',
      { processEvents: async () => {}, processError: async (error: unknown, _context: PartitionContext) => void errors.push(error) },
      { ownerLevel: level, startPosition: latestEventPosition },
    )
  const low = owner(client, 1, stolen)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const high = owner(other, 2, [])
  await until('the lower one is told', 15_000, () => stolen.length > 0)
  assert.equal(Object(stolen[0]).code, 'ReceiverDisconnectedError')
  await low.close()
  await high.close()
})

test('who may not read, send or connect is refused by AMQP [M8]', async () => {
  const hub = await hubFor()
  const good = await hub.addKeyedDevice('refused-1')
  const device = DeviceClient.fromConnectionString(
    good.replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(32).toString('base64')}`),
    Amqp,
  )
  await device.setOptions({ ca: hub.hub.rootPem })
  await assert.rejects(within('the refusal', 20_000, device.open()), (error: unknown) => /Unauthorized/i.test(String(Object(error).name)))
  const service = Client.fromConnectionString(hub.reader)
  await assert.rejects(
    within(
      'the refusal',
      20_000,
      service.open().then(() => service.send('refused-1', new Message('x'))),
    ),
    (error: unknown) => /Unauthorized|NotConnected/i.test(`${Object(error).name} ${Object(error).message}`),
  )
  await service.close().catch(() => undefined)
})
