import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { systemClock, systemRandom } from '#base'
import { fixtures } from '../fixtures/index.ts'
import { evaluate } from '../evaluate.ts'
import type { Sighting } from '../evidence.ts'
import { strictPolicy } from '../policy.ts'
import { stamp } from '../stamp.ts'
import { twCon01 } from '../controls/tw-con-01.ts'
import { twCon03 } from '../controls/tw-con-03.ts'
import { twCon04 } from '../controls/tw-con-04.ts'
import type { Control } from '../control.ts'
import { now as fixtureNow } from '../fixtures/fixture.ts'
import { type Fault, openWeakHub, weakPki } from '../../../test/weak-hub.ts'
import { brokenProbe, collectTls } from './tls.io.ts'

const now = systemClock.now()
const pki = weakPki(now)
const signal = new AbortController().signal
const listener = (port: number) => ({ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port })

async function measure(fault: Fault): Promise<readonly Sighting[]> {
  await using hub = await openWeakHub(pki, fault)
  return await collectTls([listener(hub.port)], 'localhost', now, systemRandom, signal)
}

/** The verdict of a control on what was measured, all else being well. */
function verdict(control: Control, measured: readonly Sighting[]): { verdict: string; reason: string } {
  const methods = new Set(measured.map((sighting) => sighting.method))
  const rest = (fixtures[control.id]?.passes ?? []).filter((entry) => !methods.has(entry.method))
  const said = evaluate(control, [...rest, ...measured.map((sighting) => stamp(sighting, fixtureNow))], strictPolicy, fixtureNow)
  return { verdict: said.verdict, reason: said.reason }
}

test('a listener with our settings passes TW-CON-03 and TW-CON-04', async () => {
  const measured = await measure({})
  assert.equal(verdict(twCon03, measured).verdict, 'pass')
  assert.equal(verdict(twCon04, measured).verdict, 'pass')
})

test('break-it: a listener with minVersion TLSv1 fails TW-CON-03 and TW-CON-01', async () => {
  const measured = await measure({ tls: { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } })
  const said = verdict(twCon03, measured)
  assert.equal(said.verdict, 'fail')
  assert.match(said.reason, /accepts TLSv1\. .*accepts TLSv1\.1\./)
  assert.equal(verdict(twCon01, measured).verdict, 'fail')
})

test('break-it: a listener without TLS 1.3 fails TW-CON-03', async () => {
  const said = verdict(twCon03, await measure({ tls: { maxVersion: 'TLSv1.2' } }))
  assert.equal(said.verdict, 'fail')
  assert.match(said.reason, /does not offer TLS 1\.3/)
})

for (const [what, tls, reason] of [
  ['CBC with SHA-1 is allowed', { ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256' }, /ECDHE_ECDSA_WITH_AES_128_CBC_SHA/],
  [
    'anonymous suites are allowed',
    { ciphers: 'AECDH-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0' },
    /ECDH_anon_WITH_AES_128_CBC_SHA/,
  ],
  ['NULL suites are allowed', { ciphers: 'ECDHE-ECDSA-NULL-SHA:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0' }, /ECDHE_ECDSA_WITH_NULL_SHA/],
  ['a short authentication tag is allowed', { ciphers: 'ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0' }, /CCM_8/],
  [
    'a curve below P-256 is allowed',
    { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0', ecdhCurve: 'secp224r1:P-256' },
    /curve secp224r1/,
  ],
  [
    'SHA-1 signatures are allowed',
    { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0', sigalgs: 'ECDSA+SHA256:ECDSA+SHA1' },
    /SHA-1 signatures/,
  ],
] as const)
  test(`break-it: TW-CON-04 fails where ${what}`, async () => {
    const said = verdict(twCon04, await measure({ tls }))
    assert.equal(said.verdict, 'fail')
    assert.match(said.reason, reason)
  })

test('every weak suite that a listener accepts is listed, not only its favourite', async () => {
  const measured = await measure({ tls: { ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA256' } })
  const suites = measured.find((sighting) => sighting.method === 'tls-suite-probe')
  assert.ok(suites !== undefined && 'observed' in suites && suites.method === 'tls-suite-probe')
  assert.deepEqual(suites.observed.weakAccepted.toSorted(), [
    'ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
    'ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
    'ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  ])
})

test('a listener that is not there, or says nothing, is unknown and not a refusal', async () => {
  const dead = await (async () => {
    await using hub = await openWeakHub(pki)
    return hub.port
  })()
  const gone = await collectTls([listener(dead)], null, now, systemRandom, signal)
  assert.equal(verdict(twCon03, gone).verdict, 'unknown')
  assert.match(verdict(twCon03, gone).reason, /unreachable/)

  const mute = createServer(() => undefined)
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  const address = mute.address()
  assert.ok(address !== null && typeof address === 'object')
  const silent = await collectTls([listener(address.port)], null, now, systemRandom, AbortSignal.timeout(300))
  mute.close()
  assert.equal(verdict(twCon03, silent).verdict, 'unknown')
  assert.equal(verdict(twCon04, silent).verdict, 'unknown')
})

test('the probes see all weaknesses of a listener that is known to be weak [guard 0.2-6]', async () => {
  assert.equal(await brokenProbe(now, systemRandom, signal), null)
})

test('a probe that cannot see them makes the verdict unknown: probe-broken [guard 0.2-6]', async () => {
  // An aborted run sees nothing, as a host that swallows the packets would.
  const measured = await collectTls([listener(1)], null, now, systemRandom, AbortSignal.abort())
  const said = verdict(twCon03, measured)
  assert.equal(said.verdict, 'unknown')
  assert.match(said.reason, /probe-broken/)
})
