import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Scene, openScene } from '../../../test/hub-scene.ts'

let scene: Scene
before(async () => void (scene = await openScene()))
after(() => scene.close())

test('revoke prints the receipt', async () => {
  const { code, stdout } = await scene.run('revoke', 'pump-1', '--reason', 'stolen')
  assert.deepEqual([code, stdout], [0, 'revoked 1 certificate, closed 3 of 3 sessions in 41 ms (2 mqtts, 1 wss)\n'])
  assert.deepEqual(scene.lastBody(), { reason: 'stolen' })
})

test('revoke that leaves a session open is a failure', async () => {
  scene.failing = true
  const { code, stderr } = await scene.run('revoke', 'pump-1')
  scene.failing = false
  assert.equal(code, 1)
  assert.match(stderr, /1 sessions are still open/)
})

test('enable, disable, set and rm ask for exactly that', async () => {
  assert.equal((await scene.run('device', 'disable', 'pump-1', '--reason', 'repair')).code, 0)
  assert.deepEqual(scene.lastBody(), { status: 'disabled', statusReason: 'repair' })
  assert.equal((await scene.run('device', 'enable', 'pump-1')).code, 0)
  assert.deepEqual(scene.lastBody(), { status: 'enabled', statusReason: null })
  assert.equal((await scene.run('device', 'set', 'pump-1', '--issued')).code, 0)
  assert.deepEqual(scene.lastBody(), { authentication: { type: 'certificateAuthority' } })
  const removed = await scene.run('device', 'delete', 'pump-1')
  assert.deepEqual([removed.code, removed.stdout], [0, 'deleted pump-1, closed 3 of 3 sessions in 41 ms (2 mqtts, 1 wss)\n'])
})

test('renew writes a new key and certificate over the old only with --force', async () => {
  assert.equal((await scene.run('device', 'renew', 'pump-1', '--out', 'renewed')).code, 0)
  assert.equal((await scene.run('device', 'renew', 'pump-1', '--out', 'renewed')).code, 5)
  assert.equal((await scene.run('device', 'renew', 'pump-1', '--out', 'renewed', '--force')).code, 0)
})

test('explain --exit-code makes a denial exit 3, and without it an answer is an answer', async () => {
  const denied = await scene.run('explain', 'pump-1', 'publish', 'plant/other/x')
  assert.equal(denied.code, 0)
  assert.match(denied.stdout, /denied {2}pump-1 may not publish plant\/other\/x[\s\S]*change: +allow publish on plant\/other\/#/)
  assert.equal((await scene.run('explain', 'pump-1', 'publish', 'plant/other/x', '--exit-code')).code, 3)
  assert.equal((await scene.run('explain', 'pump-1', 'publish', 'own', '--exit-code')).code, 0)
})

test('check and audit --verify end with 1 when something does not hold', async () => {
  assert.equal((await scene.run('check')).code, 0)
  assert.equal((await scene.run('audit', '--verify')).code, 0)
  scene.failing = true
  assert.equal((await scene.run('check')).code, 1)
  assert.equal((await scene.run('check', 'tw-con-01')).code, 0, 'of the one asked for')
  assert.equal((await scene.run('audit', '--verify')).code, 1)
  scene.failing = false
  assert.equal((await scene.run('check', 'TW-XXX-99')).code, 4)
  assert.match((await scene.run('check', 'TW-CON-01', '--evidence')).stdout, /"probe":"tls1.1"/)
})
