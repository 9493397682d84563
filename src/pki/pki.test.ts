import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { systemGrant } from '#access'
import { FakeClock } from '../../test/fake-clock.ts'
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
import { openPki } from './index.ts'

const run = promisify(execFile)
const mayRead = systemGrant('device.read', 'hub')

test('OpenSSL verifies the server chain for every name and address that it was made for', async () => {
  await using world = await setUpPki()
  const { pki, ground, at } = world
  await writeFile(at('root.pem'), pki.rootPem)
  await writeFile(at('server.pem'), pki.serverCertificate().certificatePem)
  const verify = (...more: readonly string[]) =>
    run('openssl', [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-attime',
      String(ground.clock.now() / 1000),
      ...more,
      '-CAfile',
      at('root.pem'),
      '-untrusted',
      at('server.pem'),
      at('server.pem'),
    ])
  for (const name of ['hub.example', 'localhost']) await verify('-verify_hostname', name)
  for (const address of ['192.0.2.7', '127.0.0.1', '::1']) await verify('-verify_ip', address)
  await assert.rejects(verify('-verify_hostname', 'other.example'), /hostname mismatch/i)
})

test('a restart keeps root, issuers and server certificate; other names make a new server certificate', async () => {
  await using directory = await temporaryDirectory()
  const before = await (async () => {
    await using ground = await openGround(directory.path)
    await using pki = await openThrowawayPki(ground.ports)
    return { root: pki.rootFingerprintSha256, server: pki.serverCertificate().fingerprintSha256, rootPem: pki.rootPem }
  })()
  assert.equal(new X509Certificate(before.rootPem).fingerprint256.replaceAll(':', '').toLowerCase(), before.root)
  await using ground = await openGround(directory.path)
  {
    await using pki = await openThrowawayPki(ground.ports)
    assert.deepEqual([pki.rootFingerprintSha256, pki.serverCertificate().fingerprintSha256], [before.root, before.server])
  }
  await using pki = await openThrowawayPki(ground.ports, { names: ['other.example'], addresses: [] })
  assert.equal(pki.rootFingerprintSha256, before.root)
  assert.notEqual(pki.serverCertificate().fingerprintSha256, before.server)
})

test('does not make a root while the clock is not set', async () => {
  await using directory = await temporaryDirectory()
  await using ground = await openGround(directory.path, new FakeClock(0))
  assert.equal(codeOf(await openPki({ names: [], addresses: [] }, ground.ports, new AbortController().signal)), 'pki/clock-wrong')
})

test('a first run cut short at any commit is taken up again by the next', async () => {
  for (let cut = 1; ; cut++) {
    await using directory = await temporaryDirectory()
    await using ground = await openGround(directory.path)
    const { ports } = ground
    let commits = 0
    const guard = () => {
      if (++commits === cut) throw new Error('power cut')
    }
    const opened = await openPki(
      { names: ['hub.example'], addresses: [] },
      {
        ...ports,
        commit: async (...all) => (guard(), ports.commit(...all)),
        store: { query: (...all) => ports.store.query(...all), commit: async (all) => (guard(), ports.store.commit(all)) },
      },
      new AbortController().signal,
    ).catch((error: unknown) => error)
    if (commits < cut) {
      assert(cut > 8, 'every commit of a first run was cut once')
      return
    }
    assert(opened instanceof Error)
    await using pki = await openThrowawayPki(ports)
    const issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
    assert.equal(codeOf(pki.verifyDeviceChain(dersOf(issued.certificatePem), ground.clock.now())), 'accepted')
    const [roots] = await ports.store.query(`SELECT count(*) AS n FROM pki_keyring WHERE role = 'root'`)
    assert.equal(roots?.['n'], 1)
  }
})

test('a certificate is found by its serial, with its PEM once it was handed out', async () => {
  await using world = await setUpPki()
  const issued = value(await world.pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  const found = value(await world.pki.certificate(mayRead, issued.serial))
  assert.equal(found.record.fingerprintSha256, issued.fingerprintSha256)
  assert(issued.certificatePem.startsWith(found.pem ?? '-'))
  assert.equal(codeOf(await world.pki.certificate(mayRead, 'ff')), 'pki/unknown-serial')
  const all = await world.pki.inventory(systemGrant('check.run', 'hub'), '', 100)
  assert.deepEqual(
    all.map(({ profile }) => profile).toSorted((a, b) => a.localeCompare(b)),
    ['device', 'device-issuer', 'root', 'server', 'server-issuer'],
  )
})

test('no private key lies readable in the store, and a foreign vault opens none', async () => {
  await using world = await setUpPki()
  const { ports } = world.ground
  const rows = await ports.store.query('SELECT sealed_key FROM pki_keyring')
  assert.equal(rows.length, 4)
  for (const { sealed_key: sealed } of rows) {
    assert(sealed instanceof Uint8Array)
    // The object identifier of EC keys stands in every PKCS #8 key.
    assert(!Buffer.from(sealed).includes(Buffer.from('2a8648ce3d0201', 'hex')))
  }
  await using elsewhere = await temporaryDirectory()
  await using foreign = await openGround(elsewhere.path)
  const opened = await openPki({ names: [], addresses: [] }, { ...ports, unseal: foreign.ports.unseal }, new AbortController().signal)
  assert.equal(codeOf(opened), 'vault/other-key')
})

for (const [name, code] of [
  ['*.example', 'pki/dns-name-malformed'],
  ['under_score.example', 'pki/dns-name-malformed'],
  ['a..example', 'pki/dns-name-malformed'],
  ['192.0.2.1', 'pki/dns-name-malformed'],
  ['hub.example\n', 'pki/common-name-malformed'],
  [`${'a'.repeat(64)}.example`, 'pki/dns-name-malformed'],
] as const)
  test(`does not start with the server name ${JSON.stringify(name)}: ${code}`, async () => {
    await using directory = await temporaryDirectory()
    await using ground = await openGround(directory.path)
    assert.equal(codeOf(await openPki({ names: [name], addresses: [] }, ground.ports, new AbortController().signal)), code)
  })

test('does not start with an address that is none, and takes names in any case', async () => {
  await using directory = await temporaryDirectory()
  await using ground = await openGround(directory.path)
  assert.equal(
    codeOf(await openPki({ names: [], addresses: ['192.0.2.300'] }, ground.ports, new AbortController().signal)),
    'pki/address-malformed',
  )
  await using pki = await openThrowawayPki(ground.ports, { names: ['HUB.Example.'], addresses: ['2001:DB8:0::1'] })
  const names = pki.serverCertificate().names.map((name) => name.value)
  assert.deepEqual(names, ['hub.example', 'localhost', '2001:db8::1', '127.0.0.1', '::1'])
})
