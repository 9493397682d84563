import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { systemGrant } from '#access'
import {
  codeOf,
  dersOf,
  device,
  mayIssue,
  openGround,
  openThrowawayPki,
  setUpPki,
  temporaryDirectory,
  value,
} from '../../test/throwaway-pki.ts'
import type { ServerCertificate } from './index.ts'

const day = 24 * 3_600_000
const mayRead = systemGrant('device.read', 'hub')

test('a device that is revoked while its certificate is made does not get it', async () => {
  await using world = await setUpPki()
  const { ports } = world.ground
  const pki = await openThrowawayPki({
    ...ports,
    store: {
      query: (sql, ...args) => ports.store.query(sql, ...args),
      async commit(statements) {
        await world.pki.revoke(mayIssue, { deviceId: device('pump-1') }, 'keyCompromise')
        return ports.store.commit(statements)
      },
    },
  })
  assert.equal(codeOf(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true })), 'pki/revoked')
  await pki[Symbol.asyncDispose]()
})

test('revokes one certificate or all of a device, durably, once, and tells listeners what changed', async () => {
  await using directory = await temporaryDirectory()
  const now = await (async () => {
    await using ground = await openGround(directory.path)
    await using pki = await openThrowawayPki(ground.ports)
    const told: string[][] = []
    pki.onRevoked(({ serials, device: id }) => void told.push([String(id), ...serials]))
    const [one, two, other] = await Promise.all(
      ['pump-1', 'pump-1', 'pump-2'].map(async (id) => value(await pki.issueDevice(mayIssue, { deviceId: device(id), generate: true }))),
    )
    assert(one && two && other)
    assert.equal(codeOf(await pki.revoke(mayIssue, { serial: 'ff'.repeat(16) }, 'unspecified')), 'pki/unknown-serial')
    value(await pki.revoke(mayIssue, { serial: one.serial }, 'superseded'))
    assert.deepEqual([pki.isRevoked(one.serial), pki.isRevoked(two.serial)], [true, false])
    value(await pki.revoke(mayIssue, { deviceId: device('pump-1') }, 'keyCompromise'))
    assert.deepEqual(value(await pki.revoke(mayIssue, { deviceId: device('pump-1') }, 'unspecified')).serials, [])
    assert.deepEqual(told, [
      ['pump-1', one.serial],
      ['pump-1', two.serial],
    ])
    assert.equal(codeOf(pki.verifyDeviceChain(dersOf(two.certificatePem), ground.clock.now())), 'pki/revoked')
    assert.equal(codeOf(pki.verifyDeviceChain(dersOf(other.certificatePem), ground.clock.now())), 'accepted')
    const records = await pki.certificatesOf(mayRead, device('pump-1'))
    assert.deepEqual(new Set(records.map(({ revoked }) => revoked?.reason)), new Set(['keyCompromise', 'superseded']))
    return { one, two, other }
  })()
  await using ground = await openGround(directory.path)
  await using pki = await openThrowawayPki(ground.ports)
  assert.deepEqual(
    [now.one, now.two, now.other].map(({ serial }) => pki.isRevoked(serial)),
    [true, true, false],
    'after a restart',
  )
  assert.equal(codeOf(pki.verifyDeviceChain(dersOf(now.one.certificatePem), ground.clock.now())), 'pki/revoked')
  assert.equal(codeOf(pki.verifyDeviceChain(dersOf(now.other.certificatePem), ground.clock.now())), 'accepted')
})

test('our own authorities cannot be revoked as if they were a device', async () => {
  await using world = await setUpPki()
  const { pki } = world
  const serial = pki.serverCertificate().serial
  assert.equal(codeOf(await pki.revoke(mayIssue, { serial }, 'unspecified')), 'pki/unknown-serial')
})

test('the server certificate renews at two thirds of its life, by itself, with a new key, and listeners hear of it (TW-PKI-03)', async () => {
  await using world = await setUpPki()
  const { pki, ground } = world
  const first = pki.serverCertificate()
  const heard: ServerCertificate[] = []
  const renewed = new Promise<void>((resolve) => pki.onServerCertificate((certificate) => (heard.push(certificate), resolve())))
  assert.equal(value(await pki.renewServerIfDue(ground.clock.now())), false)
  ground.clock.jump(ground.clock.now() + 59 * day)
  assert.equal(value(await pki.renewServerIfDue(ground.clock.now())), false)
  ground.clock.advance(day + 600_000)
  await renewed
  assert.equal(heard.length, 1)
  assert.equal(pki.serverCertificate(), heard[0])
  assert.notEqual(
    new X509Certificate(first.certificatePem).publicKey.equals(new X509Certificate(heard[0]?.certificatePem ?? '').publicKey),
    true,
  )
  assert((heard[0]?.notAfter ?? 0) > ground.clock.now() + 89 * day)
  assert.deepEqual(ground.troubles, [])
})

test('a renewal that fails is told, the old certificate stays, and the next one works', async () => {
  await using world = await setUpPki()
  const { ports, clock, troubles } = world.ground
  let broken = false
  const pki = await openThrowawayPki({
    ...ports,
    commit: (grant, what, statements) => (broken ? Promise.reject(new Error('disk full')) : ports.commit(grant, what, statements)),
  })
  const before = pki.serverCertificate()
  broken = true
  clock.jump(clock.now() + 61 * day)
  clock.advance(600_000)
  await assert.rejects(pki.renewServerIfDue(clock.now()), /disk full/)
  assert.equal(pki.serverCertificate(), before)
  assert(troubles.length > 0)
  broken = false
  assert.equal(value(await pki.renewServerIfDue(clock.now())), true)
  await pki[Symbol.asyncDispose]()
})

test('issuers renew beside the old ones, which still vouch for what they signed', async () => {
  await using world = await setUpPki()
  const { pki, ground } = world
  ground.clock.jump(ground.clock.now() + 3 * 365 * day)
  const old = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true, lifetimeMs: 397 * day }))
  ground.clock.jump(ground.clock.now() + 130 * day)
  value(await pki.renewServerIfDue(ground.clock.now()))
  const young = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true }))
  const [, oldIssuer] = dersOf(old.certificatePem)
  const [, youngIssuer] = dersOf(young.certificatePem)
  assert(oldIssuer && youngIssuer && !oldIssuer.equals(youngIssuer), 'a new issuer signs')
  const alone = (pem: string) => codeOf(pki.verifyDeviceChain(dersOf(pem).slice(0, 1), ground.clock.now()))
  assert.deepEqual([alone(old.certificatePem), alone(young.certificatePem)], ['accepted', 'accepted'])
})

test('a clock that ran ahead and was set right again does not leave certificates from the future', async () => {
  await using world = await setUpPki()
  const { pki, ground } = world
  const start = ground.clock.now()
  ground.clock.jump(start + 4 * 366 * day)
  value(await pki.renewServerIfDue(ground.clock.now()))
  value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  ground.clock.jump(start + day)
  assert.equal(value(await pki.renewServerIfDue(ground.clock.now())), true)
  const issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true }))
  assert.equal(codeOf(pki.verifyDeviceChain(dersOf(issued.certificatePem), ground.clock.now())), 'accepted')
  assert(pki.serverCertificate().notBefore <= ground.clock.now())
})
