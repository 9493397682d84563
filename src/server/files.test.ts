import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { systemGrant } from '#access'
import type { Result } from '#base'
import { idOf, registryGrants } from '../../test/domain-scene.ts'
import { type FileSceneOptions, blockId, blockList, body, openFileScene, requestFor } from '../../test/file-scene.ts'
import { memoryFileDisk } from '../../test/memory-file-disk.ts'
import { openFileDisk } from './file-store.io.ts'

const a = idOf('a')
const b = idOf('b')
const done = { isSuccess: true, statusCode: 201, statusDescription: '' }
const telling = systemGrant('file.notifications', 'files')
const code = (result: Result<unknown>) => (result.ok ? 'ok' : result.error.code)
const scopes: AsyncDisposableStack[] = []
afterEach(async () => void (await Promise.all(scopes.splice(0).map((scope) => scope.disposeAsync()))))

async function scene(options: FileSceneOptions = {}) {
  const scope = new AsyncDisposableStack()
  scopes.push(scope)
  return scope.use(await openFileScene(openFileDisk, options))
}

test('blocks in any order, then their list, make the file; services are told of it [azure-wire 3.3, 5.10]', async () => {
  const { files, begin, textOf, domain, onDisk, settle, clock } = await scene()
  const ticket = await begin('a b/log.txt')
  assert.deepEqual([ticket.hostName, ticket.containerName, ticket.blobName], ['hub.example:8443', 'uploads', 'a/a b/log.txt'])
  assert.match(ticket.sasToken, /^\?sv=2020-10-02&sr=b&/)
  assert.ok(files.isBlobPath('/uploads/a/a b/log.txt') && !files.isBlobPath('/devices/a'))
  const put = (n: number, text: string) => files.putBlock(requestFor(ticket, { comp: 'block', blockid: blockId(n) }), body(text))
  await Promise.all([put(2, 'wide '), put(1, 'hello '), put(3, 'forgotten'), put(4, 'world')])
  clock.advance(5)
  const stored = await files.putBlockList(
    requestFor(ticket, { comp: 'blocklist' }),
    blockList(blockId(1), blockId(2), blockId(4)),
    'text/plain',
  )
  assert.equal(stored.ok && stored.value.bytes, 16)
  assert.equal(await textOf('a/a b/log.txt'), 'hello wide world')
  assert.equal(code(await files.complete(a, ticket.correlationId, done)), 'ok')
  await settle()
  assert.equal((await onDisk()).length, 1, 'the blocks are gone')
  const told = await domain.hub.fileNotifications.receive(telling)
  assert.deepEqual(told?.content, {
    deviceId: 'a',
    blobUri: 'https://hub.example:8443/uploads/a/a%20b/log.txt',
    blobName: 'a/a b/log.txt',
    lastUpdatedTime: new Date(clock.now()).toISOString(),
    blobSizeInBytes: 16,
    enqueuedTimeUtc: new Date(clock.now()).toISOString(),
  })
  assert.equal(code(await domain.hub.fileNotifications.settle(telling, told.lockToken, 'complete')), 'ok')
  assert.equal(await domain.hub.fileNotifications.receive(telling), undefined)
  const { files: listed } = await domain.hub.files.list(systemGrant('telemetry.read', 'files'), { device: 'a', limit: 10 })
  assert.deepEqual(
    listed.map(({ name, bytes, contentType }) => [name, bytes, contentType]),
    [['a/a b/log.txt', 16, 'text/plain']],
  )
})

test('one request can bring a whole file, of none or many bytes', async () => {
  const { files, begin, textOf } = await scene()
  const empty = await begin('empty')
  assert.equal(code(await files.putBlob(requestFor(empty), body(), undefined)), 'ok')
  assert.equal(await textOf('a/empty'), '')
  const large = await begin('large')
  const text = 'x'.repeat(1_000_000)
  assert.equal(code(await files.putBlob(requestFor(large), body(text, 'y'), undefined)), 'ok')
  assert.equal(await textOf('a/large'), `${text}y`)
  assert.equal(code(await files.putBlockList(requestFor(empty), blockList(), undefined)), 'ok')
})

test('a second upload of a name takes the place of the first; the same bytes are kept once', async () => {
  const { files, begin, textOf, onDisk, list, domain, settle } = await scene()
  for (const [name, text] of [
    ['one', 'same'],
    ['two', 'same'],
    ['one', 'other'],
  ] as const) {
    const ticket = await begin(name)
    await files.putBlob(requestFor(ticket), body(text), undefined)
    await files.complete(a, ticket.correlationId, done)
  }
  await settle()
  assert.deepEqual([await textOf('a/one'), await textOf('a/two')], ['other', 'same'])
  assert.equal((await onDisk()).length, 2)
  assert.equal(code(await domain.hub.files.remove(systemGrant('hub.administer', 'files'), 'a/two')), 'ok')
  assert.equal(code(await domain.hub.files.remove(systemGrant('hub.administer', 'files'), 'a/two')), 'hub/file-not-found')
  assert.equal((await onDisk()).length, 1)
  assert.equal((await list()).files.length, 1)
})

test('an upload goes on after a restart, blocks and all; what belongs to nobody is cleared away', async () => {
  const { domain, files, begin, textOf, root, onDisk, settle } = await scene()
  const ticket = await begin()
  await files.putBlock(requestFor(ticket, { blockid: blockId(1) }), body('kept'))
  await writeFile(join(root, 'staging', ticket.correlationId, 'half.part'), 'x')
  await domain.reopen()
  for (let n = 0; n < 20; n++) await settle()
  assert.deepEqual(
    (await onDisk()).filter((name) => name.endsWith('.part')),
    [],
  )
  assert.equal(code(await domain.hub.files.putBlockList(requestFor(ticket), blockList(blockId(1)), undefined)), 'ok')
  assert.equal(await textOf('a/log.txt'), 'kept')
  await domain.store.commit([{ sql: 'DELETE FROM files', args: [] }])
  await domain.store.commit([{ sql: 'DELETE FROM file_uploads', args: [] }])
  await domain.reopen()
  for (let n = 0; n < 1000 && (await onDisk()).length > 0; n++) await settle()
  assert.deepEqual(await onDisk(), [])
})

test('a failed upload is told as such, and only its device ends it, once [azure-wire 3.3]', async () => {
  const { files, begin, domain } = await scene()
  const { correlationId } = await begin()
  assert.equal(code(await files.complete(b, correlationId, done)), 'hub/upload-unknown')
  assert.equal(code(await files.complete(a, 'nonsense', done)), 'hub/upload-unknown')
  assert.equal(code(await files.complete(a, correlationId, { ...done, statusCode: NaN })), 'hub/upload-outcome')
  const both = await Promise.all([files.complete(a, correlationId, { ...done, isSuccess: false }), files.complete(a, correlationId, done)])
  assert.deepEqual(both.map(code), ['ok', 'hub/upload-unknown'])
  assert.equal(await domain.hub.fileNotifications.receive(telling), undefined)
})

test('success without a file is no notification', async () => {
  const { files, begin, domain } = await scene()
  const { correlationId } = await begin()
  assert.equal(code(await files.complete(a, correlationId, done)), 'ok')
  assert.equal(await domain.hub.fileNotifications.receive(telling), undefined)
})

test('ten uploads at a time, each for an hour [azure-wire 3.3]', async () => {
  const { files, begin, clock, settle } = await scene()
  const begun = await Promise.all(Array.from({ length: 12 }, (_, n) => files.begin(a, `${n}`)))
  assert.deepEqual(
    begun.map(code).filter((each) => each !== 'ok'),
    ['hub/too-many-uploads', 'hub/too-many-uploads'],
  )
  assert.equal(code(await files.begin(b, 'other')), 'ok')
  clock.advance(60 * 60_000)
  const [first] = begun
  assert.ok(first?.ok)
  assert.equal(code(await files.complete(a, first.value.correlationId, done)), 'hub/upload-expired')
  assert.equal((await begin()).blobName, 'a/log.txt')
  clock.advance(2 * 60_000)
  await settle()
  assert.equal(code(await files.complete(a, first.value.correlationId, done)), 'hub/upload-unknown')
})

test('blocks that nobody commits go when the upload expires, and give their bytes back', async () => {
  const { files, begin, clock, settle, onDisk } = await scene()
  const put = async () => {
    const ticket = await begin()
    const outcomes: string[] = []
    for (let n = 0; n < 5; n++)
      outcomes.push(code(await files.putBlock(requestFor(ticket, { blockid: blockId(n) }), body(Buffer.alloc(1024 * 1024)))))
    return outcomes
  }
  assert.deepEqual(await put(), ['ok', 'ok', 'ok', 'ok', 'hub/file-quota'])
  assert.equal((await onDisk()).length, 4)
  clock.advance(62 * 60_000)
  for (let n = 0; n < 1000 && (await onDisk()).length > 0; n++) await settle()
  assert.deepEqual(await onDisk(), [])
  assert.deepEqual(await put(), ['ok', 'ok', 'ok', 'ok', 'hub/file-quota'])
})

test('a removed device ends its uploads; its files stay', async () => {
  const { files, begin, domain, textOf } = await scene()
  const ticket = await begin()
  await files.putBlob(requestFor(ticket), body('mine'), undefined)
  await domain.hub.devices.remove(registryGrants.erase, a)
  assert.equal(code(await files.putBlob(requestFor(ticket), body('late'), undefined)), 'hub/blob-forbidden')
  assert.equal(code(await files.begin(a, 'x')), 'hub/device-not-found')
  assert.equal(await textOf('a/log.txt'), 'mine')
  assert.deepEqual(await domain.store.query('SELECT * FROM file_uploads'), [])
})

test('a signature is for one blob of one device, until its upload ends', async () => {
  const { files, begin, clock, onDisk } = await scene()
  const mine = await begin('mine')
  const theirs = await begin('theirs', b)
  const put = (path: string, sas: string) => files.putBlob({ path, query: new URLSearchParams(sas) }, body('x'), undefined)
  const forged: readonly (readonly [string, string])[] = [
    ['/uploads/b/theirs', mine.sasToken],
    ['/uploads/a/theirs', theirs.sasToken],
    ['/uploads/a/mine/more', mine.sasToken],
    ['/uploads//a/mine', mine.sasToken],
    ['/uploads/b/../a/mine', mine.sasToken],
    ['/other/a/mine', mine.sasToken],
    ['/uploads/a/mine', ''],
    ['/uploads/a/mine', mine.sasToken.replace(/sig=[^&]*/, 'sig=')],
    ['/uploads/a/mine', mine.sasToken.replace(/sig=[^&]*/, `sig=${'A'.repeat(43)}%3D`)],
    ['/uploads/a/mine', mine.sasToken.replace('sp=cw', 'sp=rcw')],
    ['/uploads/a/mine', mine.sasToken.replace(/se=2026/, 'se=2027')],
    ['/uploads/a/mine', mine.sasToken.replace(/si=[^&]*/, `si=${theirs.correlationId}`)],
    ['/uploads/a/mine', `${mine.sasToken}&sig=x`],
    ['/uploads/a/mine', mine.sasToken.replace('sr=b', 'sr=c')],
  ]
  for (const [path, sas] of forged) assert.equal(code(await put(path, sas)), 'hub/blob-forbidden', `${path} ${sas}`)
  assert.deepEqual(await onDisk(), [])
  assert.equal(code(await put('/uploads/a/mine', mine.sasToken)), 'ok')
  await files.complete(a, mine.correlationId, done)
  assert.equal(code(await put('/uploads/a/mine', mine.sasToken)), 'hub/blob-forbidden', 'used up')
  clock.advance(60 * 60_000)
  assert.equal(code(await put('/uploads/b/theirs', theirs.sasToken)), 'hub/blob-forbidden', 'expired')
})

test('names that lead elsewhere begin nothing', async () => {
  const { files } = await scene()
  for (const name of [
    '',
    '/etc/passwd',
    '../b/x',
    'x/../../b',
    '..',
    '.',
    'x//y',
    'x/',
    'x\0',
    'x\r\ny',
    'x\\..\\y',
    '\ud800',
    'x.',
    'y'.repeat(1100),
  ])
    assert.equal(code(await files.begin(a, name)), 'hub/blob-name-malformed', JSON.stringify(name))
  for (const name of ['x/..y', 'a..b/%2e%2e', 'żółw/水.txt', "it's (1) & more=?#.log"])
    assert.equal(code(await files.begin(a, name)), 'ok', name)
})

test('too large a block or blob, too much in all, and too many: refused while it comes, and nothing is left', async () => {
  const { files, begin, onDisk } = await scene()
  const ticket = await begin()
  let read = 0
  async function* endless() {
    for (;;) {
      read += 65_536
      yield Buffer.alloc(65_536)
    }
  }
  assert.equal(code(await files.putBlock(requestFor(ticket, { blockid: blockId(1) }), endless())), 'hub/blob-too-large')
  assert.ok(read <= 1024 * 1024 + 3 * 65_536, `read ${read} bytes`)
  assert.equal(code(await files.putBlob(requestFor(ticket), endless(), undefined)), 'hub/blob-too-large')
  assert.deepEqual(await onDisk(), [])
  for (const id of [undefined, '', 'no base64!', Buffer.alloc(65).toString('base64'), 'x'.repeat(10_000)])
    assert.equal(code(await files.putBlock(requestFor(ticket, id === undefined ? {} : { blockid: id }), body('x'))), 'hub/blob-query')
})

test('parallel uploads share one quota, whatever they do in between', async () => {
  const { files, begin } = await scene()
  const tickets = await Promise.all(['1', '2', '3', '4', '5', '6'].map((name) => begin(name)))
  const outcomes = await Promise.all(tickets.map((ticket) => files.putBlob(requestFor(ticket), body(Buffer.alloc(1024 * 1024)), undefined)))
  assert.ok(outcomes.filter((outcome) => outcome.ok).length <= 4)
  assert.ok(outcomes.some((outcome) => code(outcome) === 'hub/file-quota'))
  // Different devices, one hub.
  const others = await Promise.all(['1', '2', '3', '4'].map((name) => begin(name, b)))
  for (const ticket of others) await files.putBlob(requestFor(ticket), body(Buffer.alloc(1024 * 1024, 7)), undefined)
  assert.equal(code(await files.begin(b, 'more')), 'hub/file-quota')
})

test('a client that goes away in the middle leaves nothing behind', async () => {
  const { files, begin, onDisk } = await scene()
  const ticket = await begin()
  async function* torn() {
    yield Buffer.alloc(100_000)
    throw new Error('the peer is gone')
  }
  for (let n = 0; n < 50; n++) await assert.rejects(files.putBlock(requestFor(ticket, { blockid: blockId(1) }), torn()), /the peer is gone/)
  assert.deepEqual(await onDisk(), [])
  assert.equal(
    code(await files.putBlob(requestFor(ticket), body(Buffer.alloc(2 * 1024 * 1024)), undefined)),
    'ok',
    'the quota is untouched',
  )
})

test('a block list of what was not uploaded makes no file, and takes none away', async () => {
  const { files, begin, textOf } = await scene()
  const ticket = await begin()
  await files.putBlob(requestFor(ticket), body('before'), undefined)
  assert.equal(code(await files.putBlockList(requestFor(ticket), blockList(blockId(9)), undefined)), 'hub/block-list')
  assert.equal(code(await files.putBlockList(requestFor(ticket), '<!DOCTYPE x><BlockList/>', undefined)), 'hub/block-list')
  assert.equal(await textOf('a/log.txt'), 'before')
})

test('10,000 blocks are put together in bounded memory, and cost their place on the disk', async () => {
  const { files, begin, textOf, domain } = await scene({
    around: memoryFileDisk,
    settings: { deviceQuotaBytes: 128 * 1024 * 1024, hubQuotaBytes: 1024 ** 3 },
  })
  const ticket = await begin()
  const ids = Array.from({ length: 10_000 }, (_, n) => blockId(n))
  for (let from = 0; from < ids.length; from += 100)
    await Promise.all(ids.slice(from, from + 100).map((blockid) => files.putBlock(requestFor(ticket, { blockid }), body('0123456789'))))
  assert.equal(code(await files.putBlockList(requestFor(ticket), blockList(...ids), undefined)), 'ok')
  assert.equal((await textOf('a/log.txt'))?.length, 100_000)
  assert.equal(
    code(await files.putBlockList(requestFor(ticket), blockList(blockId(1)), undefined)),
    'hub/block-list',
    'the blocks are gone',
  )
  await domain.hub.files.complete(a, ticket.correlationId, done)
  const tight = await scene({ around: memoryFileDisk, settings: { deviceQuotaBytes: 100 * 4096 } })
  const small = await tight.begin()
  const outcomes = new Set<string>()
  for (const blockid of ids.slice(0, 200)) outcomes.add(code(await tight.files.putBlock(requestFor(small, { blockid }), body('x'))))
  assert.deepEqual([...outcomes], ['ok', 'hub/file-quota'])
})

test('a block that a power cut has damaged is a missing one', async () => {
  const { files, begin, root, onDisk } = await scene()
  const ticket = await begin()
  const put = () => files.putBlock(requestFor(ticket, { blockid: blockId(1) }), body('x'.repeat(100)))
  const list = () => files.putBlockList(requestFor(ticket), blockList(blockId(1)), undefined)
  await put()
  const [name = ''] = await onDisk()
  await writeFile(join(root, name), Buffer.alloc(64))
  assert.equal(code(await list()), 'hub/block-list')
  assert.equal(code(await list()), 'hub/block-list')
  await put()
  assert.equal(code(await list()), 'ok')
})

test('files lie encrypted, and one that was changed is not read as if it were whole', async () => {
  const { files, begin, textOf, root, onDisk } = await scene()
  const ticket = await begin()
  const text = 'a secret of the plant '.repeat(10_000)
  await files.putBlob(requestFor(ticket), body(text), undefined)
  const name = (await onDisk()).find((each) => each.startsWith('content/')) ?? ''
  const path = join(root, name)
  const bytes = await readFile(path)
  assert.ok(!bytes.includes('secret'))
  for (const change of [
    (sealed: Buffer) => sealed.subarray(0, sealed.length - 1),
    (sealed: Buffer) => sealed.subarray(0, 16 + 65_536 + 16),
    (sealed: Buffer) => sealed.subarray(0, 10),
    () => Buffer.alloc(0),
    (sealed: Buffer) => {
      const flipped = Buffer.from(sealed)
      flipped[100_000] = (flipped[100_000] ?? 0) ^ 1
      return flipped
    },
    (sealed: Buffer) =>
      Buffer.concat([
        sealed.subarray(0, 16),
        sealed.subarray(16 + 65_552, 16 + 2 * 65_552),
        sealed.subarray(16, 16 + 65_552),
        sealed.subarray(16 + 2 * 65_552),
      ]),
  ]) {
    await writeFile(path, change(bytes))
    await assert.rejects(textOf('a/log.txt'), { code: 'hub/file-damaged' })
  }
  await writeFile(path, bytes)
  assert.equal(await textOf('a/log.txt'), text)
  await appendFile(path, 'x')
  await assert.rejects(textOf('a/log.txt'), { code: 'hub/file-damaged' })
})

test('a foreign account: one blob, signed; its size comes from there; when it does not answer, the device tells again', async () => {
  const { Secret } = await import('#base')
  const asked: string[] = []
  let answer: () => Promise<{ bytes: number; lastModified: ReturnType<typeof clockNow> } | undefined> = () =>
    Promise.reject(new Error('down'))
  const accountKey = new Secret(Buffer.alloc(64, 1))
  const target = { kind: 'azure-blob', hostName: 'acc.blob.example', accountName: 'acc', accountKey, containerName: 'files' } as const
  const { files, begin, domain, clock } = await scene({
    settings: { target },
    blobOf(url) {
      asked.push(url)
      return answer()
    },
  })
  const clockNow = () => clock.now()
  const ticket = await begin('x y.bin')
  assert.deepEqual([ticket.hostName, ticket.containerName, ticket.blobName], ['acc.blob.example', 'files', 'a/x y.bin'])
  assert.match(ticket.sasToken, /&spr=https&sr=b&.*&sp=cw$/)
  assert.equal(files.isBlobPath('/files/a/x y.bin'), false)
  await assert.rejects(files.complete(a, ticket.correlationId, done), /down/)
  answer = async () => ({ bytes: 7, lastModified: clockNow() })
  assert.equal(code(await files.complete(a, ticket.correlationId, done)), 'ok')
  assert.match(asked[1] ?? '', /^https:\/\/acc\.blob\.example\/files\/a\/x%20y\.bin\?sv=.*&sp=r$/)
  assert.equal((await domain.hub.fileNotifications.receive(telling))?.content.blobSizeInBytes, 7)
})

test('without a place for files every device is refused [azure-wire 3.3]', async () => {
  const { files } = await scene({ settings: { target: { kind: 'off' } } })
  assert.equal(code(await files.begin(a, 'x')), 'hub/file-upload-off')
})

test('the disk of the file store takes no path but ours', async () => {
  const { root } = await scene()
  const disk = openFileDisk(root)
  for (const path of ['../x', 'a/../b', '/x', 'a//b', 'A', 'a b', '', '.x', 'a/.', 'x\0'])
    await assert.rejects(disk.write(path, body('x'), true), /bug: this is no path/, JSON.stringify(path))
})
