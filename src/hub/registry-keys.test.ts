import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Result, Secret, instant, plus } from '#base'
import { FakeClock } from '../../test/fake-clock.ts'
import { idOf, openDomainScene, openSeal, registryGrants } from '../../test/domain-scene.ts'
import { type GivenKeys, type SharedKeys, openSharedKeys, parseSharedKey, sealSharedKeys } from './shared-keys.ts'

const { write } = registryGrants
const dayMs = 86_400_000
const sas = { type: 'sas' } as const
const codeOf = (outcome: Result<unknown>) => (outcome.ok ? 'done' : outcome.error.code)
const key = (letter: string, bytes = 32) => new Secret(Buffer.alloc(bytes, letter))
const shown = (keys: SharedKeys | undefined) =>
  keys === undefined ? undefined : [keys.primary, keys.secondary].map((one) => one.use((bytes) => bytes.toString('latin1')))

async function open() {
  const scene = await openDomainScene({ sasUntil: plus(new FakeClock().now(), dayMs) })
  const keysOf = (id: string) => shown(scene.hub.devices.sharedKeys(idOf(id)))
  const change = (keys: GivenKeys) => scene.hub.devices.update(write, idOf('d'), { authentication: sas, keys })
  return { scene, keysOf, change }
}

async function opened(keys: GivenKeys) {
  const it = await open()
  assert.ok((await it.scene.hub.devices.add(write, [{ id: idOf('d'), authentication: sas, keys }])).ok)
  return it
}

test('a device gets the keys that are given, of any length, and new ones where none is', async () => {
  const { scene, keysOf } = await opened({ primary: key('a', 16), secondary: 'generate' })
  await using _scene = scene
  const [primary, secondary] = keysOf('d') ?? []
  assert.deepEqual([primary, secondary?.length], ['a'.repeat(16), 64])
  await scene.reopen()
  assert.deepEqual(keysOf('d'), [primary, secondary])
})

test('the same keys, or changed about, end no session; a key that goes does', async () => {
  const { scene, keysOf, change } = await opened({ primary: key('a'), secondary: key('b') })
  await using _scene = scene
  const [a, b] = keysOf('d') ?? []
  for (const keys of [
    { primary: key('a'), secondary: key('b') },
    { primary: key('b'), secondary: key('a') },
    { primary: undefined, secondary: undefined },
  ]) {
    const changed = await change(keys)
    assert.equal(changed.ok && changed.value.receipt, null)
  }
  assert.deepEqual(keysOf('d'), [b, a], 'swapped')
  await change({ primary: 'generate', secondary: undefined })
  assert.deepEqual(scene.closed, [['d', 'credential']])
  const [fresh, other] = keysOf('d') ?? []
  assert.deepEqual([fresh?.length, fresh === b, other], [64, false, a])
  await scene.reopen()
  assert.deepEqual(keysOf('d'), [fresh, a])
})

test('while there may be no keys, none is made or taken, and a device can still be disabled with empty ones', async () => {
  const { scene, keysOf, change } = await opened({ primary: key('a'), secondary: key('b') })
  await using _scene = scene
  const before = keysOf('d')
  scene.clock.advance(dayMs)
  assert.equal(codeOf(await change({ primary: key('c'), secondary: undefined })), 'hub/sas-off')
  const off = await scene.hub.devices.update(write, idOf('d'), {
    status: 'disabled',
    authentication: sas,
    keys: { primary: 'generate', secondary: 'generate' },
  })
  assert.deepEqual([off.ok && off.value.device.status, keysOf('d')], ['disabled', before])
  await change({ primary: key('b'), secondary: key('b') })
  assert.deepEqual(keysOf('d'), ['b'.repeat(32), 'b'.repeat(32)], 'one that leaks can be taken away')
})

test('a back end that names keys may go back from a certificate; who names none may not', async () => {
  const { scene, keysOf, change } = await open()
  await using _scene = scene
  await scene.hub.devices.add(write, [{ id: idOf('d'), authentication: { type: 'certificateAuthority' } }])
  assert.equal(codeOf(await scene.hub.devices.update(write, idOf('d'), { authentication: sas })), 'hub/sas-at-creation')
  assert.equal(codeOf(await change({ primary: key('a'), secondary: 'generate' })), 'done')
  assert.equal(keysOf('d')?.[0], 'a'.repeat(32))
  assert.deepEqual(scene.closed, [['d', 'credential']])
})

test('an import brings devices with keys disabled while there may be none', async () => {
  const { scene, keysOf } = await open()
  await using _scene = scene
  const spec = { id: idOf('d'), authentication: sas, keys: { primary: key('a'), secondary: key('b') } }
  const options = { sasArrivesDisabled: true }
  const early = await scene.hub.devices.add(write, [{ ...spec, id: idOf('early') }], options)
  assert.equal(early.ok && early.value[0]?.status, 'enabled')
  scene.clock.advance(dayMs)
  assert.equal(codeOf(await scene.hub.devices.add(write, [spec])), 'hub/sas-off')
  const late = await scene.hub.devices.add(write, [spec, { id: idOf('x'), authentication: { type: 'certificateAuthority' } }], options)
  assert.deepEqual(late.ok && late.value.map((device) => device.status), ['disabled', 'enabled'])
  assert.match(scene.hub.devices.find('d')?.statusReason ?? '', /shared keys/)
  assert.deepEqual(keysOf('d'), ['a'.repeat(32), 'b'.repeat(32)])
})

for (const [what, text, is] of [
  ['empty: a new one', '', 'generate'],
  ['missing: as it is', undefined, 'none'],
  ['null: as it is', null, 'none'],
  ['16 bytes', Buffer.alloc(16).toString('base64'), 16],
  ['64 bytes', Buffer.alloc(64).toString('base64'), 64],
  ['15 bytes', Buffer.alloc(15).toString('base64'), 'no'],
  ['65 bytes', Buffer.alloc(65).toString('base64'), 'no'],
  ['a megabyte', 'A'.repeat(1_000_000), 'no'],
  ['another alphabet', Buffer.alloc(32, 0xff).toString('base64url'), 'no'],
  ['text around it', ` ${Buffer.alloc(32).toString('base64')} `, 'no'],
] as const)
  test(`a key as it is given, ${what} [azure-wire 1.5, 1.11]`, () => {
    const read = parseSharedKey(text)
    const value = read.ok ? (read.value instanceof Secret ? read.value.use((bytes) => bytes.length) : (read.value ?? 'none')) : 'no'
    assert.equal(value, is)
    if (!read.ok) assert.deepEqual([read.error.code, read.error.detail], ['hub/key-malformed', undefined])
  })

test('what the first release sealed opens, and it can open what we seal of our own making', () => {
  const owner = { identity: idOf('d'), generationId: '7' }
  const ports = { allowedUntil: instant(0), ...openSeal }
  const first = Buffer.concat([Buffer.alloc(64, 'a'), Buffer.alloc(64, 'b')])
  const sealed = openSeal.seal('hub/shared-keys 7 d', first)
  assert.deepEqual(shown(openSharedKeys(owner, ports, sealed)), ['a'.repeat(64), 'b'.repeat(64)])
  assert.deepEqual(sealSharedKeys(owner, { primary: key('a', 64), secondary: key('b', 64) }, ports), sealed)
  assert.equal(openSharedKeys({ ...owner, generationId: '8' }, ports, sealed), undefined)
  for (const damaged of [Buffer.alloc(0), Buffer.alloc(129), Buffer.alloc(130, 0xff)])
    assert.equal(openSharedKeys(owner, ports, openSeal.seal('hub/shared-keys 7 d', damaged)), undefined)
})
