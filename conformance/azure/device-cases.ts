import assert from 'node:assert/strict'
import azureDevice from 'azure-iot-device'
import { until, within } from '../until.ts'
import { type Case, callMethod, connectedTransports, deviceOver, deviceTransports, plain, report } from './case.ts'
import type { SuiteHub } from './suite-hub.ts'

/*
 * What a device does, over every transport that has it (azure-wire 11.3, M1 to M4; 11.4).
 */

const { Message } = azureDevice

/** Sends a message for a device until it is stored, with the id and feedback that it asks for. */
export async function sendToDevice({ service }: SuiteHub, device: string, messageId: string, text: string): Promise<void> {
  const message = new Message(text)
  message.messageId = messageId
  Reflect.set(message, 'ack', 'full')
  message.properties.add('line & place', 'hall=ü%20+')
  await within('a message is stored', 10_000, service.send(device, message))
}

/** Resolves when feedback about a message has come, with what it says. */
export async function feedbackOf(suite: SuiteHub, messageId: string): Promise<string> {
  const found = () => suite.feedback.find(({ originalMessageId }) => originalMessageId === messageId)
  await until(`feedback about ${messageId} comes`, 30_000, () => found() !== undefined)
  return found()?.statusCode ?? ''
}

const telemetry: readonly Case[] = deviceTransports.map((over) => ({
  row: 'M1',
  title: 'open, sendEvent, sendEventBatch, close: read back with properties',
  over,
  async play(suite, id) {
    await using client = await deviceOver(suite, over, await suite.keyed(id))
    const message = new Message(JSON.stringify({ t: 21 }))
    message.messageId = 'm/1'
    message.correlationId = 'c=1'
    message.contentType = 'application/json'
    message.contentEncoding = 'utf-8'
    // Names of HTTP headers are letters of one case.
    const name = over === 'http' ? 'line' : 'Line & place'
    message.properties.add(name, 'hall=7')
    await within('a message is accepted', 15_000, client.sendEvent(message))
    const batch = ['a', 'b'].map((text) => new Message(JSON.stringify(text)))
    for (const one of batch) one.properties.add('of', 'batch')
    if (over !== 'http') await assert.rejects(client.sendEventBatch(batch), { name: 'NotImplementedError' }, 'the SDK has no batches there')
    else await within('a batch is accepted', 15_000, client.sendEventBatch(batch))
    const [first, ...others] = await suite.telemetryOf(id, over !== 'http' ? 1 : 3)
    assert.ok(first !== undefined)
    const { body, messageId, correlationId, contentType, properties, systemProperties = {} } = first
    assert.deepEqual([body, messageId, correlationId, contentType], [{ t: 21 }, 'm/1', 'c=1', 'application/json'])
    assert.deepEqual(properties, { [name]: 'hall=7' })
    assert.equal(systemProperties['iothub-message-source'], 'Telemetry')
    assert.match(String(systemProperties['iothub-connection-auth-method']), /"type":"sas"/)
    assert.match(String(systemProperties['iothub-connection-auth-generation-id']), /^\d+$/)
    assert.deepEqual(
      others.map((one) => [one.body, one.properties]),
      over !== 'http' ? [] : ['a', 'b'].map((text) => [text, { of: 'batch' }]),
    )
  },
}))

const messages: readonly Case[] = connectedTransports.map((over) => ({
  row: 'M2',
  title: 'a message is heard and completed, and feedback says Success',
  over,
  async play(suite, id) {
    await using client = await deviceOver(suite, over, await suite.keyed(id))
    // One waits since before the device listens, one comes later.
    await sendToDevice(suite, id, `${id}-1`, 'early')
    const heard: InstanceType<typeof Message>[] = []
    client.on('message', (message) => {
      heard.push(message)
      void client.complete(message)
    })
    await until('the first one is heard', 15_000, () => heard.length === 1)
    await sendToDevice(suite, id, `${id}-2`, 'late')
    await until('the second one is heard', 15_000, () => heard.length === 2)
    assert.deepEqual(
      heard.map((message) => [message.messageId, Buffer.from(message.getBytes()).toString(), message.properties.getValue('line & place')]),
      [
        [`${id}-1`, 'early', 'hall=ü%20+'],
        [`${id}-2`, 'late', 'hall=ü%20+'],
      ],
    )
    assert.deepEqual([await feedbackOf(suite, `${id}-1`), await feedbackOf(suite, `${id}-2`)], ['Success', 'Success'])
  },
}))

const settled: readonly Case[] = (['amqp', 'amqp-ws', 'http'] as const).map((over) => ({
  row: over === 'http' ? 'S1' : 'M2',
  title: 'complete, abandon and reject: gone, heard again, and dropped',
  over,
  async play(suite, id) {
    await using client = await deviceOver(suite, over, await suite.keyed(id))
    for (const verb of ['complete', 'abandon', 'reject']) await sendToDevice(suite, id, `${id}-${verb}`, verb)
    const heard: string[] = []
    const failures: unknown[] = []
    const settle = async (message: InstanceType<typeof Message>, verb: string): Promise<void> => {
      // The library under the SDK tells neighbours that are settled in one go by the outcome of the first.
      await new Promise((resolve) => setImmediate(resolve))
      if (verb === 'reject') await client.reject(message)
      else if (verb === 'abandon' && heard.filter((one) => one === verb).length === 1) await client.abandon(message)
      else await client.complete(message)
    }
    let turn = Promise.resolve()
    client.on('message', (message) => {
      const verb = message.getData().toString()
      heard.push(verb)
      turn = turn.then(() => settle(message, verb)).catch((error: unknown) => void failures.push(error))
    })
    await until('each is heard, and one of them twice', 20_000, () => heard.length >= 4)
    assert.deepEqual([heard.toSorted(), failures], [['abandon', 'abandon', 'complete', 'reject'], []])
    const said = await Promise.all(['complete', 'abandon', 'reject'].map((verb) => feedbackOf(suite, `${id}-${verb}`)))
    assert.deepEqual(said, ['Success', 'Success', 'Rejected'])
  },
}))

const methods: readonly Case[] = connectedTransports.map((over) => ({
  row: 'M3',
  title: 'onDeviceMethod: status and payload travel; 404 when offline, 504 on silence',
  over,
  async play(suite, id) {
    const connectionString = await suite.keyed(id)
    await assert.rejects(suite.service.invokeDeviceMethod(id, { methodName: 'double' }), hasStatus(404))
    {
      await using client = await deviceOver(suite, over, connectionString)
      client.onDeviceMethod('double', (request, response) => void response.send(207, { twice: Number(request.payload.n) * 2 }))
      client.onDeviceMethod('nothing', (_request, response) => void response.send(200))
      client.onDeviceMethod('mute', () => undefined)
      assert.deepEqual(await callMethod(suite, id, 'double', { n: 21 }), { status: 207, payload: { twice: 42 } })
      assert.deepEqual(await callMethod(suite, id, 'nothing', undefined), { status: 200, payload: null })
      await assert.rejects(suite.service.invokeDeviceMethod(id, { methodName: 'mute', responseTimeoutInSeconds: 5 }), hasStatus(504))
    }
    await until('the device is away', 10_000, async () => {
      const answer = await suite.service
        .invokeDeviceMethod(id, { methodName: 'double', payload: { n: 1 } })
        .catch((error: unknown) => error)
      return answer instanceof Error && hasStatus(404)(answer)
    })
  },
}))

/** Whether a back end was refused with this status of HTTP. */
export const hasStatus =
  (status: number) =>
  (error: unknown): boolean =>
    Object(Object(error).response).statusCode === status

const twins: readonly Case[] = connectedTransports.map((over) => ({
  row: 'M4',
  title: 'getTwin, reported.update, properties.desired: versions are right, too large is an error',
  over,
  async play(suite, id) {
    await using client = await deviceOver(suite, over, await suite.keyed(id))
    await suite.registry.updateTwin(id, { tags: { secret: 1 }, properties: { desired: { interval: 5 } } }, '*')
    const twin = await within('the twin is read', 15_000, client.getTwin())
    assert.deepEqual(plain(twin.properties.desired), { interval: 5, $version: 2 })
    assert.equal(twin.properties.reported['$version'], 1)
    assert.deepEqual(Object(twin).tags ?? {}, {})
    const heard: { readonly n?: unknown; readonly $version: number }[] = []
    twin.on('properties.desired', (delta) => heard.push(Object(plain(delta))))
    let n = 0
    await until('a change of the back end is heard', 15_000, async () => {
      await suite.registry.updateTwin(id, { properties: { desired: { n: n++, interval: null } } }, '*')
      return heard.some((delta) => delta.n !== undefined)
    })
    const { responseBody: wanted } = await suite.registry.getTwin(id)
    await until('the last change is heard', 10_000, () => heard.at(-1)?.$version === wanted.properties.desired['$version'])
    assert.equal(heard.at(-1)?.n, n - 1)
    assert.equal('interval' in twin.properties.desired, false)
    await report(twin, { fw: '1.2', gone: 1 })
    await report(twin, { gone: null })
    assert.deepEqual([twin.properties.reported['fw'], twin.properties.reported['gone']], ['1.2', undefined])
    const { responseBody: seen } = await suite.registry.getTwin(id)
    assert.deepEqual([seen.properties.reported['fw'], 'gone' in seen.properties.reported], ['1.2', false])
    assert.equal(seen.properties.reported['$version'], 3)
    const large = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`k${at}`, 'x'.repeat(4_000)]))
    await assert.rejects(report(twin, large), (error: unknown) => !/in vain/.test(String(error)))
    assert.equal((await suite.registry.getTwin(id)).responseBody.properties.reported['$version'], 3)
  },
}))

/** All of them. */
export const deviceCases: readonly Case[] = [...telemetry, ...messages, ...settled, ...methods, ...twins]
