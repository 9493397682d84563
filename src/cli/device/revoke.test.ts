import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Scene, openScene } from '../../../test/hub-scene.ts'

let scene: Scene
before(async () => void (scene = await openScene()))
after(() => scene.close())

test('revoke takes what is known of what was lost, colons and capitals not minded, and exactly one of it', async () => {
  const { code, stdout } = await scene.run('revoke', '--serial', '4F:2C:9a', '--reason', 'keyCompromise')
  assert.deepEqual([code, stdout], [0, 'revoked 1 certificate, closed 3 of 3 sessions in 41 ms (2 mqtts, 1 wss)\n'])
  assert.deepEqual(scene.lastBody(), { reason: 'keyCompromise', serial: '4f2c9a' })
  assert.equal((await scene.run('revoke', '--group', 'lot-7')).code, 0)
  assert.deepEqual(scene.lastBody(), { group: 'lot-7' })
  assert.equal((await scene.run('revoke', '--where', "tags.site = 'north'")).code, 0)
  assert.deepEqual(scene.lastBody(), { where: "tags.site = 'north'" })
  assert.equal((await scene.run('revoke', '--group', 'lot-7', '--where', '*')).code, 2)
  assert.equal((await scene.run('revoke')).code, 2)
  assert.equal((await scene.run('revoke', 'pump-1', '--serial', '01')).code, 2)
  assert.equal((await scene.run('revoke', '--serial', '01', '--issuer', '02')).code, 2)
})
