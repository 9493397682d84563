import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import { ContainerClient, ContainerSASPermissions, StorageSharedKeyCredential, generateBlobSASQueryParameters } from '@azure/storage-blob'
import { TestServer, type TestTls, freePort, makeTls, never, openFolder, testEvents, testPorts } from '../../../test/endpoint-scene.ts'
import { parseAzureBlob } from './azure-blob.ts'
import { azureBlobKind } from './azure-blob.io.ts'
import { judgeStore } from './batch-object.ts'

const account = 'devstoreaccount1'
// The key that every Azurite has; it is published.
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
const good = { url: 'https://plant.blob.core.windows.net/events', account: 'plant', accountKeySecret: 'k' }

describe('settings of an azure-blob endpoint', () => {
  test('are read', () => {
    const parsed = parseAzureBlob(good)
    assert.ok(parsed.ok)
    assert.deepEqual(parsed.value.proof, { kind: 'key', account: 'plant', accountKeySecret: 'k' })
    assert.equal(parsed.value.format, 'json-lines')
  })
  for (const [what, change, problem] of [
    ['plain HTTP', { url: 'http://plant.blob.core.windows.net/events' }, /no https URL/],
    ['a URL with a token in it', { url: 'https://plant.blob.core.windows.net/events?sig=x' }, /no https URL/],
    ['a URL of no container', { url: 'https://plant.blob.core.windows.net' }, /not that of a container/],
    ['two proofs', { sasSecret: 's' }, /one of accountKeySecret and sasSecret/],
    ['no proof', { account: undefined, accountKeySecret: undefined }, /one of accountKeySecret and sasSecret/],
    ['a prefix that climbs', { prefix: '../' }, /prefix has/],
    ['a format that nobody knows', { format: 'csv' }, /format is none of/],
  ] as const)
    test(`refuse ${what}`, () => {
      const parsed = parseAzureBlob({ ...good, ...change })
      assert.ok(!parsed.ok)
      assert.match(parsed.error.message, problem)
    })
})

test('whatever a store answers but yes is tried again, when it says', () => {
  assert.deepEqual(judgeStore(201, '', undefined), { kind: 'ok' })
  assert.deepEqual(judgeStore(503, '<Error><Code>ServerBusy</Code></Error>', '7'), {
    kind: 'retry',
    reason: 'the store answered 503 ServerBusy',
    afterMs: 7_000,
  })
  assert.deepEqual(judgeStore(301, 'x', 'soon'), { kind: 'retry', reason: 'the store answered 301' })
})

describe('against Azurite', () => {
  const folder = openFolder()
  let tls: TestTls
  let port: number
  let server: TestServer
  const url = () => `https://localhost:${port}/${account}/events`
  const credential = new StorageSharedKeyCredential(account, accountKey)
  const client = () => new ContainerClient(url(), credential, { tlsOptions: { ca: tls.ca } } as object)

  before(async () => {
    tls = makeTls(folder.path)
    port = await freePort()
    const program = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js')
    const args = [
      '--blobHost',
      '127.0.0.1',
      '--blobPort',
      `${port}`,
      '--location',
      folder.path,
      '--disableTelemetry',
      '--skipApiVersionCheck',
      '--silent',
      '--cert',
      tls.path('server.pem'),
      '--key',
      tls.path('server.key'),
    ]
    server = new TestServer(process.execPath, [program, ...args], port, { env: { NODE_OPTIONS: '' } })
    await server.start()
    await client().create()
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function open(change: Readonly<Record<string, unknown>> = {}, secrets: Readonly<Record<string, string>> = {}, mayReach = true) {
    const parsed = azureBlobKind.parse({ url: url(), account, accountKeySecret: 'k', ca: tls.ca, ...change })
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
    return azureBlobKind.open(
      'blobs',
      parsed.value,
      testPorts({ k: accountKey, ...secrets }, () => mayReach),
    )
  }

  async function stored(prefix: string): Promise<ReadonlyMap<string, readonly number[]>> {
    const found = new Map<string, readonly number[]>()
    for await (const { name } of client().listBlobsFlat({ prefix })) {
      const text = (await client().getBlobClient(name).downloadToBuffer()).toString('utf8')
      const lines = text.trimEnd().split('\n')
      found.set(
        name,
        lines.map((line) => {
          const { offset }: { offset: number } = JSON.parse(line)
          return offset
        }),
      )
    }
    return found
  }

  test('a batch becomes a blob, and the same batch with more events replaces it', async () => {
    await using sink = await open({ prefix: 'a/' })
    assert.deepEqual(await sink.deliver(testEvents(1, 3), never), { kind: 'ok' })
    assert.deepEqual(await sink.deliver(testEvents(1, 5), never), { kind: 'ok' })
    assert.deepEqual(await sink.deliver(testEvents(6, 2), never), { kind: 'ok' })
    assert.deepEqual(
      [...(await stored('a/'))],
      [
        ['a/blobs/2026/11/23/0000000000000001.jsonl', [1, 2, 3, 4, 5]],
        ['a/blobs/2026/11/23/0000000000000006.jsonl', [6, 7]],
      ],
    )
  })

  test('a shared access signature of the container is enough', async () => {
    const permissions = ContainerSASPermissions.parse('cw')
    const sas = generateBlobSASQueryParameters(
      { containerName: 'events', permissions, expiresOn: new Date(Date.now() + 3_600_000) },
      credential,
    )
    await using sink = await open(
      { prefix: 'sas/', account: undefined, accountKeySecret: undefined, sasSecret: 's' },
      { s: `?${sas.toString()}\n` },
    )
    assert.deepEqual(await sink.deliver(testEvents(1, 2), never), { kind: 'ok' })
    assert.equal((await stored('sas/')).size, 1)
  })

  test('Avro containers and Parquet files are written whole', async () => {
    for (const [format, magic] of [
      ['avro', 'Obj\u0001'],
      ['parquet', 'PAR1'],
    ] as const) {
      await using sink = await open({ prefix: `${format}/`, format })
      assert.deepEqual(await sink.deliver(testEvents(1, 20), never), { kind: 'ok' })
      const bytes = await client().getBlobClient(`${format}/blobs/2026/11/23/0000000000000001.${format}`).downloadToBuffer()
      assert.equal(bytes.subarray(0, 4).toString('latin1'), magic)
    }
  })

  test('a store that goes away and comes back is tried again', async () => {
    await using sink = await open({ prefix: 'outage/' })
    assert.deepEqual(await sink.deliver(testEvents(1, 2), never), { kind: 'ok' })
    await server.stop()
    assert.equal((await sink.deliver(testEvents(3, 2), never)).kind, 'retry')
    await server.start()
    assert.deepEqual(await sink.deliver(testEvents(3, 2), never), { kind: 'ok' })
    assert.deepEqual([...(await stored('outage/')).values()].flat(), [1, 2, 3, 4])
  })

  for (const [what, change, secrets, mayReach, reason] of [
    ['a wrong key', {}, { k: Buffer.alloc(64).toString('base64') }, true, /answered 403/],
    ['a container that is not there', { url: true }, {}, true, /answered 404 ContainerNotFound/],
    ['a store of an unknown authority', { ca: undefined }, {}, true, /certificate/],
    ['an address that nobody allowed', {}, {}, false, /private/],
  ] as const)
    test(`waits: ${what}`, async () => {
      await using sink = await open('url' in change ? { url: `${url()}2` } : change, secrets, mayReach)
      const delivered = await sink.deliver(testEvents(1, 1), never)
      assert.ok(delivered.kind === 'retry')
      assert.match(delivered.reason, reason)
    })
})
