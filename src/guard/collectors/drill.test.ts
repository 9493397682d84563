import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, systemRandom } from '#base'
import { judgeControl } from '../fixtures/judge.ts'
import { type Fault, deviceCertificate, openWeakHub, weakPki } from '../../../test/weak-hub.ts'
import { collectDrill } from './drill.io.ts'

const now = systemClock.now()
const pki = weakPki(now)
const signal = new AbortController().signal

async function drill(fault: Fault) {
  await using hub = await openWeakHub(pki, fault)
  const identity = deviceCertificate(pki, 'probe', now)
  const port = { issue: async () => identity, revoke: async () => hub.revoke(identity.serial) }
  const listeners = [{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: hub.port }]
  const seen = await collectDrill(listeners, 'localhost', port, systemClock, systemRandom, signal)
  return { seen, said: judgeControl('TW-PKI-01', [seen]) }
}

test('a revoked certificate that is refused fresh and resumed, in TLS 1.2 and 1.3, passes TW-PKI-01', async () => {
  const { seen, said } = await drill({})
  assert.equal(said.verdict, 'pass', said.reason)
  assert.ok(seen.method === 'revocation-drill' && 'observed' in seen)
  assert.deepEqual(
    seen.observed.attempts.map(({ version, ticket, fresh, resumed }) => [version, ticket, fresh, resumed]),
    [
      ['TLSv1.2', true, 'refused', 'refused'],
      ['TLSv1.3', true, 'refused', 'refused'],
    ],
  )
})

test('break-it: a hub that trusts its own session tickets lets a revoked device resume', async () => {
  const { said } = await drill({ revocation: 'fresh-only' })
  assert.equal(said.verdict, 'fail')
  assert.match(said.reason, /by resuming its TLS session/)
})

test('break-it: a hub that ignores revocation fails TW-PKI-01', async () => {
  const { said } = await drill({ revocation: 'ignored' })
  assert.equal(said.verdict, 'fail')
  assert.match(said.reason, /A revoked certificate was accepted/)
})

test('break-it: a live session that goes on fails TW-PKI-01', async () => {
  const { said } = await drill({ keepsSessions: true })
  assert.equal(said.verdict, 'fail')
  assert.match(said.reason, /live session of a revoked certificate went on/)
})

test('a drill that could not connect before revoking has shown nothing: unknown', async () => {
  const { said } = await drill({ refuses: true })
  assert.equal(said.verdict, 'unknown')
  assert.match(said.reason, /could not connect/)
})

test('the drill verifies the hub like a device does: a foreign root is not connected to', async () => {
  await using hub = await openWeakHub(pki)
  const foreign = deviceCertificate(weakPki(now), 'probe', now)
  const listeners = [{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: hub.port }]
  const port = { issue: async () => foreign, revoke: async () => undefined }
  const seen = await collectDrill(listeners, 'localhost', port, systemClock, systemRandom, signal)
  assert.equal(judgeControl('TW-PKI-01', [seen]).verdict, 'unknown')
})
