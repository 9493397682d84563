import assert from 'node:assert/strict'
import { request } from 'node:https'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import azure from 'azure-iot-device'
import azureHttp from 'azure-iot-device-http'
import { systemGrant } from '#access'
import type { CloudMessage } from '#hub'
import { cloudMessage, liveHost, mayBind443, openLiveHub, soon, textOf } from './live-hub.test.ts'

/*
 * Stock device SDKs over HTTPS, and uploads of files, on the real rooms of a hub.
 */

const { Message } = azure
const { Http } = azureHttp
const why = 'port 443 may not be bound here, and the SDK takes no other'
const isHere = await mayBind443()

test(
  'HTTPS: a stock device sends messages and batches, which are told with their properties [azure-wire 3.1, 11.4]',
  { skip: !isHere && why },
  async () => {
    await using here = await openLiveHub(443)
    const { id, client } = await here.device('pump-1', Http)
    const one = new Message('{"t":1}')
    one.messageId = 'i/1'
    one.contentType = 'application/json'
    one.contentEncoding = 'utf-8'
    one.properties.add('k', 'v w')
    await client.sendEvent(one)
    const two = new Message('b')
    two.properties.add('p', 'q')
    await client.sendEventBatch([new Message('a'), two])
    const [first, second, third] = await here.telemetry()
    assert.deepEqual([first?.['body'], first?.['transport'], { ...Object(first?.['properties']) }], ['{"t":1}', 'https', { k: 'v w' }])
    const system = Object(first?.['system'])
    assert.deepEqual(
      [system['message-id'], system['content-type'], system['iothub-connection-device-id']],
      ['i/1', 'application/json', 'pump-1'],
    )
    assert.deepEqual([second?.['body'], third?.['body'], { ...Object(third?.['properties']) }], ['a', 'b', { p: 'q' }])
    assert.equal(here.rooms.hub.presence.of(id).connectionState, 'Disconnected', 'HTTPS is no connection')
  },
)

test(
  'HTTPS: a stock device receives messages and completes, rejects or abandons them [azure-wire 3.2, 11.4]',
  { skip: !isHere && why },
  async () => {
    await using here = await openLiveHub(443)
    const { id, client } = await here.device('pump-1', Http)
    const { messages } = here.rooms.hub
    const send = async (more: Partial<CloudMessage>) =>
      assert.ok((await messages.send(systemGrant('c2d.send', 'x'), id, cloudMessage(more))).ok)
    await send({ messageId: 'c1', properties: { foo: 'bar' }, body: Buffer.from('first') })
    await send({ messageId: 'c2', body: Buffer.from('second') })
    const got: InstanceType<typeof Message>[] = []
    client.on('message', (message) => got.push(message))
    await soon('both came', () => got.length === 2)
    const [first, second] = got
    assert.ok(first !== undefined && second !== undefined)
    assert.deepEqual(
      [first.messageId, textOf(first), first.properties.getItem(0)],
      ['c1', 'first', { key: 'iothub-app-foo', value: 'bar' }],
    )
    await client.abandon(first)
    await client.reject(second)
    await soon('the abandoned one came again', () => got.length === 3)
    const [, , again] = got
    assert.ok(again !== undefined)
    await client.complete(again)
    await soon('nothing is left', () => messages.count(id) === 0)
    await assert.rejects(client.complete(again), 'its lock is gone')
  },
)

test('HTTPS: who is disabled is refused with the next request, on the same connection', { skip: !isHere && why }, async () => {
  await using here = await openLiveHub(443)
  const { id, client } = await here.device('pump-1', Http)
  await client.sendEvent(new Message('x'))
  assert.ok((await here.rooms.hub.devices.update(systemGrant('device.write', 'x'), id, { status: 'disabled' })).ok)
  await assert.rejects(client.sendEvent(new Message('y')), { name: 'UnauthorizedError' })
  assert.equal((await here.telemetry()).length, 1)
})

test('HTTPS: a stock device uploads a file in blocks; it is read back whole [azure-wire 3.3, 11.4]', { skip: !isHere && why }, async () => {
  await using here = await openLiveHub(443)
  const { client } = await here.device('pump-1', Http)
  // The SDK has no option for whom to trust with the bytes of a file.
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, here.rooms.pki.rootPem])
  try {
    const bytes = Buffer.alloc(9_000_000, 'x\n')
    await new Promise<void>((resolve, reject) =>
      client.uploadToBlob('logs/a b.txt', Readable.from([bytes]), bytes.length, (error) => (error ? reject(error) : resolve())),
    )
    const { files } = here.rooms.hub
    const read = await files.read(systemGrant('telemetry.read', 'x'), 'pump-1/logs/a b.txt')
    assert.ok(read !== undefined)
    assert.equal(read.file.bytes, bytes.length)
    const parts: Uint8Array[] = []
    for await (const part of read.body) parts.push(part)
    assert.ok(Buffer.concat(parts).equals(bytes))
  } finally {
    setDefaultCACertificates(before)
  }
})

test('HTTPS: a blob is written with its own right alone, and never read [azure-wire 3.3]', { skip: !isHere && why }, async () => {
  await using here = await openLiveHub(443)
  const { tls, client } = await here.device('pump-1', Http)
  const ticket = await client.getBlobSharedAccessSignature('a.txt')
  const { containerName, blobName, sasToken } = { ...Object(ticket) }
  const call = (method: string, path: string, body: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number | undefined; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
      const sent = request({ host: liveHost, port: 443, ca: tls.ca, method, path, headers, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part) => (text += part))
        response.on('end', () => resolve({ status: response.statusCode, headers: { ...response.headers }, text }))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  const blob = `/${containerName}/${blobName}`
  const block = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2020-10-02' }
  const read = await call('GET', blob + sasToken, '')
  assert.deepEqual([read.status, read.headers['x-ms-error-code']], [405, 'UnsupportedHttpVerb'])
  for (const [what, path] of [
    ['no signature', blob],
    ['another blob', `/${containerName}/pump-2/a.txt${sasToken}`],
    ['a path that climbs', `/${containerName}/pump-1/../pump-2/a.txt${sasToken}`],
    ['a forged signature', blob + sasToken.replace(/sig=[^&]{4}/, 'sig=AAAA')],
  ] as const) {
    const refused = await call('PUT', path, 'evil', block)
    assert.ok(refused.status === 403 || refused.status === 400, `${what}: ${refused.status}`)
    assert.match(refused.text, /<Error><Code>\w+<\/Code>/)
  }
  const bare = await call('PUT', blob + sasToken, 'x')
  assert.equal(bare.status, 400, 'neither a block nor a blob')
  const written = await call('PUT', blob + sasToken, 'hello', block)
  assert.equal(written.status, 201)
  assert.deepEqual(
    [written.headers['x-ms-version'], written.headers['x-ms-request-server-encrypted'], written.text],
    ['2020-10-02', 'true', ''],
  )
  assert.match(String(written.headers['etag']), /^".+"$/)
  const ended = { isSuccess: true, statusCode: 201, statusDescription: 'done' }
  await client.notifyBlobUploadStatus(Object(ticket).correlationId, ended.isSuccess, ended.statusCode, ended.statusDescription)
})
