import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { catalogue } from '../catalogue.ts'
import { conclude } from '../control.ts'
import { evaluate } from '../evaluate.ts'
import { type Examples, type Method, type Observations, type Sighting, evidenceBy } from '../evidence.ts'
import { day, now } from '../fixtures/fixture.ts'
import { fixtures } from '../fixtures/index.ts'
import { type Policy, strictPolicy } from '../policy.ts'
import { stamp } from '../stamp.ts'
import { weakness } from './tw-con-04.ts'

/** Judges a control on its passing evidence with one observation changed. */
function changed<M extends Method>(id: string, method: M, change: Partial<Observations[M]>, policy: Policy = strictPolicy) {
  const control = catalogue.find((one) => one.id === id)
  const passes = fixtures[id]?.passes ?? []
  const [entry] = evidenceBy(method, passes)
  assert.ok(control !== undefined && entry !== undefined && entry.problem === null)
  const evidence = [...passes.filter((one) => one.method !== method), { ...entry, observed: { ...entry.observed, ...change } }]
  // The change keeps the type of the observation; the spread of a generic does not know that.
  return evaluate(
    control,
    evidence.flatMap((one) => (isEvidence(one) ? [one] : [])),
    policy,
    now,
  )
}

const isEvidence = (one: unknown): one is ReturnType<typeof stamp> => typeof one === 'object' && one !== null

const one: Examples = { count: 1, examples: ['pump-1'] }

for (const [id, method, change, verdict, reason] of [
  ['TW-CON-01', 'session-log', { plaintext: 2 }, 'fail', /2 sessions .* without TLS/],
  ['TW-CON-01', 'plaintext-probe', { answers: [{ protocol: 'http', answer: 'silent' }] }, 'unknown', /neither answered nor closed/],
  ['TW-CON-01', 'plaintext-probe', { answers: [{ protocol: 'amqp', answer: 'plaintext' }] }, 'fail', /answered plaintext AMQP/],
  ['TW-CON-01', 'tls-version-probe', { accepted: ['SSLv3'] }, 'fail', /SSLv3/],
  [
    'TW-CON-03',
    'tls-version-probe',
    { accepted: ['TLSv1.2', 'TLSv1.3'], refused: ['TLSv1', 'TLSv1.1'] },
    'unknown',
    /SSLv3 could not be told/,
  ],
  ['TW-CON-03', 'session-log', { byTlsVersion: { 'TLSv1.3': 9, 'TLSv1.1': 1 } }, 'fail', /1 x TLSv1\.1/],
  ['TW-CON-04', 'tls-suite-probe', { weakGroups: ['secp192r1'] }, 'fail', /curve secp192r1/],
  ['TW-CON-04', 'tls-suite-probe', { sha1Signature: true }, 'fail', /SHA-1/],
  ['TW-CON-04', 'trust-roots', { roots: [] }, 'unknown', /shows no root/],
  ['TW-CON-04', 'trust-roots', { distrusted: ['CN=old'] }, 'fail', /distrusted root CN=old/],
  ['TW-CON-04', 'trust-roots', { bundleVersions: 2 }, 'unknown', /No device says/],
  ['TW-CON-04', 'trust-roots', { bundleVersions: 2, devicesOnCurrent: 0.9 }, 'fail', /Only 90%/],
  ['TW-CON-04', 'trust-roots', { bundleVersions: 2, devicesOnCurrent: 0.96 }, 'pass', /roots last/],
  ['TW-CON-04', 'trust-roots', { bundleVersions: 3, devicesOnCurrent: 1, devicesTwoBehind: 1 }, 'fail', /two trust bundles behind/],
  ['TW-PKI-01', 'certificate-inventory', { expired: one }, 'fail', /1 active certificates are expired: pump-1/],
  ['TW-PKI-01', 'certificate-inventory', { expiring: one }, 'fail', /nothing renews them/],
  ['TW-PKI-01', 'certificate-inventory', { weak: one }, 'fail', /weak/],
  ['TW-PKI-01', 'certificate-inventory', { strangers: one }, 'fail', /unknown to the log/],
  ['TW-PKI-01', 'certificate-inventory', { repeatedSerials: one }, 'fail', /used twice/],
  ['TW-PKI-01', 'certificate-inventory', { underRevokedIssuer: one }, 'fail', /revoked issuer/],
  ['TW-PKI-01', 'certificate-inventory', { longLived: one }, 'fail', /397 days/],
  ['TW-PKI-01', 'certificate-inventory', { crl: { nextUpdate: now } }, 'fail', /past its next update/],
  ['TW-PKI-01', 'certificate-inventory', { issuers: [] }, 'unknown', /no issuer/],
  ['TW-PKI-01', 'revocation-drill', { attempts: [] }, 'unknown', /no listener to try/],
  ['TW-PKI-03', 'served-certificate', { newest: null }, 'unknown', /which certificate is the newest/],
  ['TW-PKI-03', 'served-certificate', { uncovered: ['hub.example'] }, 'fail', /does not cover hub\.example/],
  ['TW-PKI-03', 'served-certificate', { manual: true }, 'fail', /nobody answers for it/],
  ['TW-PKI-03', 'served-certificate', { manual: true, owner: 'Ada' }, 'pass', /newest/],
  ['TW-ATH-02', 'registry', { devices: 0 }, 'na', /No device/],
  ['TW-ATH-02', 'registry', { mismatched: one }, 'fail', /not bound to their name/],
  ['TW-ATH-02', 'registry', { pinnedWithoutExpiry: one }, 'fail', /without an end/],
  ['TW-ATH-03', 'credential-digests', { knownWeak: one }, 'fail', /publicly known key/],
  ['TW-DAR-01', 'key-location', { kind: 'plain-file', insideDataDirectory: true }, 'fail', /inside the data directory/],
  ['TW-DAR-01', 'key-location', { mode: 0o640 }, 'fail', /mode 640/],
  ['TW-DAR-01', 'volumes', { swap: 'clear' }, 'fail', /swap/],
  ['TW-NET-05', 'exposure', { publicBinds: ['mqtt'] }, 'fail', /public address of this host/],
  ['TW-NET-05', 'session-log', { publicPeers: ['203.0.113.9'] }, 'fail', /Peers with public addresses/],
  ['TW-OBS-03', 'round-trips', { expected: 0 }, 'unknown', /due yet/],
  ['TW-OBS-03', 'round-trips', { expected: 1_000, withinLimit: 994, slow: 6 }, 'fail', /Only 994 of 1000/],
  ['TW-OBS-03', 'round-trips', { expected: 1_000, withinLimit: 995, slow: 5 }, 'pass', /995 of 1000/],
  ['TW-OBS-03', 'alert-routes', { routes: [] }, 'fail', /nobody would hear/],
  ['TW-OBS-03', 'health', { journal: 'failed' }, 'fail', /journal is failed/],
  ['TW-OBS-03', 'health', { pendingShare: 0.6 }, 'fail', /waits for the disk/],
  ['TW-OBS-03', 'health', { freeBytes: 1_000_000 }, 'fail', /free on the data volume/],
] as const)
  test(`${id} is ${verdict} on ${method} ${JSON.stringify(change).slice(0, 80)}`, () => {
    const said = changed(id, method, change)
    assert.equal(said.verdict, verdict, said.reason)
    assert.match(said.reason, reason)
  })

test('TW-ATH-02 claims nothing about who is let in by a webhook, even while no device is registered', () => {
  for (const change of [{ byWebhook: one }, { byWebhook: one, devices: 0 }]) {
    const said = changed('TW-ATH-02', 'registry', change)
    assert.equal(said.verdict, 'unknown', said.reason)
    assert.match(said.reason, /1 other clients were let in by a webhook, on grounds that only it knows/)
  }
  assert.equal(changed('TW-ATH-02', 'registry', { devices: 0 }).verdict, 'na')
})

for (const [id, method, change, reason] of [
  ['TW-PKI-03', 'served-certificate', { lastDrillAt: null }, /practised/],
  ['TW-ATH-02', 'registry', { neverConnected: one }, /have not connected yet/],
  ['TW-DAR-01', 'key-location', { kind: 'plain-file' }, /plain file outside/],
  ['TW-DAR-01', 'volumes', { data: 'clear' }, /volume below the data directory/],
  ['TW-DAR-01', 'volumes', { data: 'unknown', swap: 'unknown' }, /could not be told/],
  ['TW-NET-05', 'exposure', { portMappings: null }, /router was not asked/],
  ['TW-OBS-03', 'round-trips', { windowMs: 60_000 }, /1 of the 1,440 minutes/],
  [
    'TW-OBS-03',
    'alert-routes',
    { routes: [{ kind: 'stderr', name: 'the log', acknowledgedAt: null }] },
    /Alerts go to the log, and nobody/,
  ],
] as const)
  test(`${id} passes, but not in full and with a note, on ${method} ${JSON.stringify(change).slice(0, 80)}`, () => {
    const said = changed(id, method, change)
    assert.deepEqual([said.verdict, said.capped], ['pass', true], said.reason)
    assert.match(said.reason, reason)
    assert.ok(said.findings.length > 0 && said.findings.every((finding) => finding.severity === 'info'))
  })

test('a root that ends within 180 days fails TW-CON-04, one day more passes', () => {
  const [roots] = evidenceBy('trust-roots', fixtures['TW-CON-04']?.passes ?? [])
  const [root] = roots?.observed?.roots ?? []
  assert.ok(root !== undefined)
  assert.equal(changed('TW-CON-04', 'trust-roots', { roots: [{ ...root, notAfter: instant(now + 179 * day) }] }).verdict, 'fail')
  assert.equal(changed('TW-CON-04', 'trust-roots', { roots: [{ ...root, notAfter: instant(now + 181 * day) }] }).verdict, 'pass')
})

test('weak keys and signatures are told from strong ones', () => {
  const good = { key: 'ec:P-256', signature: 'ecdsa-with-SHA256' }
  for (const key of ['ec:P-256', 'ec:P-384', 'rsa:2048', 'rsa:4096', 'ed25519']) assert.equal(weakness({ ...good, key }), null, key)
  for (const key of ['ec:secp224r1', 'ec:secp256k1', 'rsa:1024', 'rsa:', 'dsa', 'unknown'])
    assert.notEqual(weakness({ ...good, key }), null, key)
  for (const signature of ['sha256WithRSAEncryption', 'ecdsa-with-SHA384', 'RSA-SHA512'])
    assert.equal(weakness({ ...good, signature }), null, signature)
  for (const signature of ['sha1WithRSAEncryption', 'ecdsa-with-SHA1', 'RSA-SHA1', 'md5WithRSAEncryption'])
    assert.notEqual(weakness({ ...good, signature }), null, signature)
})

test('public exposure with an owner and an end in the future passes and shows both; without either it fails', () => {
  const judge = (owner: string, until: number) =>
    changed('TW-NET-05', 'exposure', { publicBinds: ['mqtt'] }, { publicIngress: { owner, until: instant(until) } })
  const said = judge('Ada', now + day)
  assert.equal(said.verdict, 'pass')
  assert.match(said.reason, /Ada answers for it until 2026-06-02/)
  assert.doesNotMatch(said.reason, /Nothing is reachable/)
  assert.match(judge('Ada', now).reason, /permission ended 2026-06-01/)
  assert.equal(judge('Ada', now).verdict, 'fail')
  assert.equal(judge(' ', now + day).verdict, 'fail')
})

test('a control that looked at nothing has proven nothing', () => {
  assert.equal(conclude([], 'All is well.').verdict, 'unknown')
})

test('many findings make a short reason', () => {
  const undeclared = Array.from({ length: 6 }, (_, i) => ({ transport: 'tcp', address: '127.0.0.1', port: 9_000 + i, own: true }) as const)
  const said = changed('TW-CON-01', 'socket-table', { sockets: undeclared, declared: [] })
  assert.match(said.reason, /And 3 more\.$/)
  assert.equal(said.findings.length, 6)
})

test('no finding and no evidence carries more than was asked for', () => {
  const seen: Sighting = { method: 'volumes', subject: { kind: 'hub', id: 'hub' }, observed: { data: 'clear', swap: 'none', detail: 'x' } }
  const entry = stamp(seen, now)
  assert.match(entry.rawDigest, /^[0-9a-f]{64}$/)
  assert.equal(stamp(seen, now).rawDigest, entry.rawDigest)
  assert.ok(entry.validUntil > entry.collectedAt)
})
