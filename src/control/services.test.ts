import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openControlScene } from '../../test/control-scene.ts'
import { makeService } from '../../test/service-callers.ts'

const until = (at: number, days: number) => new Date(at + days * 86_400_000).toISOString()

test('a service is registered by its public key, shown, and ended; all of it is in the audit log', async () => {
  await using scene = await openControlScene()
  const publicKey: unknown = JSON.parse(makeService('backend').publicJwk)
  const body = { name: 'backend', roles: ['IoT Hub Data Reader'], publicKey, until: until(scene.clock.now(), 30) }
  const made = await scene.local('/api/v1/services', { method: 'POST', body })
  assert.equal(made.status, 201)
  const { name, roles, algorithm, createdBy, keyThumbprint } = Object(made.json)
  assert.deepEqual([name, roles, algorithm, createdBy], ['backend', ['IoT Hub Data Reader'], 'ES256', 'operator:owner'])
  assert.match(keyThumbprint, /^[\w-]{43}$/)
  assert.deepEqual(Object((await scene.local('/api/v1/services')).json).services, [made.json])
  assert.deepEqual((await scene.local('/api/v1/services/backend')).json, made.json)
  assert.equal((await scene.local('/api/v1/services', { method: 'POST', body })).status, 409)
  assert.equal((await scene.local('/api/v1/services/backend', { method: 'DELETE' })).status, 204)
  assert.equal((await scene.local('/api/v1/services/backend')).status, 404)
  assert.equal((await scene.local('/api/v1/services/backend', { method: 'DELETE' })).status, 404)
  const audit = Object((await scene.local('/api/v1/audit')).json).records.map((one: { action: string; resource: string }) => [
    one.action,
    one.resource,
  ])
  assert.deepEqual(
    audit.filter(([action]: [string]) => action.startsWith('service.')),
    [
      ['service.add', 'service:backend'],
      ['service.remove', 'service:backend'],
    ],
  )
})

test('a service with a private key, without a key, without a role or without an end is refused', async () => {
  await using scene = await openControlScene()
  const { privateKey, publicJwk } = makeService('x')
  const good = { name: 'x', roles: ['IoT Hub Data Reader'], publicKey: JSON.parse(publicJwk), until: until(scene.clock.now(), 30) }
  for (const change of [
    { publicKey: privateKey.export({ format: 'jwk' }) },
    { publicKey: {} },
    { publicKey: { kty: 'EC' } },
    { publicKey: { kty: 'oct', k: 'AAAA' } },
    { roles: [] },
    { roles: ['Owner'] },
    { until: 'soon' },
    { until: until(scene.clock.now(), -1) },
    { until: until(scene.clock.now(), 400) },
    { name: 'a b' },
    { admin: true },
  ]) {
    const reply = await scene.local('/api/v1/services', { method: 'POST', body: { ...good, ...change } })
    assert.equal(reply.status, 400, JSON.stringify(change))
  }
  assert.deepEqual(Object((await scene.local('/api/v1/services')).json).services, [])
})

test('the keys of a shared access policy are in the answer that makes it, and in no other', async () => {
  await using scene = await openControlScene()
  const body = { name: 'old-backend', rights: ['ServiceConnect', 'RegistryRead'], until: until(scene.clock.now(), 30) }
  const made = await scene.local('/api/v1/shared-access-policies', { method: 'POST', body })
  assert.equal(made.status, 201)
  const { policy, primaryKey, secondaryKey, connectionString, eventHubsConnectionString } = Object(made.json)
  assert.notEqual(primaryKey, secondaryKey)
  assert.equal(connectionString, `HostName=hub.example;SharedAccessKeyName=old-backend;SharedAccessKey=${primaryKey}`)
  assert.equal(
    eventHubsConnectionString,
    `Endpoint=sb://hub.example/;SharedAccessKeyName=old-backend;SharedAccessKey=${primaryKey};EntityPath=messages/events`,
  )
  const listed = await scene.local('/api/v1/shared-access-policies')
  assert.deepEqual(Object(listed.json).policies, [policy])
  assert.equal(Object(listed.json).allowedUntil, until(scene.clock.now(), 90))
  const others = [listed, await scene.local('/api/v1/audit')]
  for (const reply of others) for (const key of [primaryKey, secondaryKey]) assert.ok(!reply.text.includes(key))
  const reader = { name: 'reader', rights: ['RegistryRead'], until: until(scene.clock.now(), 1) }
  const second = await scene.local('/api/v1/shared-access-policies', { method: 'POST', body: reader })
  assert.equal(Object(second.json).eventHubsConnectionString, undefined)
  const late = await scene.local('/api/v1/shared-access-policies', {
    method: 'POST',
    body: { ...reader, name: 'l', until: until(scene.clock.now(), 91) },
  })
  assert.deepEqual([late.status, Object(late.json).code], [400, 'access/service-until'])
  assert.equal((await scene.local('/api/v1/shared-access-policies/reader', { method: 'DELETE' })).status, 204)
  assert.equal((await scene.local('/api/v1/shared-access-policies/reader', { method: 'DELETE' })).status, 404)
})
