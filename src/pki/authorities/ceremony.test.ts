import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { systemGrant } from '#access'
import { Secret, systemRandom } from '#base'
import { FakeClock } from '../../../test/fake-clock.ts'
import { codeOf, dersOf, device, mayIssue, openGround, openThrowawayPki, temporaryDirectory, value } from '../../../test/throwaway-pki.ts'
import { encodePem, keyIdentifier, parseCertificate } from '#wire/x509'
import { openOfflineRoot, proveRemoval, signAway } from './offline-root.ts'

const run = promisify(execFile)
const mayAdminister = systemGrant('pki.administer', 'hub')
const mayRead = systemGrant('pki.read', 'hub')

const sound = 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n'

/** A hub whose clock is right, as OpenSSL's is: ten seconds ahead, because the making of a certificate may take longer than its second. */
async function openHub() {
  const directory = await temporaryDirectory()
  const ground = await openGround(directory.path, new FakeClock(Math.ceil(Date.now() / 1000 + 10) * 1000))
  const pki = await openThrowawayPki(ground.ports)
  return {
    ground,
    pki,
    at: (name: string) => join(directory.path, name),
    async [Symbol.asyncDispose]() {
      await pki[Symbol.asyncDispose]()
      await ground[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** A hub, and an enterprise's root and intermediate beside it, by OpenSSL. */
async function openScene() {
  const world = await openHub()
  const { at } = world
  const authority = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n'
  await writeFile(at('ca.ext'), authority)
  for (const name of ['root', 'between']) {
    await run('openssl', ['ecparam', '-name', 'secp384r1', '-genkey', '-noout', '-out', at(`${name}.key`)])
    await run('openssl', ['req', '-new', '-key', at(`${name}.key`), '-subj', `/O=Works/CN=Works ${name}`, '-out', at(`${name}.csr`)])
  }
  const signed = ['x509', '-req', '-sha384', '-extfile', at('ca.ext'), '-days', '4000']
  await run('openssl', [...signed, '-in', at('root.csr'), '-signkey', at('root.key'), '-out', at('root.pem')])
  await run('openssl', [...signed, '-in', at('between.csr'), '-CA', at('root.pem'), '-CAkey', at('root.key'), '-out', at('between.pem')])
  const above = (await readFile(at('between.pem'), 'latin1')) + (await readFile(at('root.pem'), 'latin1'))
  const rootSha256 = new X509Certificate(await readFile(at('root.pem'))).fingerprint256
  return {
    ...world,
    above,
    rootSha256,
    /** What the enterprise's authority makes of a request: the issuer alone. */
    async sign(requestPem: string, extensions: string): Promise<string> {
      await writeFile(at('issuer.csr'), requestPem)
      await writeFile(at('issuer.ext'), extensions)
      const by = ['-CA', at('between.pem'), '-CAkey', at('between.key'), '-days', '700']
      await run('openssl', [
        'x509',
        '-req',
        '-sha256',
        '-in',
        at('issuer.csr'),
        '-extfile',
        at('issuer.ext'),
        ...by,
        '-out',
        at('issuer.pem'),
      ])
      return readFile(at('issuer.pem'), 'latin1')
    },
    async verifies(chainPem: string, purpose: string): Promise<unknown> {
      await writeFile(at('chain.pem'), chainPem)
      const time = String(world.ground.clock.now() / 1000)
      const how = ['-x509_strict', '-purpose', purpose, '-attime', time, '-CAfile', at('root.pem'), '-untrusted', at('chain.pem')]
      return run('openssl', ['verify', ...how, at('chain.pem')])
    },
  }
}

test('OpenSSL takes our request, an enterprise signs it, and new leaves come from that issuer while the old stay good', async () => {
  await using scene = await openScene()
  const { pki, ground, at } = scene
  const before = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  const request = value(await pki.ceremony.request(mayAdminister, 'device-issuer'))
  await writeFile(at('request.pem'), request.requestPem)
  const { stderr } = await run('openssl', ['req', '-verify', '-noout', '-in', at('request.pem')])
  assert.match(stderr, /verify OK/)
  const issuer = await scene.sign(request.requestPem, `${sound}extendedKeyUsage=clientAuth\n`)
  const imported = value(await pki.ceremony.import(mayAdminister, { chainPem: issuer + scene.above, rootSha256: scene.rootSha256 }))
  assert.equal(imported.role, 'device-issuer')
  const after = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true }))
  assert.ok(new X509Certificate(after.certificatePem).checkIssued(new X509Certificate(issuer)))
  await scene.verifies(after.certificatePem, 'sslclient')
  for (const one of [before, after]) assert.equal(codeOf(pki.verifyDeviceChain(dersOf(one.certificatePem), ground.clock.now())), 'accepted')
  // A device may leave out what the hub knows.
  assert.equal(codeOf(pki.verifyDeviceChain(dersOf(after.certificatePem).slice(0, 1), ground.clock.now())), 'accepted')
  assert.equal(pki.trustBundle().roots.length, 2)
  assert.deepEqual(await pki.ceremony.waiting(mayRead), [])
  // And so it is after a restart.
  await using again = await openThrowawayPki(ground.ports)
  const later = value(await again.issueDevice(mayIssue, { deviceId: device('pump-3'), generate: true }))
  assert.ok(new X509Certificate(later.certificatePem).checkIssued(new X509Certificate(issuer)))
})

test('an imported issuer of servers: the listeners get a certificate under the enterprise root at once', async () => {
  await using scene = await openScene()
  const { pki } = scene
  const served: string[] = []
  pki.onServerCertificate(({ certificatePem }) => served.push(certificatePem))
  const request = value(await pki.ceremony.request(mayAdminister, 'server-issuer'))
  const issuer = await scene.sign(request.requestPem, `${sound}extendedKeyUsage=serverAuth\n`)
  value(await pki.ceremony.import(mayAdminister, { chainPem: issuer + scene.above, rootSha256: scene.rootSha256 }))
  assert.equal(served.length, 1)
  await scene.verifies(served[0] ?? '', 'sslserver')
  assert.match(pki.rootPem, /^(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n){2}$/)
  value(await pki.staple())
})

const wrong: readonly (readonly [what: string, code: string, extensions: string])[] = [
  ['no authority', 'pki/issuer-not-ca', 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n'],
  ['one that may not sign certificates', 'pki/issuer-not-ca', 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n'],
  ['one that may not sign lists', 'pki/issuer-not-ca', 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n'],
  ['one for clients only', 'pki/wrong-usage', `${sound}extendedKeyUsage=clientAuth\n`],
  ['one that may not name this hub', 'pki/name-not-permitted', `${sound}nameConstraints=critical,permitted;DNS:works.example\n`],
  ['one with a critical extension that nobody knows', 'x509/unknown-critical-extension', `${sound}1.2.3.4=critical,ASN1:NULL\n`],
]

test('what comes back is checked as a stranger is: each of these is refused, and nothing changes', async (context) => {
  await using scene = await openScene()
  const { pki, ground } = scene
  const request = value(await pki.ceremony.request(mayAdminister, 'server-issuer'))
  const before = pki.serverCertificate().serial
  const attempt = async (chainPem: string, rootSha256: string | undefined = scene.rootSha256) =>
    codeOf(await pki.ceremony.import(mayAdminister, { chainPem, rootSha256 }))
  for (const [what, code, extensions] of wrong)
    await context.test(`${what}: ${code}`, async () => {
      assert.equal(await attempt((await scene.sign(request.requestPem, extensions)) + scene.above), code)
    })
  const issuer = await scene.sign(request.requestPem, sound)
  const der = Buffer.from(dersOf(issuer)[0] ?? Buffer.alloc(0))
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1
  const forged = encodePem('CERTIFICATE', der)
  const [between = '', root = ''] = scene.above.split(/(?<=END CERTIFICATE-----\n)/)
  const cases: readonly (readonly [string, Promise<string>])[] = [
    ['pki/root-not-trusted', attempt(issuer + scene.above, pki.rootFingerprintSha256)],
    ['pki/root-not-trusted', pki.ceremony.import(mayAdminister, { chainPem: issuer + scene.above, rootSha256: undefined }).then(codeOf)],
    ['pki/chain-broken', attempt(issuer)],
    ['pki/chain-broken', attempt(issuer + root)],
    ['pki/chain-broken', attempt(issuer + root + between)],
    ['pki/chain-broken', attempt(issuer + between)],
    ['pki/bad-signature', attempt(forged + scene.above)],
    ['pki/no-request-fits', attempt(between + root)],
    ['pki/chain-too-long', attempt('x'.repeat(70_000))],
  ]
  for (const [code, outcome] of cases) assert.equal(await outcome, code)
  const now = ground.clock.now()
  ground.clock.jump(now + 701 * 86_400_000)
  assert.equal(await attempt(issuer + scene.above), 'pki/issuer-not-valid')
  ground.clock.jump(now)
  assert.equal(pki.serverCertificate().serial, before)
  assert.equal((await ground.store.query('SELECT * FROM pki_anchor')).length, 0)
  value(await pki.ceremony.import(mayAdminister, { chainPem: issuer + scene.above, rootSha256: scene.rootSha256 }))
  assert.equal(await attempt(issuer + scene.above), 'pki/no-request-fits')
})

test('the root goes offline: exported, opened elsewhere, removed here; it signs requests there, and OpenSSL can too', async () => {
  await using world = await openHub()
  const { pki, ground, at } = world
  const passphrase = () => new Secret(Buffer.from('correct horse battery staple'))
  assert.equal(codeOf(await pki.ceremony.exportRoot(mayAdminister, new Secret(Buffer.from('short')))), 'pki/weak-passphrase')
  using file = value(await pki.ceremony.exportRoot(mayAdminister, passphrase()))
  const pem = file.use((bytes) => bytes.toString('latin1'))
  assert.equal(codeOf(openOfflineRoot(pem, new Secret(Buffer.from('correct horse battery')))), 'pki/export-unreadable')
  const root = value(openOfflineRoot(pem, passphrase()))
  // Nobody removes a key whose export was not opened.
  assert.equal(codeOf(await pki.ceremony.removeRootKey(mayAdminister, Buffer.from('no proof'))), 'pki/export-not-proven')
  const removed = value(await pki.ceremony.removeRootKey(mayAdminister, proveRemoval(root)))
  assert.equal(removed.fingerprintSha256, pki.rootFingerprintSha256)
  assert.equal(codeOf(await pki.ceremony.exportRoot(mayAdminister, passphrase())), 'pki/root-offline')
  const [row] = await ground.store.query(`SELECT place, length(sealed_key) AS n FROM pki_keyring WHERE role = 'root'`)
  assert.deepEqual({ ...row }, { place: 'none', n: 0 })

  const request = value(await pki.ceremony.request(mayAdminister, 'device-issuer'))
  const signed = value(await signAway(root, request.requestPem, ground.clock.now(), systemRandom))
  value(await pki.ceremony.import(mayAdminister, { chainPem: signed.chainPem, rootSha256: undefined }))
  assert.equal(pki.trustBundle().roots.length, 1)
  const issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  assert.equal(codeOf(pki.verifyDeviceChain(dersOf(issued.certificatePem), ground.clock.now())), 'accepted')

  const other = value(await pki.ceremony.request(mayAdminister, 'server-issuer'))
  await writeFile(at('export.pem'), pem)
  await writeFile(at('passphrase'), 'correct horse battery staple')
  await writeFile(at('request.pem'), other.requestPem)
  await writeFile(at('root-alone.pem'), pki.rootPem)
  await writeFile(at('issuer.ext'), `${sound}extendedKeyUsage=serverAuth\n`)
  const by = ['-CA', at('root-alone.pem'), '-CAkey', at('export.pem'), '-passin', `file:${at('passphrase')}`, '-extfile', at('issuer.ext')]
  const { stdout } = await run('openssl', ['x509', '-req', '-in', at('request.pem'), ...by, '-days', '900'])
  value(await pki.ceremony.import(mayAdminister, { chainPem: stdout + pki.rootPem, rootSha256: undefined }))

  // Revoked issuers have no successor by themselves now: nothing is issued, and the hub still starts.
  const issuers = await ground.store.query(`SELECT certificate FROM pki_keyring WHERE role <> 'root' AND role <> 'server'`)
  for (const { certificate } of issuers) {
    assert(certificate instanceof Uint8Array)
    const { publicKey } = value(parseCertificate(Buffer.from(certificate)))
    value(await pki.revoke(mayIssue, { issuer: keyIdentifier(publicKey).toString('hex') }, 'superseded'))
  }
  await using again = await openThrowawayPki(ground.ports)
  assert.equal(codeOf(await again.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true })), 'pki/no-issuer')
})
