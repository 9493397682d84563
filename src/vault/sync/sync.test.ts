import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { JWK } from 'jose'
import { type Grant, type Result, Secret, ok, refuse } from '#base'
import { FakeClock } from '../../../test/fake-clock.ts'
import { openTestStore } from '../../../test/open-test-store.ts'
import type { ReadSecret } from '../secrets/reading.ts'
import { openSyncDocument, sealSyncDocument, signReceipt, syncLimits } from './sync-document.ts'
import { syncMigrations } from './sync-rows.ts'
import { openSync } from './sync.ts'
import { syncSite } from './sync-site.ts'

const grant: Grant<'secret.administer'> = Object({
  actor: { kind: 'operator', id: 'owner', via: 'session' },
  action: 'secret.administer',
  resource: 'x',
})
const about = { edge: 'edge-1', version: 7, issuedAt: 1, everySeconds: 60 }

function pair() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk: JWK = privateKey.export({ format: 'jwk' })
  const open: JWK = publicKey.export({ format: 'jwk' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  return { jwk, open, pem, spki: publicKey.export({ type: 'spki', format: 'der' }) }
}

const one = () => [{ name: 'db', version: 'v1', expiresAt: null, value: new Secret(Buffer.from('the password')) }]

function value<T>(result: Result<T>): T {
  assert.ok(result.ok, JSON.stringify(result))
  return result.value
}

test('a document opens at its edge without the hub, and tells nobody else a value', async () => {
  const [edge, hub, other] = [pair(), pair(), pair()]
  const text = await sealSyncDocument(about, one(), edge.open, hub.jwk)
  assert.equal(Buffer.from(text.split('.')[1] ?? '', 'base64url').includes('password'), false)
  const by = { edge: 'edge-1', edgeKey: edge.jwk, hubKey: hub.open, held: 6 }
  const opened = value(await openSyncDocument(text, by))
  assert.deepEqual([opened.version, opened.everySeconds, opened.secrets[0]?.name], [7, 60, 'db'])
  assert.ok(opened.secrets[0]?.value.equals(Buffer.from('the password')))
  value(await openSyncDocument(text, { ...by, held: 7 }))
  const codes = async (more: object, given = text) => {
    const found = await openSyncDocument(given, { ...by, ...more })
    return found.ok ? 'opened' : found.error.code
  }
  assert.equal(await codes({ held: 8 }), 'vault/sync-rollback')
  assert.equal(await codes({ edge: 'edge-2' }), 'vault/sync-document')
  assert.equal(await codes({ edgeKey: other.jwk }), 'vault/sync-document')
  assert.equal(await codes({ hubKey: other.open }), 'vault/sync-document')
  assert.equal(await codes({}, ''), 'vault/sync-document')
  // An old encryption under a new number: signed by nobody but the hub, and the number inside differs.
  const jwe = Object(JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString())).jwe
  const { CompactSign, importJWK } = await import('jose')
  const forged = await new CompactSign(Buffer.from(JSON.stringify({ ...about, version: 9, jwe })))
    .setProtectedHeader({ alg: 'ES256', typ: 'thingwall-sync+jws' })
    .sign(await importJWK(hub.jwk, 'ES256'))
  assert.equal(await codes({}, forged), 'vault/sync-document')
  // A receipt is no document, and a document no receipt.
  assert.equal(
    await codes({ hubKey: edge.open }, await signReceipt({ edge: 'edge-1', version: 9, digest: 'x', heldAt: 1 }, edge.jwk)),
    'vault/sync-document',
  )
})

async function setUp() {
  const clock = new FakeClock()
  const { store, ...rest } = await openTestStore(syncMigrations)
  const held = new Map<string, { version: string; value: string }>([['db', { version: 'v1', value: 'one' }]])
  const denied = new Set<string>()
  const sync = openSync({
    store,
    clock,
    seal: (_purpose, plain) => Buffer.from(plain),
    unseal: (_purpose, sealed) => ok(new Secret(Buffer.from(sealed))),
    async read(_edge, name) {
      const found = held.get(name)
      if (denied.has(name)) return refuse('vault/access-denied', 'no rule')
      if (found === undefined) return refuse('vault/secret-not-found', 'none')
      const read: ReadSecret = Object({
        item: { name, version: found.version, expiresAt: undefined },
        value: new Secret(Buffer.from(found.value)),
      })
      return ok(read)
    },
    commit: (_grant, _what, statements) => store.commit(statements),
  })
  return { clock, sync, held, denied, ...rest }
}

test('the number of a document grows when what it holds changes; a receipt says that the edge holds it, and goes stale', async () => {
  await using scene = await setUp()
  const { sync, held, clock } = scene
  const edge = pair()
  value(await sync.add(grant, { edge: 'edge-1', publicKeyPem: edge.pem, secrets: ['db', 'mail'] }))
  const hubKey = await sync.hubKey()
  assert.equal('d' in hubKey, false)
  const fetch = async (from: number) =>
    value(await openSyncDocument(value(await sync.document(edge.spki)), { edge: 'edge-1', edgeKey: edge.jwk, hubKey, held: from }))
  assert.deepEqual([(await fetch(0)).version, (await fetch(1)).version], [1, 1])
  held.set('db', { version: 'v2', value: 'two' })
  const second = await fetch(1)
  assert.deepEqual([second.version, second.secrets.map(({ version }) => version)], [2, ['v2']])
  const state = async () => (await sync.list(grant))[0]
  assert.equal((await state())?.isStale, true)
  const receipt = (version: number, digest: string, key = edge.jwk) => signReceipt({ edge: 'edge-1', version, digest, heldAt: 1 }, key)
  for (const wrong of [await receipt(1, second.digest), await receipt(2, 'x'), await receipt(2, second.digest, pair().jwk), 'x.y.z'])
    assert.equal((await sync.receipt(edge.spki, wrong)).ok, false)
  value(await sync.receipt(edge.spki, await receipt(2, second.digest)))
  assert.deepEqual([(await state())?.heldVersion, (await state())?.isStale], [2, false])
  clock.advance(syncLimits.everySeconds * 1_000 * syncLimits.staleAfterRounds + 1)
  assert.equal((await state())?.isStale, true)
  const stranger = await sync.document(pair().spki)
  assert.equal(stranger.ok ? '' : stranger.error.code, 'vault/sync-unknown')
  assert.equal((await sync.add(grant, { edge: 'edge-2', publicKeyPem: edge.pem, secrets: ['db'] })).ok, false, 'one key is one edge')
  value(await sync.remove(grant, 'edge-1'))
  assert.equal((await sync.document(edge.spki)).ok, false)
})

test('all or nothing waits for a secret that no rule gives; partial leaves it out (edge.md 4.1)', async () => {
  await using scene = await setUp()
  const edge = pair()
  scene.denied.add('mail')
  const spec = { edge: 'edge-1', publicKeyPem: edge.pem, secrets: ['db', 'mail'] }
  value(await scene.sync.add(grant, { ...spec, partial: false }))
  const refused = await scene.sync.document(edge.spki)
  assert.equal(refused.ok ? '' : refused.error.code, 'vault/access-denied')
  value(await scene.sync.add(grant, { ...spec, partial: true }))
  const text = value(await scene.sync.document(edge.spki))
  const opened = value(await openSyncDocument(text, { edge: 'edge-1', edgeKey: edge.jwk, hubKey: await scene.sync.hubKey(), held: 0 }))
  assert.deepEqual(
    opened.secrets.map(({ name }) => name),
    ['db'],
  )
})

test('the site answers an edge by its client certificate alone', async () => {
  await using scene = await setUp()
  const site = syncSite(scene.sync)
  const ask = async (method: string, path: string) =>
    (
      await site.answer({
        method,
        path,
        query: new URLSearchParams(),
        headers: {},
        body: Buffer.alloc(0),
        peer: { address: '::1', certificates: [] },
      })
    ).status
  assert.deepEqual(
    [
      await ask('GET', '/sync/secrets'),
      await ask('POST', '/sync/receipts'),
      await ask('PUT', '/sync/secrets'),
      await ask('GET', '/sync/key'),
    ],
    [401, 401, 405, 200],
  )
})
