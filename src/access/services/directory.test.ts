import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { instant } from '#base'
import { makeService, registerService } from '../../../test/service-callers.ts'
import { directoryLimits } from './directory.ts'
import { write, read, day, start, scene } from './services-scene.test.ts'

test('a directory reads back what it wrote, and a damaged row opens nothing while its name stays taken', async () => {
  await using at = await scene()
  await registerService(at.directory, 'a', ['IoT Hub Data Reader', 'IoT Hub Twin Contributor'], start)
  await registerService(at.directory, 'b', ['IoT Hub Data Reader'], start)
  const made = await at.directory.addPolicy(write, { name: 'p', permissions: ['RegistryRead'], expiresAt: instant(start + day) })
  assert.ok(made.ok)
  await at.opened.store.commit([{ sql: `UPDATE services SET roles = '["Owner"]' WHERE name = 'b'`, args: [] }])
  const again = await at.reopen()
  assert.deepEqual(
    again.services(read).map(({ name, roles }) => [name, roles]),
    [['a', ['IoT Hub Data Reader', 'IoT Hub Twin Contributor']]],
  )
  assert.deepEqual(again.policies(read), at.directory.policies(read))
  assert.ok(again.signing('p'))
  assert.equal(again.held('b'), undefined)
  const service = makeService('b')
  const spec = { name: 'b', roles: ['IoT Hub Data Reader'], publicJwk: service.publicJwk, expiresAt: instant(start + day) } as const
  const taken = await again.add(write, spec)
  assert.equal(!taken.ok && taken.error.code, 'access/service-exists')
  assert.ok((await again.remove(write, 'b')).ok)
  assert.ok((await again.add(write, spec)).ok)
})

test('policies that were made end earlier when the settings say so', async () => {
  await using at = await scene()
  assert.ok((await at.directory.addPolicy(write, { name: 'p', permissions: ['RegistryRead'], expiresAt: instant(start + day) })).ok)
  assert.equal(at.directory.signing('p')?.expiresAt, start + day)
  assert.equal((await at.reopen(instant(start + 60_000))).signing('p')?.expiresAt, start + 60_000)
  assert.equal((await at.reopen(instant(start))).signing('p'), undefined)
})

test('sealed keys that were put under another name open nothing', async () => {
  await using at = await scene()
  for (const name of ['weak', 'strong'])
    assert.ok((await at.directory.addPolicy(write, { name, permissions: ['RegistryRead'], expiresAt: instant(start + day) })).ok)
  await at.opened.store.commit([
    {
      sql: `UPDATE shared_access_policies SET sealed_keys = (SELECT sealed_keys FROM shared_access_policies WHERE name = 'weak') WHERE name = 'strong'`,
      args: [],
    },
  ])
  assert.equal((await at.reopen()).signing('strong'), undefined)
})

test('names, keys, ends and roles that cannot be are refused, and nothing is written', async () => {
  await using at = await scene()
  const { publicJwk, privateKey } = makeService('x')
  const good = { name: 'x', roles: ['IoT Hub Data Reader'], publicJwk, expiresAt: instant(start + day) } as const
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
  for (const [change, code] of [
    [{ name: '' }, 'access/service-name'],
    [{ name: '-x' }, 'access/service-name'],
    [{ name: 'x y' }, 'access/service-name'],
    [{ name: 'x;SharedAccessKey=' }, 'access/service-name'],
    [{ name: 'x'.repeat(65) }, 'access/service-name'],
    [{ expiresAt: instant(start) }, 'access/service-until'],
    [{ expiresAt: instant(start + directoryLimits.lifetimeMs + 1) }, 'access/service-until'],
    [{ roles: [] }, 'access/service-key'],
    [{ publicJwk: '{}' }, 'access/service-key'],
    [{ publicJwk: 'not JSON' }, 'access/service-key'],
    [{ publicJwk: JSON.stringify(privateKey.export({ format: 'jwk' })) }, 'access/service-key'],
    [{ publicJwk: '{"kty":"oct","k":"AAAA"}' }, 'access/service-key'],
    [{ publicJwk: JSON.stringify(rsa) }, 'access/service-key'],
    [{ publicJwk: JSON.stringify(p384) }, 'access/service-key'],
  ] as const) {
    const said = await at.directory.add(write, { ...good, ...change })
    assert.equal(!said.ok && said.error.code, code, JSON.stringify(change))
  }
  assert.deepEqual(await at.opened.store.query('SELECT name FROM services'), [])
  const both = await Promise.all([at.directory.add(write, good), at.directory.add(write, good)])
  assert.equal(both.filter(({ ok }) => ok).length, 1, 'two at once: one')
  const ed = generateKeyPairSync('ed25519')
  assert.ok((await at.directory.add(write, { ...good, name: 'ed', publicJwk: JSON.stringify(ed.publicKey.export({ format: 'jwk' })) })).ok)
  for (const alg of ['EdDSA', 'Ed25519']) {
    const claims = {
      iss: 'urn:thingwall:service:ed',
      sub: 'urn:thingwall:service:ed',
      aud: 'https://hub.example',
      iat: start / 1000,
      exp: start / 1000 + 60,
    }
    const token = await new SignJWT(claims).setProtectedHeader({ alg }).sign(ed.privateKey)
    assert.match(await at.ask(token), /^service ed bearer/)
  }
  assert.deepEqual(
    at.told.map(({ kind, name }) => `${kind} ${name}`),
    ['service-added x', 'service-added ed'],
  )
})
