import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { BlockBlobClient, ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { systemGrant } from '#access'
import { TestServer, freePort, makeTls, openFolder } from '../../test/endpoint-scene.ts'
import { idOf } from '../../test/domain-scene.ts'
import { openFileScene } from '../../test/file-scene.ts'
import { parseConfig } from './config.io.ts'
import { openFileDisk, blobProperties } from './file-store.io.ts'
import { openFileTarget } from './file-target.io.ts'

const account = 'devstoreaccount1'
// The key that every Azurite has; it is published.
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

/** A settings file with what stands under `files`, and the file of the key beside it. */
function settings(folder: string, files: Readonly<Record<string, string>>, key = accountKey, mode = 0o600) {
  writeFileSync(join(folder, 'blob.key'), `${key}\n`)
  chmodSync(join(folder, 'blob.key'), mode)
  const file = join(folder, 'hub.yaml')
  writeFileSync(file, JSON.stringify({ files }))
  return parseConfig({ config: file, data: folder }, {})
}

const whole = { place: 'azure-blob', account: 'plant', container: 'files', keyFile: 'blob.key' }

test('by the settings files go to this hub, nowhere, or to a storage account with its key from a file', () => {
  using folder = openFolder()
  const target = (files: Readonly<Record<string, string>>) => {
    const config = settings(folder.path, files)
    assert.ok(config.ok, JSON.stringify(config))
    const opened = openFileTarget(config.value.files)
    assert.ok(opened.ok)
    return opened.value
  }
  assert.deepEqual(target({}), { kind: 'local', containerName: 'uploads' })
  assert.deepEqual(target({ place: 'off' }), { kind: 'off' })
  const azure = target(whole)
  assert.ok(azure.kind === 'azure-blob')
  assert.equal(azure.hostName, 'plant.blob.core.windows.net')
  assert.equal(
    azure.accountKey.use((bytes) => bytes.toString('base64')),
    accountKey,
  )
})

test('half an account, one that is not used, and names that could lead elsewhere are refused', () => {
  using folder = openFolder()
  const { keyFile: _key, ...half } = whole
  for (const files of [
    half,
    { ...whole, place: 'local' },
    { ...whole, account: 'plant.evil.example/' },
    { ...whole, container: '../x' },
    { ...whole, host: 'plant.example/a/b' },
    { ...whole, host: 'user@plant.example' },
    { ...whole, host: 'plant.example?x' },
  ]) {
    const config = settings(folder.path, files)
    assert.ok(!config.ok && config.error.code === 'server/settings-invalid', JSON.stringify(files))
  }
})

test('a key that others can read, that is none or that is not there stops the start, and is never shown', () => {
  using folder = openFolder()
  for (const [key, mode, keyFile] of [
    [accountKey, 0o644, 'blob.key'],
    ['no key!', 0o600, 'blob.key'],
    ['A'.repeat(2_000), 0o600, 'blob.key'],
    [accountKey, 0o600, 'none.key'],
  ] as const) {
    const config = settings(folder.path, { ...whole, keyFile }, key, mode)
    assert.ok(config.ok)
    const opened = openFileTarget(config.value.files)
    assert.ok(!opened.ok && opened.error.code === 'server/files-key', keyFile)
    assert.ok(!opened.error.message.includes(key))
  }
})

test('a device uploads to the account that the settings name, over TLS, and the hub sees how large the file is [azure-wire 3.3]', async () => {
  using folder = openFolder()
  const tls = makeTls(folder.path)
  setDefaultCACertificates([...getCACertificates('default'), tls.ca])
  const port = await freePort()
  const program = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js')
  const options = ['--blobHost', '127.0.0.1', '--blobPort', `${port}`, '--inMemoryPersistence', '--disableTelemetry']
  const certificate = ['--skipApiVersionCheck', '--silent', '--cert', tls.path('server.pem'), '--key', tls.path('server.key')]
  const server = new TestServer(process.execPath, [program, ...options, ...certificate], port, { env: { NODE_OPTIONS: '' } })
  await server.start()
  try {
    const host = `localhost:${port}/${account}`
    const credential = new StorageSharedKeyCredential(account, accountKey)
    await new ContainerClient(`https://${host}/files`, credential, { tlsOptions: { ca: tls.ca } } as object).create()
    const config = settings(folder.path, { ...whole, account, host })
    assert.ok(config.ok)
    const target = openFileTarget(config.value.files)
    assert.ok(target.ok)
    await using scene = await openFileScene(openFileDisk, { settings: { target: target.value }, blobOf: blobProperties })
    // The account goes by the time of the machine.
    scene.clock.jump(Date.now())
    const ticket = await scene.begin('log 1.txt')
    const { hostName, containerName, blobName, sasToken } = ticket
    const url = `https://${hostName}/${containerName}/${encodeURI(blobName)}${sasToken}`
    await new BlockBlobClient(url, undefined, { tlsOptions: { ca: tls.ca } } as object).upload('hello', 5)
    const ended = await scene.files.complete(idOf('a'), ticket.correlationId, { isSuccess: true, statusCode: 201, statusDescription: '' })
    assert.ok(ended.ok)
    const told = await scene.domain.hub.fileNotifications.receive(systemGrant('file.notifications', 'files'))
    assert.deepEqual([told?.content.blobSizeInBytes, told?.content.blobUri], [5, `https://${host}/files/a/log%201.txt`])
  } finally {
    await server.stop()
  }
})
