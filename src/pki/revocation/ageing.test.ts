import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import type { PkiPorts } from '../index.ts'
import { device, mayIssue, openGround, openThrowawayPki, temporaryDirectory, value } from '../../../test/throwaway-pki.ts'
import type { RevocationFact } from './revocations.ts'

const day = 86_400_000
const mayCheck = systemGrant('check.run', 'hub')

test('mosquitto #1826: a list that grows old is told at 50, 80 and 100 percent of its life, once each, and served to its end only', async () => {
  await using directory = await temporaryDirectory()
  await using ground = await openGround(directory.path)
  const told: RevocationFact[] = []
  let isAway = false
  const ports: PkiPorts = {
    ...ground.ports,
    tell: (fact) => void told.push(fact),
    unseal: (purpose, sealed) =>
      isAway && purpose.startsWith('pki/device-issuer')
        ? { ok: false, error: { code: 'pki/key-unavailable', message: 'away' } }
        : ground.ports.unseal(purpose, sealed),
  }
  await using pki = await openThrowawayPki(ports)
  const issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  const [record] = await pki.inventory(mayCheck, '', 100).then((all) => all.filter(({ serial }) => serial === issued.serial))
  const { lists } = pki.revocations
  const keyId = record?.issuer ?? ''
  const first = value(await lists.complete(keyId, 0))
  isAway = true
  const shares = () => told.flatMap((fact) => (fact.kind === 'revocation-list-ageing' ? [fact.share] : []))
  for (const [days, expected] of [
    [1, []],
    [3, [50]],
    [1, [50]],
    [1, [50, 80]],
  ] as const) {
    ground.clock.advance(days * day)
    await pki.revocations.renewDue()
    assert.deepEqual(shares(), expected)
    assert.deepEqual(value(await lists.complete(keyId, 0)).der, first.der, 'still served')
  }
  assert.equal(pki.revocations.reasons().length, 1)
  ground.clock.advance(2 * day)
  await pki.revocations.renewDue()
  assert.deepEqual(shares(), [50, 80, 100])
  const late = await lists.complete(keyId, 0)
  assert.equal(late.ok ? 'served' : late.error.code, 'pki/key-unavailable')
  isAway = false
  await pki.revocations.renewDue()
  assert.equal(value(await lists.complete(keyId, 0)).base > first.base, true, 'and made anew when the key is back')
  assert.deepEqual(pki.revocations.reasons(), [])
  const stuck = told.flatMap((fact) => (fact.kind === 'revocation-lists-stuck' ? [fact.message] : []))
  assert.deepEqual(stuck, ['Revocation lists are not signed: away', 'Revocation lists are signed again.'], 'once each')
})
