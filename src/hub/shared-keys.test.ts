import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { type DeviceId, Secret, instant, ok, parseDeviceId, plus, refuse } from '#base'
import type { Store } from '#store'
import { FakeClock } from '../../test/fake-clock.ts'
import { openOn } from '../../test/journal-fixture.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { openHub } from './hub.ts'
import { hubMigrations } from './migrations.ts'

const write = systemGrant('device.write', 'devices')
const erase = systemGrant('device.delete', 'devices')
const { signal } = new AbortController()
const migrations = [...auditMigrations, ...hubMigrations]
const clock = new FakeClock()
const dayMs = 86_400_000

const id = (text: string): DeviceId => {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}

/** A seal that binds bytes to a purpose, as the vault's does, without hiding them. */
const vault = {
  seal: (purpose: string, bytes: Uint8Array) => Buffer.concat([Buffer.from(`${purpose}\n`), bytes]),
  unseal: (purpose: string, sealed: Buffer) =>
    sealed.subarray(0, purpose.length + 1).equals(Buffer.from(`${purpose}\n`))
      ? ok(new Secret(Buffer.from(sealed.subarray(purpose.length + 1))))
      : refuse('vault/damaged', 'no'),
}

async function open(store: Store, allowed: 'off' | 'on' | 'over') {
  const audit = await openAudit({ store, clock }, signal)
  const until = allowed === 'over' ? instant(clock.now() - 1) : plus(clock.now(), dayMs)
  const hub = await openHub(
    {
      store,
      clock,
      journal: await openOn(new MemoryDisk(), { clock }),
      random: new SeededRandom(allowed.length),
      commit: audit.commit,
      tell: () => {},
      changed: async () => ({ closed: 0, of: 0, elapsedMs: 0, transports: {} }),
      ...(allowed === 'off' ? {} : { sharedKeys: { allowedUntil: until, ...vault } }),
    },
    signal,
  )
  return hub.devices
}

const keyed = (text: string) => [{ id: id(text), authentication: { type: 'sas' } as const }]
const base64 = (key: Secret | undefined) => key?.use((bytes) => bytes.toString('base64'))

test('a device gets two keys of 64 bytes, which survive a restart and are in no view of it', async () => {
  await using held = await openTestStore(migrations)
  const devices = await open(held.store, 'on')
  const added = await devices.add(write, keyed('old-1'))
  assert.ok(added.ok)
  const keys = devices.sharedKeys(id('old-1'))
  const primary = base64(keys?.primary) ?? ''
  assert.equal(Buffer.from(primary, 'base64').length, 64)
  assert.notEqual(primary, base64(keys?.secondary))
  for (const shown of [JSON.stringify(added.value), inspect(devices.find('old-1'), { depth: 9 }), inspect(keys)])
    assert.ok(!shown.includes(primary.slice(0, 20)))
  const again = await open(held.store, 'on')
  assert.deepEqual(again.find('old-1')?.authentication, { type: 'sas' })
  assert.equal(base64(again.sharedKeys(id('old-1'))?.primary), primary)
})

test('without a migration scope, or after its end, no device is given keys', async () => {
  await using held = await openTestStore(migrations)
  for (const allowed of ['off', 'over'] as const) {
    const refused = await (await open(held.store, allowed)).add(write, keyed('old-1'))
    assert.equal(refused.ok ? '' : refused.error.code, 'hub/sas-off')
  }
})

test('keys of one device open for no other, nor for the next of its name', async () => {
  await using held = await openTestStore(migrations)
  const devices = await open(held.store, 'on')
  await devices.add(write, [...keyed('old-1'), ...keyed('old-2')])
  await held.store.commit([
    {
      sql: `UPDATE devices SET sealed_keys = (SELECT sealed_keys FROM devices WHERE id = 'old-1') WHERE id = 'old-2'`,
      args: [],
      expect: 1,
    },
  ])
  assert.equal((await open(held.store, 'on')).sharedKeys(id('old-2')), undefined)
  assert.ok((await devices.remove(erase, id('old-1'))).ok)
  assert.equal(devices.sharedKeys(id('old-1')), undefined)
})

test('a device goes from keys to a certificate and not back, and its keys are gone', async () => {
  await using held = await openTestStore(migrations)
  const devices = await open(held.store, 'on')
  await devices.add(write, keyed('old-1'))
  assert.ok((await devices.update(write, id('old-1'), { statusReason: 'to be moved' })).ok)
  assert.ok(devices.sharedKeys(id('old-1')) !== undefined, 'other changes leave them')
  assert.ok((await devices.update(write, id('old-1'), { authentication: { type: 'certificateAuthority' } })).ok)
  assert.equal(devices.sharedKeys(id('old-1')), undefined)
  const restarted = await open(held.store, 'on')
  assert.deepEqual(restarted.find('old-1')?.authentication, { type: 'certificateAuthority' })
  assert.equal(restarted.sharedKeys(id('old-1')), undefined)
  const back = await devices.update(write, id('old-1'), { authentication: { type: 'sas' } })
  assert.equal(back.ok ? '' : back.error.code, 'hub/sas-at-creation')
})

test('ids of other authentication methods cannot be registered', async () => {
  await using held = await openTestStore(migrations)
  const devices = await open(held.store, 'off')
  for (const name of ['sat:x', 'x509:pump-1', 'custom:', 'thingwall-x']) {
    const refused = await devices.add(write, [{ id: id(name), authentication: { type: 'certificateAuthority' } }])
    assert.equal(refused.ok ? '' : refused.error.code, 'hub/reserved-id', name)
  }
})
