import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { BlobServiceClient, BlockBlobClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { Secret, instant } from '#base'
import { signAzureBlob } from '#hub'
import { blobProperties } from './file-store.io.ts'

/** The account that every Azurite has, with its published key. */
const accountName = 'devstoreaccount1'
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
const containerName = 'files'
const account = { accountName, key: new Secret(Buffer.from(accountKey, 'base64')), containerName }
const hour = 60 * 60 * 1000
const soon = () => instant(Date.now() + hour)

let base = ''
const scope = new AsyncDisposableStack()
after(() => scope.disposeAsync())

before(async () => {
  const program = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js')
  const args = [
    '--blobPort',
    '0',
    '--inMemoryPersistence',
    '--extentMemoryLimit',
    '32',
    '--disableTelemetry',
    '--skipApiVersionCheck',
    '--silent',
  ]
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: process.env['PATH'] } })
  scope.defer(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  })
  let said = ''
  base = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`azurite ended: ${said}`)))
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8')
      const url = /listens on (http:\S+)/.exec(said)?.[1]
      if (url !== undefined) resolve(`${url}/${accountName}`)
    })
  })
  const service = new BlobServiceClient(base, new StorageSharedKeyCredential(accountName, accountKey))
  await service.createContainer(containerName)
})

const at = (name: string, sas: string) => `${base}/${containerName}/${name.split('/').map(encodeURIComponent).join('/')}${sas}`
const status = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof Error && 'statusCode' in error ? error.statusCode : error),
  )

test('the stock client uploads with our signature, in one request and in blocks, and the hub sees the size', async () => {
  for (const [name, bytes] of [
    ['a/log.txt', 5],
    ["a/it's (1) & żółw/x y.bin", 300_000],
  ] as const) {
    const client = new BlockBlobClient(at(name, signAzureBlob(account, name, 'cw', soon(), 'https,http')))
    await client.uploadData(Buffer.alloc(bytes, 7), { blockSize: 100_000, maxSingleShotSize: 1000 })
    const seen = await blobProperties(at(name, signAzureBlob(account, name, 'r', soon(), 'https,http')))
    assert.equal(seen?.bytes, bytes)
    assert.ok(Math.abs(seen.lastModified - Date.now()) < 60_000)
  }
})

test('a signature is for one blob, one purpose, https and its time, and for who has the key', async () => {
  const upload = (name: string, sas: string) => status(new BlockBlobClient(at(name, sas)).upload('x', 1))
  const good = signAzureBlob(account, 'a/one', 'cw', soon(), 'https,http')
  assert.equal(await upload('a/one', good), 'done')
  assert.equal(await upload('b/one', good), 403)
  assert.equal(await upload('a/one', signAzureBlob(account, 'a/one', 'cw', instant(Date.now() - hour), 'https,http')), 403)
  assert.equal(await upload('a/one', signAzureBlob(account, 'a/one', 'r', soon(), 'https,http')), 403)
  assert.equal(await upload('a/one', signAzureBlob(account, 'a/one', 'cw', soon())), 403, 'plain HTTP')
  const stranger = { ...account, key: new Secret(Buffer.alloc(64, 1)) }
  assert.equal(await upload('a/one', signAzureBlob(stranger, 'a/one', 'cw', soon(), 'https,http')), 403)
  await assert.rejects(blobProperties(at('a/one', good)), { code: 'server/blob-unreachable' }, 'who may write may not read')
})

test('a blob that is not there is none; an account that does not answer is a fault', async () => {
  assert.equal(await blobProperties(at('a/none', signAzureBlob(account, 'a/none', 'r', soon(), 'https,http'))), undefined)
  await assert.rejects(blobProperties('http://127.0.0.1:1/files/x'), { code: 'server/blob-unreachable' })
})
