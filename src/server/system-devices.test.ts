import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { drillDevice, isOwnFact, probeDevice, systemDevice } from './system-devices.ts'

const refused = (subject: string) =>
  ({
    kind: 'refused',
    time: instant(0),
    code: 'pki/revoked',
    message: '',
    address: '',
    listener: '',
    certificate: { subject, fingerprint: '', issuer: '' },
  }) as const

test('what the hub does with its own probes is told apart from what devices do', () => {
  assert.equal(isOwnFact({ kind: 'device-created', time: instant(0), device: probeDevice, actor: '' }), true)
  assert.equal(isOwnFact(refused(`CN=${drillDevice}`)), true)
  assert.equal(isOwnFact({ kind: 'device-created', time: instant(0), device: 'pump-1', actor: '' }), false)
  assert.equal(isOwnFact(refused('CN=pump-1')), false)
  assert.equal(isOwnFact({ kind: 'hub-started', time: instant(0), version: '', listeners: [] }), false)
})

test('a refused certificate that only resembles the probe is not hidden', () => {
  for (const subject of [`CN=${drillDevice}2`, `O=x, CN=${drillDevice}`, `CN=${drillDevice}\nCN=x`])
    assert.equal(isOwnFact(refused(subject)), false)
  assert.equal(systemDevice('thingwall-other'), undefined)
})
