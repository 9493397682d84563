import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { ContainerClient } from '@azure/storage-blob'
import azureDevice from 'azure-iot-device'
import azure from 'azure-iothub'
import { until, within } from '../until.ts'
import { type Case, type Held, deviceOver } from './case.ts'
import { feedbackOf, sendToDevice } from './device-cases.ts'
import { suiteHost } from './suite-hub.ts'

/*
 * What back ends do by AMQP, and what is about files (azure-wire 11.3, M18; 11.4). The rest of what they do by REST is in service-rest.test.ts.
 */

const { Message } = azureDevice
const { Amqp, AmqpWs, Client, SharedAccessSignature } = azure

const backEnds: readonly Case[] = (['amqp', 'amqp-ws'] as const).map((over) => ({
  row: 'M18',
  title: 'Client: open, send, getFeedbackReceiver, invokeDeviceMethod, close; what is wrong is refused',
  over,
  async play(suite, id) {
    const transport = over === 'amqp' ? Amqp : AmqpWs
    await using service = held(Client.fromConnectionString(suite.owner, transport))
    await within('the back end opens', 15_000, service.open())
    await using device = await deviceOver(suite, over, await suite.keyed(id))
    const texts: string[] = []
    device.on('message', (message) => {
      texts.push(message.getData().toString())
      void device.complete(message)
    })
    const message = new Message('hello')
    message.messageId = `${id}-1`
    Reflect.set(message, 'ack', 'positive')
    await within('a message is stored', 15_000, service.send(id, message))
    await until('it is heard', 15_000, () => texts.includes('hello'))
    device.onDeviceMethod('ping', (_request, response) => void response.send(200, 'pong'))
    const { result } = await service.invokeDeviceMethod(id, { methodName: 'ping', connectTimeoutInSeconds: 10 })
    assert.deepEqual(result, { status: 200, payload: 'pong' })
    await assert.rejects(within('the refusal', 15_000, service.send(`${id}-nobody`, new Message('x'))), { name: 'DeviceNotFoundError' })
    // Several receivers compete, and the suite has one: whoever gets it, it comes.
    const own: string[] = []
    const receiver = Promise.withResolvers<{ on(event: 'message', heard: (message: { data: Buffer }) => void): void }>()
    service.getFeedbackReceiver((error, found) => (found === undefined ? receiver.reject(error) : receiver.resolve(found)))
    const opened = await within('the receiver of feedback opens', 15_000, receiver.promise)
    opened.on('message', ({ data }: { data: Buffer }) => own.push(Buffer.from(data).toString()))
    await until(
      'feedback comes',
      30_000,
      () => own.join('').includes(`${id}-1`) || suite.feedback.some((one) => one.originalMessageId === `${id}-1`),
    )
    const wrong = suite.owner.replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(32).toString('base64')}`)
    await using stranger = held(Client.fromConnectionString(wrong, transport))
    await assert.rejects(within('the refusal', 15_000, stranger.open()), (error: unknown) => {
      // The SDK wraps what it was told.
      assert.equal(Object(Object(error).amqpError).name, 'UnauthorizedError', String(error))
      return true
    })
  },
}))

const held = <T extends { close(): Promise<unknown> }>(client: T): Held<T> =>
  Object.assign(client, { [Symbol.asyncDispose]: () => within('a client closes', 5_000, client.close()).then(noMatter, noMatter) })
const noMatter = (): void => undefined

const uploads: Case = {
  row: 'S2',
  title: 'uploadToBlob, getBlobSharedAccessSignature, notifyBlobUploadStatus: stored, and a back end is told',
  over: 'http',
  async play(suite, id) {
    // A file of two blocks, since the SDK sends four mebibytes at once.
    const content = Buffer.alloc(5 * 1024 * 1024, 'thingwall ')
    await using device = await deviceOver(suite, 'mqtt', await suite.keyed(id))
    await within('the file is sent', 30_000, device.uploadToBlob('a b/c.txt', Readable.from([content]), content.length))
    const told = () => suite.notifications.find(({ deviceId }) => deviceId === id)
    await until('a back end is told', 20_000, () => told() !== undefined)
    assert.deepEqual([told()?.blobName, told()?.blobSizeInBytes], [`${id}/a b/c.txt`, content.length])
    const place = await within('a place is given', 15_000, device.getBlobSharedAccessSignature('small.txt'))
    assert.equal(Object(place).blobName, `${id}/small.txt`)
    const { hostName, containerName, blobName, sasToken, correlationId } = Object(place)
    const url = `https://${hostName}/${containerName}/${blobName}${sasToken}`
    assert.equal(new URL(url).hostname, suiteHost)
    await within('the end is told', 15_000, device.notifyBlobUploadStatus(correlationId, false, 500, 'gave up'))
    await assert.rejects(device.notifyBlobUploadStatus('no such upload', true, 200, ''))
  },
}

/** Content for one device. */
const content: Case = {
  row: 'S4',
  title: 'applyConfigurationContentOnDevice: in place at once',
  over: 'rest',
  async play(suite, id) {
    await suite.registry.create({ deviceId: id, capabilities: { iotEdge: true } })
    const desired = { 'properties.desired': { schemaVersion: '1.1' } }
    await suite.registry.applyConfigurationContentOnDevice(id, { modulesContent: { $edgeAgent: desired, $edgeHub: desired } })
    const { responseBody } = await suite.registry.getModuleTwin(id, '$edgeAgent')
    assert.equal(responseBody.properties.desired['schemaVersion'], '1.1')
  },
}

const purge: Case = {
  row: 'S8',
  title: 'a queue is purged: nothing is left of it, and feedback says so',
  over: 'rest',
  async play(suite, id) {
    await suite.keyed(id)
    for (const n of [1, 2, 3]) await sendToDevice(suite, id, `${id}-${n}`, `${n}`)
    // The SDK has no call for it, so this is the request itself.
    const key = /SharedAccessKey=(.*)$/.exec(suite.owner)?.[1] ?? ''
    const authorization = SharedAccessSignature.create(suiteHost, 'suite', key, Math.floor(Date.now() / 1_000) + 600).toString()
    const answer = await fetch(`https://${suiteHost}/devices/${id}/commands?api-version=2021-04-12`, {
      method: 'DELETE',
      headers: { authorization },
    })
    assert.equal(answer.status, 200)
    const said: unknown = await answer.json()
    assert.deepEqual([Object(said).totalMessagesPurged, Object(said).deviceId], [3, id])
    assert.equal(await feedbackOf(suite, `${id}-1`), 'Purged')
  },
}

const transfers: Case = {
  row: 'S5',
  title: 'importDevicesFromBlob and exportDevicesToBlob, through a container of the hub',
  over: 'rest',
  async play(suite, id) {
    const { registry, hub } = suite
    const made = await hub.api('POST', '/api/v1/containers', { hours: 1 })
    assert.equal(made.status, 201)
    const uri = String(made.json['uri'])
    const blobs = new ContainerClient(uri)
    const text = `${JSON.stringify({ id, authentication: { type: 'certificateAuthority' }, tags: { from: 'file' } })}\nnonsense\n`
    await blobs.getBlockBlobClient('devices.txt').upload(text, Buffer.byteLength(text))
    const ended = async (begun: { readonly jobId?: string }) => {
      let job: { readonly status?: string } = {}
      await until('the job ends', 20_000, async () => {
        job = await registry.getJob(String(begun.jobId))
        return job.status !== 'running' && job.status !== 'enqueued'
      })
      return job.status
    }
    assert.equal(await ended(await registry.importDevicesFromBlob(uri, uri)), 'completed')
    assert.equal((await registry.getTwin(id)).responseBody.tags['from'], 'file')
    const errors = (await blobs.getBlobClient('importErrors.log').downloadToBuffer()).toString()
    assert.equal(JSON.parse(errors).errorCode, 'json/malformed')
    assert.equal(await ended(await registry.exportDevicesToBlob(uri, true)), 'completed')
    const lines = (await blobs.getBlobClient('devices.txt').downloadToBuffer()).toString().trimEnd().split('\n')
    assert.ok(lines.some((line) => JSON.parse(line).id === id))
    await assert.rejects(registry.exportDevicesToBlob('https://elsewhere.example/container?sig=x', true))
    await blobs.getBlobClient('devices.txt').delete()
    assert.equal(await blobs.getBlobClient('devices.txt').exists(), false)
  },
}

/** All of them. */
export const serviceCases: readonly Case[] = [...backEnds, uploads, content, purge, transfers]
