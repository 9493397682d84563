import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { codeOf, dersOf, device, mayIssue, setUpPki, value } from '../../../test/throwaway-pki.ts'

const day = 86_400_000
const mayRead = systemGrant('pki.read', 'hub')
const mayAdminister = systemGrant('pki.administer', 'hub')

test('an issuer is followed at once, and retired only when nothing living rests on it, or by the very number of what does (TW-PKI-03)', async () => {
  await using world = await setUpPki()
  const { pki, ground } = world
  const issue = async (id: string) => value(await pki.issueDevice(mayIssue, { deviceId: device(id), generate: true }))
  const verdict = (pem: string) => codeOf(pki.verifyDeviceChain(dersOf(pem), ground.clock.now()))
  const all = async () => value(await pki.ceremony.authorities(mayRead)).filter(({ role }) => role === 'device-issuer')
  const old = await issue('pump-1')
  const [first] = await all()
  assert.ok(first !== undefined)
  assert.deepEqual([first.state, first.living], ['active', 1])
  assert.equal(codeOf(await pki.ceremony.retirable(mayAdminister, first.serial, 1)), 'pki/issuer-active')
  const next = value(await pki.ceremony.succeed(mayAdminister, 'device-issuer'))
  const young = await issue('pump-2')
  assert.equal(new X509Certificate(dersOf(young.certificatePem)[1] ?? '').serialNumber.toLowerCase(), next.serial)
  assert.deepEqual([verdict(old.certificatePem), verdict(young.certificatePem)], ['accepted', 'accepted'])
  assert.deepEqual(
    (await all()).map(({ state, living }) => [state, living]),
    [
      ['retiring', 1],
      ['active', 1],
    ],
  )
  for (const despite of [0, 2])
    assert.equal(codeOf(await pki.ceremony.retirable(mayAdminister, first.serial, despite)), 'pki/issuer-in-use')
  assert.equal(codeOf(await pki.ceremony.retirable(mayAdminister, '00ff', 0)), 'pki/unknown-serial')
  assert.equal(value(await pki.ceremony.retirable(mayAdminister, first.serial, 1)).living, 1)
  ground.clock.jump(ground.clock.now() + 31 * day)
  const { keyId } = value(await pki.ceremony.retirable(mayAdminister, first.serial, 0))
  const fresh = await issue('pump-3')
  value(await pki.revoke(mayIssue, { issuer: keyId }, 'cessationOfOperation'))
  assert.equal(codeOf(await pki.ceremony.retirable(mayAdminister, first.serial, 0)), 'pki/issuer-retired')
  assert.equal(verdict(fresh.certificatePem), 'accepted')
  ground.clock.jump(ground.clock.now() - 31 * day)
  assert.equal(verdict(old.certificatePem), 'pki/issuer-revoked', 'also when the client presents the whole chain')
})

test('the issuer of servers is followed too, and the server certificate with it; one that is signed elsewhere is not followed here', async () => {
  await using world = await setUpPki()
  const { pki } = world
  const before = pki.serverCertificate()
  const made = value(await pki.ceremony.succeed(mayAdminister, 'server-issuer'))
  const after = pki.serverCertificate()
  assert.notEqual(after.serial, before.serial)
  assert.equal(new X509Certificate(dersOf(after.certificatePem)[1] ?? '').serialNumber.toLowerCase(), made.serial)
})

test('who is due and did not renew is listed, past the end too; who renewed, was revoked or has time is not', async () => {
  await using world = await setUpPki()
  const { pki, ground } = world
  const issue = async (id: string) => value(await pki.issueDevice(mayIssue, { deviceId: device(id), generate: true }))
  const due = async () =>
    (await pki.ceremony.certificates(mayRead, { due: true }, undefined, 100)).map(({ device: owner, profile }) => owner ?? profile)
  await issue('late')
  await issue('good')
  const lost = await issue('lost')
  value(await pki.revoke(mayIssue, { serial: lost.serial }, 'unspecified'))
  ground.clock.jump(ground.clock.now() + 19 * day)
  assert.deepEqual(await due(), [])
  ground.clock.jump(ground.clock.now() + 2 * day)
  assert.deepEqual((await due()).toSorted(), ['good', 'late'])
  await issue('good')
  await issue('new')
  assert.deepEqual(await due(), ['late'])
  ground.clock.jump(ground.clock.now() + 11 * day)
  assert.deepEqual(await due(), ['late'], 'its certificate has ended')
})
