import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { deviceId, openControlScene } from '../../test/control-scene.ts'

test('a group is revoked by its name or by what its twins have in common; nobody is a mistake, and each needs its right', async () => {
  await using scene = await openControlScene()
  const grant = systemGrant('certificate.issue', 'x')
  const ask = (body: unknown) => scene.local('/api/v1/revocations', { method: 'POST', headers: {}, body })
  const ids = ['a', 'b', 'c', 'd'].map(deviceId)
  await scene.hub.devices.add(
    systemGrant('device.write', 'x'),
    ids.map((id) => ({ id, authentication: { type: 'certificateAuthority' } })),
  )
  const issued = await scene.pki.issueDevices(
    grant,
    ids.map((id) => ({ deviceId: id, generate: true }) as const),
  )
  const revoked = () => issued.map((one) => one.ok && scene.pki.isRevoked(one.value.serial))
  assert.equal(Object((await ask({ group: 'line-5' })).json).code, 'control/revoke-nobody')
  assert.equal(Object((await ask({ where: "tags.site = 'south'" })).json).code, 'control/revoke-nobody')
  assert.equal(Object((await ask({ where: 'tags.site =' })).json).code, 'hub/query-malformed')
  assert.equal(Object((await ask({ group: 'line-4', where: '*' })).json).code, 'control/revoke-one')
  assert.deepEqual(revoked(), [false, false, false, false])
  const group = await ask({ group: 'line-4' })
  assert.deepEqual([group.status, Object(group.json).certificates, revoked()], [200, 2, [true, true, false, false]])
  const where = await ask({ where: "deviceId = 'c'" })
  assert.deepEqual([where.status, Object(where.json).certificates, revoked()], [200, 1, [true, true, true, false]])
})

test('the API revokes exactly one thing at a time, and a group of devices at once, with a receipt and an audit record each', async () => {
  await using scene = await openControlScene()
  const grant = systemGrant('certificate.issue', 'x')
  const ask = (body: unknown) => scene.local('/api/v1/revocations', { method: 'POST', headers: {}, body })
  const issued = await scene.pki.issueDevices(
    grant,
    ['a', 'b', 'c'].map((id) => ({ deviceId: deviceId(id), generate: true }) as const),
  )
  const [first] = issued
  assert.ok(first?.ok)
  for (const body of [{}, { serial: first.value.serial, key: '0'.repeat(64) }])
    assert.equal(Object((await ask(body)).json).code, 'control/revoke-one')
  assert.equal((await ask({ serial: 'nothex' })).status, 400)
  assert.equal(Object((await ask({ serial: 'ab'.repeat(16) })).json).code, 'pki/unknown-serial')
  const one = await ask({ serial: first.value.serial, reason: 'keyCompromise' })
  assert.deepEqual([one.status, Object(one.json).certificates], [200, 1])
  const group = await ask({ devices: ['a', 'b', 'c'] })
  assert.deepEqual([group.status, Object(group.json).certificates], [200, 2], 'one was revoked before')
  for (const one of issued) assert.ok(one.ok && scene.pki.isRevoked(one.value.serial))
})
