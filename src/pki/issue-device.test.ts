import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { systemGrant } from '#access'
import { Secret } from '#base'
import { decodePem } from '#wire/x509'
import { codeOf, device, mayIssue, openThrowawayPki, setUpPki, value } from '../../test/throwaway-pki.ts'

const run = promisify(execFile)
const day = 24 * 3_600_000
const mayRead = systemGrant('device.read', 'hub')

test('OpenSSL verifies a device chain for clients, and not for servers [RFC 5280 6.1]', async () => {
  await using world = await setUpPki()
  const { pki, ground, at } = world
  const issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  await writeFile(at('root.pem'), pki.rootPem)
  await writeFile(at('leaf.pem'), issued.certificatePem)
  const verify = (purpose: string) =>
    run('openssl', [
      'verify',
      '-x509_strict',
      '-purpose',
      purpose,
      '-attime',
      String(ground.clock.now() / 1000),
      '-CAfile',
      at('root.pem'),
      '-untrusted',
      at('leaf.pem'),
      at('leaf.pem'),
    ])
  assert.match((await verify('sslclient')).stdout, /OK/)
  await assert.rejects(verify('sslserver'), /unsuitable certificate purpose/)
})

test('a generated key fits its certificate, and prints as nothing', async () => {
  await using world = await setUpPki()
  const issued = value(await world.pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  const leaf = new X509Certificate(issued.certificatePem)
  const { privateKeyPem } = issued
  assert(privateKeyPem instanceof Secret)
  assert(privateKeyPem.use((pem) => leaf.checkPrivateKey(createPrivateKey(pem))))
  assert.equal(JSON.stringify(privateKeyPem), '"[secret]"')
  assert.equal(leaf.fingerprint256.replaceAll(':', '').toLowerCase(), issued.fingerprintSha256)
  assert.equal(leaf.serialNumber.toLowerCase(), issued.serial)
  assert.equal(leaf.validToDate.getTime(), issued.notAfter)
})

test('a leaf is valid from an hour before it was made, so that slow clocks can use it at once, for 30 days', async () => {
  await using world = await setUpPki()
  const issued = value(await world.pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  assert.equal(world.ground.clock.now() - issued.notBefore, 3_600_000)
  assert.equal(issued.notAfter - world.ground.clock.now(), 30 * day)
})

async function request(at: (name: string) => string, subject: string, ...more: readonly string[]): Promise<string> {
  const key = more.includes('-newkey') ? [] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  await run('openssl', ['req', '-new', '-nodes', '-keyout', at('csr.key'), '-out', at('csr.pem'), '-subj', subject, ...key, ...more])
  return await readFile(at('csr.pem'), 'utf8')
}

test('issues for the key of a signing request made by OpenSSL, as PEM and as DER', async () => {
  await using world = await setUpPki()
  const { pki, at } = world
  const pem = await request(at, '/CN=pump-1')
  const issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), csr: pem }))
  assert.equal(issued.privateKeyPem, undefined)
  const key = createPrivateKey(await readFile(at('csr.key')))
  assert(new X509Certificate(issued.certificatePem).checkPrivateKey(key))
  const again = value(
    await pki.issueDevice(mayIssue, {
      deviceId: device('pump-1'),
      csr: value(decodePem('CERTIFICATE REQUEST', pem))[0] ?? Buffer.alloc(0),
    }),
  )
  assert.notEqual(again.serial, issued.serial, 'the same device may have its key certified again')
})

test('a request decides neither names nor uses: the profile does', async () => {
  await using world = await setUpPki()
  const csr = await request(
    world.at,
    '/CN=pump-1/O=Evil',
    '-addext',
    'subjectAltName=DNS:hub.example',
    '-addext',
    'extendedKeyUsage=serverAuth',
  )
  const leaf = new X509Certificate(value(await world.pki.issueDevice(mayIssue, { deviceId: device('pump-1'), csr })).certificatePem)
  assert.equal(leaf.subject, 'CN=pump-1')
  assert.equal(leaf.subjectAltName, undefined)
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2'])
})

const bad: readonly (readonly [string, string, (at: (name: string) => string) => Promise<string>])[] = [
  ['junk', 'x509/malformed', () => Promise.resolve('junk')],
  ['an empty text', 'x509/malformed', () => Promise.resolve('')],
  ['a private key pasted by mistake', 'x509/malformed', async (at) => (await request(at, '/CN=pump-1'), readFile(at('csr.key'), 'utf8'))],
  ['an RSA key of 1024 bits', 'x509/weak-key', (at) => request(at, '/CN=pump-1', '-newkey', 'rsa:1024')],
  [
    'a curve that is not on the list',
    'x509/weak-key',
    (at) => request(at, '/CN=pump-1', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'),
  ],
  ['a SHA-1 signature', 'x509/weak-signature', (at) => request(at, '/CN=pump-1', '-sha1')],
  ['the name of another device', 'pki/name-mismatch', (at) => request(at, '/CN=pump-2')],
  ['an authority', 'pki/authority-requested', (at) => request(at, '/CN=pump-1', '-addext', 'basicConstraints=critical,CA:TRUE')],
  ['the right to sign certificates', 'pki/authority-requested', (at) => request(at, '/CN=pump-1', '-addext', 'keyUsage=keyCertSign')],
  ['two requests at once', 'pki/one-request', async (at) => (await request(at, '/CN=pump-1')) + (await request(at, '/CN=pump-1'))],
  [
    'a signature by another key',
    'x509/bad-signature',
    async (at) => {
      const [der] = value(decodePem('CERTIFICATE REQUEST', await request(at, '/CN=pump-1')))
      assert(der)
      // The last byte of the signature's s: still a well-formed signature, of something else.
      der[der.length - 1] = (der.at(-1) ?? 0) ^ 1
      return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE REQUEST-----\n`
    },
  ],
]

test('refuses a signing request with', async (t) => {
  await using world = await setUpPki()
  for (const [what, code, make] of bad)
    await t.test(`${what}: ${code}`, async () => {
      const csr = await make(world.at)
      assert.equal(codeOf(await world.pki.issueDevice(mayIssue, { deviceId: device('pump-1'), csr })), code)
    })
  assert.deepEqual(await world.pki.certificatesOf(mayRead, device('pump-1')), [], 'and records nothing')
})

test('a key belongs to one device: the second is refused, alone, in one batch, and when both ask at once (TW-ATH-03)', async () => {
  await using world = await setUpPki()
  const { pki, at } = world
  const csr = await request(at, '/')
  const first = { deviceId: device('pump-1'), csr }
  const second = { deviceId: device('pump-2'), csr }
  assert.deepEqual((await pki.issueDevices(mayIssue, [first, second])).map(codeOf), ['accepted', 'pki/key-in-use'])
  assert.equal(codeOf(await pki.issueDevice(mayIssue, second)), 'pki/key-in-use')
  const fresh = await request(at, '/')
  const both = await Promise.all(['pump-3', 'pump-4'].map((id) => pki.issueDevice(mayIssue, { deviceId: device(id), csr: fresh })))
  assert.deepEqual(both.map(codeOf).toSorted(), ['accepted', 'pki/key-in-use'])
})

test('one refused request does not hold up the others of its batch', async () => {
  await using world = await setUpPki()
  const long = device('x'.repeat(65))
  const made = await world.pki.issueDevices(mayIssue, [
    { deviceId: device('pump-1'), generate: true },
    { deviceId: long, generate: true },
    { deviceId: device('pump-2'), csr: 'junk' },
    { deviceId: device('pump-3'), generate: true, lifetimeMs: 398 * day },
    { deviceId: device('pump-4'), generate: true, lifetimeMs: 0 },
    { deviceId: device('pump-5'), generate: true, lifetimeMs: 397 * day },
  ])
  assert.deepEqual(made.map(codeOf), [
    'accepted',
    'pki/common-name-too-long',
    'x509/malformed',
    'pki/lifetime-too-long',
    'pki/lifetime-too-short',
    'accepted',
  ])
})

test('a serial is on disk and in the audit log before anything is signed under it', async () => {
  await using world = await setUpPki()
  const { ports } = world.ground
  let atSigning: readonly unknown[] = []
  const pki = await openThrowawayPki({
    ...ports,
    store: {
      query: (sql, ...args) => ports.store.query(sql, ...args),
      // The second commit completes the row; refuse it, as a power cut would.
      async commit() {
        atSigning = await ports.store.query(`SELECT serial, fingerprint FROM pki_certificate WHERE device = 'pump-1'`)
        throw new Error('power cut')
      },
    },
  })
  await assert.rejects(pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }), /power cut/)
  assert.equal(atSigning.length, 1)
  const [record] = await world.pki.certificatesOf(mayRead, device('pump-1'))
  assert.equal(record?.fingerprintSha256, null, 'recorded, never handed out')
  const audited = await ports.store.query(`SELECT detail FROM audit_log WHERE action = 'certificate.issue' AND resource = 'device:pump-1'`)
  assert.equal(audited.length, 1)
  assert.match(String(audited[0]?.['detail']), new RegExp(record?.serial ?? '-'))
  await pki[Symbol.asyncDispose]()
})
