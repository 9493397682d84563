import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Action, type Grant, Secret, systemClock, systemRandom } from '#base'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory, readHubId } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { openRooms } from './rooms.io.ts'

const { signal } = new AbortController()
const from = { from: 'test' }

/** A grant of the owner. Only the room access mints real ones. */
function as<A extends Action>(action: A): Grant<A> {
  const grant: Grant<A> = Object({ actor: { kind: 'operator', id: 'owner', via: 'session' }, action, resource: 'x' })
  return grant
}

async function hub() {
  const { path, ...directory } = await temporaryDirectory()
  const data = join(path, 'data')
  const ports = { 'mqtt-port': '0', 'https-port': '0', 'amqp-port': '0', workers: '0' }
  const config = parseConfig({ data, 'key-file': join(path, 'root.key'), ...ports }, {})
  assert.ok(config.ok)
  await openDataDirectory(data)
  const { id } = await readHubId(data, systemRandom)
  let isNew = true
  return {
    ...directory,
    data,
    keyFile: join(path, 'root.key'),
    async open() {
      const scope = new AsyncDisposableStack()
      const world = { clock: systemClock, random: systemRandom, log: openLog('error', () => {}), step: () => {}, environment: {} }
      const rooms = await openRooms(config.value, id, isNew, world, scope, signal)
      isNew = false
      return { ...rooms, end: () => scope.disposeAsync() }
    },
  }
}

test('the root key is changed under load: no read fails, everything is sealed anew, and the next start drops the old key', async () => {
  await using place = await hub()
  const first = await place.open()
  using value = new Secret(Buffer.from('a secret that stays'))
  assert.ok((await first.secrets.set(as('secret.write'), 'kept', value, {}, from)).ok)
  const { fingerprintSha256 } = first.pki.serverCertificate()
  const before = await first.vault.describe()
  let reads = 0
  const ended = new AbortController()
  const reader = (async () => {
    while (!ended.signal.aborted) {
      const read = await first.secrets.read(as('secret.read'), 'kept', undefined, from)
      assert.ok(read.ok, JSON.stringify(read))
      reads++
    }
  })()
  const begun = await first.care.rotate(as('secret.administer'))
  assert.ok(begun.ok)
  await first.care.settled()
  ended.abort()
  await reader
  assert.ok(reads > 0)
  const shown = await first.care.show(as('secret.administer'))
  assert.deepEqual(shown.oldKeyIds, [before.keyId])
  assert.ok(shown.rotation.kind === 'resealed')
  assert.deepEqual(shown.rotation.left, [])
  assert.ok(shown.rotation.resealed >= 4, 'keys of certificates, a secret, a segment')
  assert.ok((await first.audit.verify()).ok)
  await first.end()
  assert.match(readFileSync(place.keyFile, 'latin1'), /^old /m)
  const second = await place.open()
  assert.doesNotMatch(readFileSync(place.keyFile, 'latin1'), /^old /m)
  assert.deepEqual((await second.vault.describe()).oldKeyIds, [])
  const read = await second.secrets.read(as('secret.read'), 'kept', undefined, from)
  assert.ok(read.ok && read.value.value.equals(Buffer.from('a secret that stays')))
  assert.equal(second.pki.serverCertificate().fingerprintSha256, fingerprintSha256)
  await second.end()
  // The names of keys stand beside what they sealed: the old one is in no file any more, the encrypted database apart.
  const files = readdirSync(join(place.data, 'journal')).map((name) => readFileSync(join(place.data, 'journal', name)))
  assert.ok(files.length > 0)
  assert.equal(
    files.some((bytes) => bytes.subarray(0, 8192).includes(Buffer.from(before.keyId, 'hex'))),
    false,
  )
})

test('a hub that died between the new key and sealing anew finishes at its next start', async () => {
  await using place = await hub()
  const first = await place.open()
  using value = new Secret(randomBytes(20))
  assert.ok((await first.secrets.set(as('secret.write'), 'kept', value, {}, from)).ok)
  assert.ok((await first.vault.beginRotation()).ok)
  await first.end()
  const second = await place.open()
  assert.deepEqual((await second.vault.describe()).oldKeyIds, [])
  const read = await second.secrets.read(as('secret.read'), 'kept', undefined, from)
  assert.ok(read.ok && read.value.value.equals(value.use((bytes) => Buffer.from(bytes))))
  await second.end()
})

test('a value that nobody can seal anew keeps the old root key, and is named', async () => {
  await using place = await hub()
  const first = await place.open()
  const { keyId } = await first.vault.describe()
  const sealed = first.vault.seal('nobody knows this purpose', Buffer.from('x'))
  await first.store.commit([
    { sql: "INSERT INTO pki_keyring (serial, role, certificate, sealed_key) VALUES ('00', ?, X'00', ?)", args: ['none', sealed] },
  ])
  assert.ok((await first.care.rotate(as('secret.administer'))).ok)
  await first.care.settled()
  const { rotation } = await first.care.show(as('secret.administer'))
  assert.ok(rotation.kind === 'resealed')
  assert.deepEqual(rotation.left, [{ place: 'pki_keyring.sealed_key', count: 1 }])
  await first.store.commit([{ sql: "UPDATE pki_keyring SET role = 'gone' WHERE serial = '00'", args: [] }])
  await first.end()
  const second = await place.open()
  assert.deepEqual((await second.vault.describe()).oldKeyIds, [keyId])
  await second.end()
})
