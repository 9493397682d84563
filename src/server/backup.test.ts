import assert from 'node:assert/strict'
import { createWriteStream, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { type Action, type Grant, Secret, systemClock, systemRandom } from '#base'
import { type Recipient, keyRecipient, passphraseRecipient } from '#vault'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { makeBackup } from './backup.io.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory, readHubId } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { rehearseBackup, restoreBackup } from './restore.io.ts'
import { openRooms } from './rooms.io.ts'

const { signal } = new AbortController()
const from = { from: 'test' }
const passphrase = () => new Secret(Buffer.from('correct horse battery'))

/** A grant of the owner. Only the room access mints real ones. */
function as<A extends Action>(action: A): Grant<A> {
  const grant: Grant<A> = Object({ actor: { kind: 'operator', id: 'owner', via: 'session' }, action, resource: 'x' })
  return grant
}

async function openHub(data: string, keyFile: string, isNew: boolean) {
  const ports = { 'mqtt-port': '0', 'https-port': '0', 'amqp-port': '0', workers: '0' }
  const config = parseConfig({ data, 'key-file': keyFile, ...ports }, {})
  assert.ok(config.ok)
  await openDataDirectory(data)
  const { id } = await readHubId(data, systemRandom)
  const scope = new AsyncDisposableStack()
  const world = { clock: systemClock, random: systemRandom, log: openLog('error', () => {}), step: () => {}, environment: {} }
  const rooms = await openRooms(config.value, id, isNew, world, scope, signal)
  return { ...rooms, id, end: () => scope.disposeAsync() }
}

/** A hub with a secret, and how to make a backup of it. */
async function setUp() {
  const { path, ...directory } = await temporaryDirectory()
  const data = join(path, 'data')
  const hub = await openHub(data, join(path, 'root.key'), true)
  const planted = randomBytes(48)
  using value = new Secret(Buffer.from(planted))
  assert.ok((await hub.secrets.set(as('secret.write'), 'planted', value, {}, from)).ok)
  const salt = randomBytes(16)
  using words = passphrase()
  const recipients = [await passphraseRecipient(words, salt)]
  return {
    ...directory,
    path,
    data,
    hub,
    planted,
    async make(to: string, more: readonly Recipient[] = []): Promise<string> {
      const ports = { directory: data, vault: hub.vault, clock: systemClock, random: systemRandom, version: '1' }
      await pipeline(makeBackup([...recipients, ...more], ports, signal), createWriteStream(join(path, to)))
      return join(path, to)
    },
  }
}

const codeOf = (result: { readonly ok: boolean; readonly error?: { readonly code: string } }) => result.error?.code ?? 'accepted'

test('a backup of a running hub is restored elsewhere, and the hub there has what the first had', async () => {
  await using scene = await setUp()
  const file = await scene.make('one.backup')
  const { fingerprintSha256 } = scene.hub.pki.serverCertificate()
  await scene.hub.end()
  assert.deepEqual(
    readdirSync(scene.data).filter((name) => name.startsWith('backup-')),
    [],
  )
  const [at, key] = [join(scene.path, 'elsewhere'), join(scene.path, 'other.key')]
  const restored = await restoreBackup(file, { passphrase: passphrase() }, at, () => key)
  assert.ok(restored.ok, JSON.stringify(restored))
  assert.equal(restored.value.hub, scene.hub.id)
  assert.equal(codeOf(await restoreBackup(file, { passphrase: passphrase() }, at, () => key)), 'server/restore-not-empty')
  assert.equal(
    codeOf(await restoreBackup(file, { passphrase: passphrase() }, join(scene.path, 'third'), () => key)),
    'server/restore-key-exists',
  )
  assert.equal(existsSync(join(scene.path, 'third')), false)
  const again = await openHub(at, key, false)
  const read = await again.secrets.read(as('secret.read'), 'planted', undefined, from)
  assert.ok(read.ok && read.value.value.equals(scene.planted))
  assert.equal(again.pki.serverCertificate().fingerprintSha256, fingerprintSha256)
  await again.end()
})

test('a rehearsal opens every part of a backup and leaves nothing behind', async () => {
  await using scene = await setUp()
  const { privateKey, publicKey } = generateKeyPairSync('x25519')
  const recipient = keyRecipient(publicKey.export({ type: 'spki', format: 'pem' }))
  assert.ok(recipient.ok)
  assert.ok((await scene.hub.vault.beginRotation()).ok)
  const file = await scene.make('one.backup', [recipient.value])
  await scene.hub.end()
  const pem = new Secret(Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })))
  for (const opener of [{ passphrase: passphrase() }, { pem }]) {
    const rehearsed = await rehearseBackup(file, opener)
    assert.ok(rehearsed.ok, JSON.stringify(rehearsed))
    const { secrets, auditRecords, records, bytes, hub } = rehearsed.value
    assert.deepEqual([secrets, hub], [1, scene.hub.id])
    assert.ok(auditRecords > 0 && records > 0 && bytes > 8192)
  }
})

test('a backup that was changed, cut or reordered, or is another one, is refused and leaves nothing', async () => {
  await using scene = await setUp()
  const file = await scene.make('one.backup')
  await scene.hub.end()
  const good = readFileSync(file)
  const start = good.indexOf('\n', 30) + 1
  const chunk = 64 * 1024 + 16
  assert.ok(good.length > start + 2 * chunk)
  const flipped = (at: number) => {
    const bad = Buffer.from(good)
    bad[at] = (bad[at] ?? 0) ^ 1
    return bad
  }
  const swapped = Buffer.concat([
    good.subarray(0, start),
    good.subarray(start + chunk, start + 2 * chunk),
    good.subarray(start, start + chunk),
    good.subarray(start + 2 * chunk),
  ])
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ['a bit of the content', flipped(start + chunk + 9), 'server/backup-damaged'],
    ['a bit of the head', flipped(good.indexOf('createdAt') + 11), 'server/backup-damaged'],
    ['the last byte', flipped(good.length - 1), 'server/backup-damaged'],
    ['cut at a chunk', good.subarray(0, start + chunk), 'server/backup-damaged'],
    ['cut within one', good.subarray(0, good.length - 40), 'server/backup-damaged'],
    ['two chunks swapped', swapped, 'server/backup-damaged'],
    ['no backup', randomBytes(4_000), 'vault/backup-head'],
    ['nothing', Buffer.alloc(0), 'vault/backup-head'],
  ]
  for (const [name, bytes, code] of cases) {
    writeFileSync(join(scene.path, 'bad'), bytes)
    const at = join(scene.path, 'restored')
    const found = codeOf(await restoreBackup(join(scene.path, 'bad'), { passphrase: passphrase() }, at, () => join(scene.path, 'k')))
    assert.ok(found === code || (name === 'a bit of the head' && found !== 'accepted'), `${name}: ${found}`)
    assert.deepEqual([existsSync(at), existsSync(`${at}.restoring`), existsSync(join(scene.path, 'k'))], [false, false, false], name)
  }
  assert.equal(
    codeOf(await rehearseBackup(file, { passphrase: new Secret(Buffer.from('another one entirely')) })),
    'vault/backup-not-yours',
  )
})

test('a backup tells no secret, no root key and no private key to who cannot open it: every byte of it (TW-SEC-01)', async () => {
  await using scene = await setUp()
  const file = await scene.make('one.backup')
  const rootKey = Buffer.from(readFileSync(join(scene.path, 'root.key'), 'latin1').trim().split(' ').at(-1) ?? '', 'base64url')
  assert.equal(rootKey.length, 32)
  const der = scene.hub.pki
    .serverCertificate()
    .keyPem.use((bytes) => Buffer.from(bytes.toString('latin1').replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'))
  await scene.hub.end()
  const bytes = readFileSync(file)
  for (const planted of [scene.planted, rootKey, der.subarray(32, 68)])
    for (const form of [
      planted,
      ...(['hex', 'base64', 'base64url'] as const).map((how) => Buffer.from(planted.subarray(0, 30).toString(how))),
    ])
      assert.equal(bytes.includes(form), false)
})

test('a backup that dies on its way leaves no copy behind for longer than the next one', async () => {
  await using scene = await setUp()
  mkdirSync(join(scene.data, 'backup-copy-old'))
  writeFileSync(join(scene.data, 'backup-copy-old', 'hub.db'), 'left by a backup that was killed')
  const ports = { directory: scene.data, vault: scene.hub.vault, clock: systemClock, random: systemRandom, version: '1' }
  using words = passphrase()
  const stream = makeBackup([await passphraseRecipient(words, randomBytes(16))], ports, signal)
  await stream.next()
  await stream.next()
  await stream.return(undefined)
  assert.deepEqual(
    readdirSync(scene.data).filter((name) => name.startsWith('backup-')),
    [],
  )
  await scene.hub.end()
})
