import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { FakeHub, makeIdentity } from '../../test/fake-hub.ts'
import { type Scene, openScene } from '../../test/hub-scene.ts'
import { runCommand } from '../../test/run-command.ts'

let scene: Scene
before(async () => void (scene = await openScene()))
after(() => scene.close())

test('4 for what is not there, 5 for what is in the way', async () => {
  for (const words of [
    ['device', 'show', 'no'],
    ['revoke', 'no'],
    ['device', 'rm', 'no'],
    ['device', 'disable', 'no'],
  ])
    assert.equal((await scene.run(...words)).code, 4)
  assert.equal((await scene.run('device', 'add', 'taken')).code, 5)
  assert.equal((await scene.run('device', 'disable', 'pump-1', '--if-match', 'old')).code, 5)
})

test('3 when the hub does not take the credential', async () => {
  const file = join(scene.hub.directory, 'cli.credential')
  writeFileSync(file, 'another')
  const { code, stderr } = await scene.run('device', 'ls')
  writeFileSync(file, scene.hub.credential)
  assert.equal(code, 3)
  assert.match(stderr, /access\/not-signed-in/)
})

test('3, and nothing is sent, when others can read the credential', { skip: process.platform === 'win32' }, async () => {
  const file = join(scene.hub.directory, 'cli.credential')
  const calls = scene.hub.calls.length
  for (const mode of [0o640, 0o604, 0o660]) {
    chmodSync(file, mode)
    const { code, stderr } = await scene.run('device', 'ls')
    assert.equal(code, 3)
    assert.match(stderr, /can be read by others[\s\S]*fix: run chmod 600/)
  }
  chmodSync(file, 0o600)
  assert.equal(scene.hub.calls.length, calls)
})

test('6 without a data directory, without a hub, and with a hub that ended', async () => {
  const nowhere = await runCommand(['--data', join(scene.folder, 'nowhere'), 'device', 'ls'])
  assert.equal(nowhere.code, 6)
  assert.match(nowhere.stderr, /does not exist[\s\S]*fix: start the hub/)
  await using gone = await FakeHub.open({})
  await gone.close()
  const file = join(gone.directory, 'hub.json')
  const { stderr, code } = await runCommand(['--data', gone.directory, 'device', 'ls'])
  assert.equal(code, 6)
  assert.match(stderr, /nothing listens there, though the hub's process lives/)
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"pid":\d+/, '"pid":999999999'))
  assert.match((await runCommand(['--data', gone.directory, 'device', 'ls'])).stderr, /the hub is not running/)
  await gone.listen()
})

test('6, and the credential is not sent, when another program holds the port', async () => {
  await using impostor = await FakeHub.open({ 'GET /api/v1/devices': () => ({ devices: [], next: null }) })
  const { code, stderr } = await scene.run('--url', `https://localhost:${impostor.port}`, 'device', 'ls')
  assert.equal(code, 6)
  assert.match(stderr, /is not the hub of this data directory/)
  assert.deepEqual(impostor.calls, [])
})

test('no environment variable turns verification off', async () => {
  await using impostor = await FakeHub.open({})
  const environment = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  const { code } = await runCommand(['--data', scene.hub.directory, '--url', `https://localhost:${impostor.port}`, 'device', 'ls'], {
    environment,
  })
  assert.equal(code, 6)
  assert.deepEqual(impostor.calls, [])
})

test('2 for an address that is not https: the credential does not leave in clear', async () => {
  assert.equal((await scene.run('--url', 'http://localhost:1', 'device', 'ls')).code, 2)
})

test('1 with a clear word when the answer is of another shape', async () => {
  await using odd = await FakeHub.open({ 'GET /api/v1/connections': () => ({ connections: 'none' }) })
  const { code, stderr } = await runCommand(['--data', odd.directory, 'connections'])
  assert.equal(code, 1)
  assert.match(stderr, /the answer.connections is not a list[\s\S]*fix: run the command of the same release/)
})

test('a root that is not the one of the hub is refused by TLS', async () => {
  await using other = await FakeHub.open({})
  writeFileSync(join(other.directory, 'root.pem'), makeIdentity().rootPem)
  assert.equal((await runCommand(['--data', other.directory, 'device', 'ls'])).code, 6)
  assert.deepEqual(other.calls, [])
})
