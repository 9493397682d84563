import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Scene, openScene, pem } from '../../../test/hub-scene.ts'

let scene: Scene
before(async () => void (scene = await openScene()))
after(() => scene.close())

test('writes certificate, root and a key that only its owner can read, and prints programs', async () => {
  const { code, stdout, stderr } = await scene.run('device', 'add', 'pump-9', '--out', 'keys')
  assert.equal(code, 0, stderr)
  const at = (name: string) => join(scene.folder, 'keys', name)
  assert.equal(statSync(at('pump-9.key.pem')).mode & 0o777, 0o600)
  assert.equal(readFileSync(at('pump-9.cert.pem'), 'utf8'), pem('CERTIFICATE'))
  assert.equal(readFileSync(at('root.pem'), 'utf8'), readFileSync(join(scene.hub.directory, 'root.pem'), 'utf8'))
  assert.match(stdout, /HostName=localhost;DeviceId=pump-9;x509=true/)
  assert.match(stdout, /^mosquitto_pub -h localhost -p 8883/m)
  assert.ok(!stdout.includes('PRIVATE KEY') && !stderr.includes('PRIVATE KEY'), 'no key on the terminal')
})

test('never overwrites a key, and asks nothing of the hub before it knows', async () => {
  writeFileSync(join(scene.folder, 'pump-8.key.pem'), 'precious')
  const calls = scene.hub.calls.length
  const { code, stderr } = await scene.run('device', 'add', 'pump-8')
  assert.equal(code, 5)
  assert.match(stderr, /already there[\s\S]*why: [\s\S]*fix: .*--force/)
  assert.equal(readFileSync(join(scene.folder, 'pump-8.key.pem'), 'utf8'), 'precious')
  assert.equal(scene.hub.calls.length, calls)
  assert.equal((await scene.run('device', 'add', 'pump-8', '--force')).code, 0)
  assert.equal(readFileSync(join(scene.folder, 'pump-8.key.pem'), 'utf8'), pem('PRIVATE KEY'))
  assert.equal(statSync(join(scene.folder, 'pump-8.key.pem')).mode & 0o777, 0o600, 'and a forced key is private too')
})

test('sends a signing request, and refuses a file that holds a private key', async () => {
  writeFileSync(join(scene.folder, 'x.csr'), pem('CERTIFICATE REQUEST'))
  assert.equal((await scene.run('device', 'add', 'csr-1', '--csr', 'x.csr')).code, 0)
  assert.deepEqual(scene.lastBody(), { id: 'csr-1', csr: pem('CERTIFICATE REQUEST') })
  assert.ok(!existsSync(join(scene.folder, 'csr-1.key.pem')))
  writeFileSync(join(scene.folder, 'bad.csr'), pem('CERTIFICATE REQUEST') + pem('EC PRIVATE KEY'))
  const calls = scene.hub.calls.length
  assert.equal((await scene.run('device', 'add', 'csr-2', '--csr', 'bad.csr')).code, 2)
  assert.equal(scene.hub.calls.length, calls, 'it never left')
})

test('registers thumbprints, primary and secondary', async () => {
  assert.equal((await scene.run('device', 'add', 'own-1', '--thumbprint', 'AA', '--thumbprint', 'BB', '--out', 'own')).code, 0)
  assert.deepEqual(scene.lastBody(), {
    id: 'own-1',
    authentication: { type: 'selfSigned', primaryThumbprint: 'AA', secondaryThumbprint: 'BB' },
    issue: false,
  })
})

test('adds many with their files, and says how many', async () => {
  const { code, stdout, stderr } = await scene.run('device', 'add', '--count', '12', '--prefix', 'many-', '--out', 'fleet', '--json')
  assert.equal(code, 0, stderr)
  assert.equal(stdout.trim().split('\n').length, 12)
  assert.match(stderr, /adding 12 of 12/)
  assert.match(stderr, /added 12/)
  assert.equal(statSync(join(scene.folder, 'fleet', 'many-12.key.pem')).mode & 0o777, 0o600)
  const again = await scene.run('device', 'add', '--count', '12', '--prefix', 'many-', '--out', 'fleet')
  assert.equal(again.code, 5, 'and does not overwrite them')
})

test('an answer that ends early is a failure', async () => {
  const { code, stderr } = await scene.run('device', 'add', '--count', '2', '--prefix', 'cut-', '--out', 'cut')
  assert.equal(code, 1)
  assert.match(stderr, /stopped before all devices were added/)
})

const usage: readonly (readonly string[])[] = [
  ['device', 'add'],
  ['device', 'add', 'a/../b'],
  ['device', 'add', 'a#b'],
  ['device', 'add', 'x', '--count', '3'],
  ['device', 'add', '--count', '3', '--out', 'o'],
  ['device', 'add', '--count', '0', '--prefix', 'p', '--out', 'o'],
  ['device', 'add', '--count', '3', '--prefix', 'p'],
  ['device', 'add', 'x', '--sdk', 'cobol'],
  ['device', 'set', 'pump-1'],
  ['explain', 'pump-1', 'eat', 'x'],
  ['watch', '--from', 'yesterday'],
  ['device', 'lst'],
  ['devise'],
  ['device', 'ls', '--nope'],
  ['device', 'show'],
  ['device', 'show', 'a', 'b'],
  ['completion', 'tcsh'],
]
for (const words of usage)
  test(`"${words.join(' ')}" is refused as usage, with the fix, before the hub is asked`, async () => {
    const calls = scene.hub.calls.length
    const { code, stdout, stderr } = await scene.run(...words)
    assert.deepEqual([code, stdout, scene.hub.calls.length], [2, '', calls])
    assert.match(stderr, /\n {2}fix: /)
  })
