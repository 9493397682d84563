import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseModuleId, identityOf, type DeviceId } from '#base'
import { idOf, openDomainScene, registryGrants } from '../../test/domain-scene.ts'

const { write, erase } = registryGrants
const certificate = { type: 'certificateAuthority' } as const

function moduleOf(device: string, name: string): DeviceId {
  const id = parseModuleId(name)
  assert.ok(id.ok)
  return identityOf(idOf(device), id.value)
}

async function open() {
  const scene = await openDomainScene()
  const id = parseModuleId('m')
  assert.ok(id.ok)
  await scene.hub.devices.add(write, [
    { id: idOf('a'), authentication: certificate },
    { id: idOf('b'), authentication: certificate },
  ])
  assert.ok((await scene.hub.modules.add(write, { device: idOf('a'), id: id.value, authentication: certificate })).ok)
  return scene
}

type Scene = Awaited<ReturnType<typeof open>>

async function rowsOf(scene: Scene) {
  const columns = 'connected, connection_updated_at AS changed, last_activity_at AS active'
  const rows = await scene.store.query(
    `SELECT id, ${columns} FROM devices UNION ALL SELECT device_id || '/' || id, ${columns} FROM modules ORDER BY 1`,
  )
  return rows.map((row) => [row['id'], row['connected'], row['changed'], row['active']])
}

test('who connects is connected at once, and its row says so when asked', async () => {
  await using scene = await open()
  const { presence } = scene.hub
  const start = scene.clock.now()
  assert.deepEqual(presence.of(idOf('a')), { connectionState: 'Disconnected', connectionStateUpdatedTime: null, lastActivityTime: null })
  presence.connected(idOf('a'))
  presence.connected(moduleOf('a', 'm'))
  scene.clock.advance(500)
  presence.active(idOf('a'))
  presence.active(idOf('b'))
  assert.deepEqual(presence.of(idOf('a')), {
    connectionState: 'Connected',
    connectionStateUpdatedTime: start,
    lastActivityTime: start + 500,
  })
  assert.equal(presence.connectedDevices, 1, 'a module is no device')
  await presence.flushed()
  assert.deepEqual(await rowsOf(scene), [
    ['a', 1, start, start + 500],
    ['a/m', 1, start, start],
    ['b', 0, null, start + 500],
  ])
})

test('an identity is connected until the last of its connections ends', async () => {
  await using scene = await open()
  const { presence } = scene.hub
  presence.connected(idOf('a'))
  presence.connected(idOf('a'))
  presence.disconnected(idOf('a'))
  assert.equal(presence.of(idOf('a')).connectionState, 'Connected', 'a takeover: the new one came before the old one went')
  scene.clock.advance(10)
  presence.disconnected(idOf('a'))
  presence.disconnected(idOf('a'))
  assert.equal(presence.of(idOf('a')).connectionState, 'Disconnected')
  assert.equal(presence.connectedDevices, 0)
  presence.connected(idOf('a'))
  assert.equal(presence.connectedDevices, 1, 'one goodbye too many is not owed')
})

test('a change of connection is written in two seconds, that somebody was heard in half a minute', async () => {
  await using scene = await open()
  const { presence } = scene.hub
  const start = scene.clock.now()
  presence.connected(idOf('a'))
  presence.active(idOf('b'))
  scene.clock.advance(2_000)
  await settled(scene, 'a')
  assert.deepEqual((await rowsOf(scene))[2], ['b', 0, null, null])
  scene.clock.advance(28_000)
  await settled(scene, 'b')
  assert.deepEqual((await rowsOf(scene))[2], ['b', 0, null, start])
})

/** Waits for the row of a device to hold anything; a store without a pending write answers in a few turns. */
async function settled(scene: Scene, device: string): Promise<void> {
  for (let turn = 0; turn < 200; turn++) {
    const [row] = await scene.store.query('SELECT last_activity_at FROM devices WHERE id = ?', device)
    if (row?.['last_activity_at'] !== null) return
    await new Promise((resolve) => void setImmediate(resolve))
  }
  assert.fail(`nothing was written of ${device}`)
}

test('after a start nobody is connected, and what was known is known', async () => {
  await using scene = await open()
  const start = scene.clock.now()
  scene.hub.presence.connected(idOf('a'))
  scene.hub.presence.connected(moduleOf('a', 'm'))
  await scene.hub.presence.flushed()
  scene.clock.advance(60_000)
  await scene.reopen()
  const { presence } = scene.hub
  assert.deepEqual(presence.of(idOf('a')), {
    connectionState: 'Disconnected',
    connectionStateUpdatedTime: start + 60_000,
    lastActivityTime: start,
  })
  assert.equal(presence.of(moduleOf('a', 'm')).lastActivityTime, start)
  assert.equal(presence.connectedDevices, 0)
  assert.deepEqual((await rowsOf(scene))[0], ['a', 0, start + 60_000, start])
})

test('what was not written yet is written at the end', async () => {
  await using scene = await open()
  const start = scene.clock.now()
  scene.hub.presence.active(idOf('b'))
  await scene.reopen()
  assert.equal(scene.hub.presence.of(idOf('b')).lastActivityTime, start)
})

test('a deleted device leaves nothing to the next of its name, and its last goodbye counts for nobody', async () => {
  await using scene = await open()
  const { presence, devices } = scene.hub
  presence.connected(idOf('a'))
  presence.connected(moduleOf('a', 'm'))
  assert.ok((await devices.remove(erase, idOf('a'))).ok)
  assert.equal(presence.connectedDevices, 0)
  await devices.add(write, [{ id: idOf('a'), authentication: certificate }])
  presence.disconnected(idOf('a'))
  presence.disconnected(moduleOf('a', 'm'))
  await presence.flushed()
  assert.equal(presence.of(idOf('a')).lastActivityTime, null)
  assert.deepEqual((await rowsOf(scene))[0], ['a', 0, null, null])
})

test('identities that are not registered cost nothing, however many there are', async () => {
  await using scene = await open()
  const { presence } = scene.hub
  const stranger = idOf('sat:system:serviceaccount')
  presence.connected(stranger)
  presence.active(stranger)
  presence.disconnected(stranger)
  assert.equal(presence.of(stranger).lastActivityTime, null)
  assert.equal(presence.connectedDevices, 0)
})

test('10,000 devices are written in a few statements', async () => {
  await using scene = await open()
  const { presence, devices } = scene.hub
  const ids = Array.from({ length: 10_000 }, (_, i) => idOf(`d-${i}`))
  assert.ok(
    (
      await devices.add(
        write,
        ids.map((id) => ({ id, authentication: certificate })),
      )
    ).ok,
  )
  for (const id of ids) presence.connected(id)
  const started = process.cpuUsage()
  await presence.flushed()
  const { user, system } = process.cpuUsage(started)
  const [row] = await scene.store.query('SELECT count(*) AS connected FROM devices WHERE connected = 1')
  assert.equal(row?.['connected'], 10_000)
  // Processor time, and many times what it takes here: a busy machine does not fail a test about the order of magnitude.
  assert.ok(user + system < 3_000_000, `took ${(user + system) / 1000} ms`)
})
