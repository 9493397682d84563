import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { type DeviceId, type Result, Secret, parseDeviceId } from '#base'
import { decodePem } from '#wire/x509'
import { systemGrant } from '#access'
import { FakeClock } from '../../test/fake-clock.ts'
import { mayIssue, openGround, openThrowawayPki, temporaryDirectory } from '../../test/throwaway-pki.ts'
import type { ServerCertificate } from './index.ts'
import { openPki } from './index.ts'

const run = promisify(execFile)
const day = 24 * 3_600_000
const mayRead = systemGrant('device.read', 'hub')

function device(text: string): DeviceId {
  const id = parseDeviceId(text)
  if (!id.ok) throw new Error(id.error.message)
  return id.value
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`)
  return result.value
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'accepted' : result.error.code
}

function ders(pem: string): Buffer[] {
  return [...value(decodePem('CERTIFICATE', pem))]
}

async function setUp() {
  const directory = await temporaryDirectory()
  const ground = await openGround(directory.path)
  const pki = await openThrowawayPki(ground.ports)
  return {
    directory: directory.path,
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

test('OpenSSL verifies a device chain for clients, and not for servers [RFC 5280 6.1]', async () => {
  await using world = await setUp()
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

test('OpenSSL verifies the server chain for every name and address that it was made for', async () => {
  await using world = await setUp()
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

test('a generated key fits its certificate, and prints as nothing', async () => {
  await using world = await setUp()
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
  await using world = await setUp()
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
  await using world = await setUp()
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
  await using world = await setUp()
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
  await using world = await setUp()
  for (const [what, code, make] of bad)
    await t.test(`${what}: ${code}`, async () => {
      const csr = await make(world.at)
      assert.equal(codeOf(await world.pki.issueDevice(mayIssue, { deviceId: device('pump-1'), csr })), code)
    })
  assert.deepEqual(await world.pki.certificatesOf(mayRead, device('pump-1')), [], 'and records nothing')
})

test('a key belongs to one device: the second is refused, alone, in one batch, and when both ask at once (TW-ATH-03)', async () => {
  await using world = await setUp()
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
  await using world = await setUp()
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
  await using world = await setUp()
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

test('a device that is revoked while its certificate is made does not get it', async () => {
  await using world = await setUp()
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
    assert.equal(codeOf(pki.verifyDeviceChain(ders(two.certificatePem), ground.clock.now())), 'pki/revoked')
    assert.equal(codeOf(pki.verifyDeviceChain(ders(other.certificatePem), ground.clock.now())), 'accepted')
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
  assert.equal(codeOf(pki.verifyDeviceChain(ders(now.one.certificatePem), ground.clock.now())), 'pki/revoked')
  assert.equal(codeOf(pki.verifyDeviceChain(ders(now.other.certificatePem), ground.clock.now())), 'accepted')
})

test('our own authorities cannot be revoked as if they were a device', async () => {
  await using world = await setUp()
  const { pki } = world
  const serial = pki.serverCertificate().serial
  assert.equal(codeOf(await pki.revoke(mayIssue, { serial }, 'unspecified')), 'pki/unknown-serial')
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

test('the server certificate renews at two thirds of its life, by itself, with a new key, and listeners hear of it (TW-PKI-03)', async () => {
  await using world = await setUp()
  const { pki, ground } = world
  const first = pki.serverCertificate()
  const heard: ServerCertificate[] = []
  const renewed = new Promise<void>((resolve) => pki.onServerCertificate((certificate) => (heard.push(certificate), resolve())))
  assert.equal(value(await pki.renewServerIfDue(ground.clock.now())), false)
  ground.clock.advance(59 * day)
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
  await using world = await setUp()
  const { ports, clock, troubles } = world.ground
  let broken = false
  const pki = await openThrowawayPki({
    ...ports,
    commit: (grant, what, statements) => (broken ? Promise.reject(new Error('disk full')) : ports.commit(grant, what, statements)),
  })
  const before = pki.serverCertificate()
  broken = true
  clock.advance(61 * day)
  await assert.rejects(pki.renewServerIfDue(clock.now()), /disk full/)
  assert.equal(pki.serverCertificate(), before)
  assert(troubles.length > 0)
  broken = false
  assert.equal(value(await pki.renewServerIfDue(clock.now())), true)
  await pki[Symbol.asyncDispose]()
})

test('issuers renew beside the old ones, which still vouch for what they signed', async () => {
  await using world = await setUp()
  const { pki, ground } = world
  ground.clock.advance(3 * 365 * day)
  const old = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true, lifetimeMs: 397 * day }))
  ground.clock.advance(130 * day)
  value(await pki.renewServerIfDue(ground.clock.now()))
  const young = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true }))
  const [, oldIssuer] = ders(old.certificatePem)
  const [, youngIssuer] = ders(young.certificatePem)
  assert(oldIssuer && youngIssuer && !oldIssuer.equals(youngIssuer), 'a new issuer signs')
  const alone = (pem: string) => codeOf(pki.verifyDeviceChain(ders(pem).slice(0, 1), ground.clock.now()))
  assert.deepEqual([alone(old.certificatePem), alone(young.certificatePem)], ['accepted', 'accepted'])
})

test('a clock that ran ahead and was set right again does not leave certificates from the future', async () => {
  await using world = await setUp()
  const { pki, ground } = world
  const start = ground.clock.now()
  ground.clock.jump(start + 4 * 366 * day)
  value(await pki.renewServerIfDue(ground.clock.now()))
  value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  ground.clock.jump(start + day)
  assert.equal(value(await pki.renewServerIfDue(ground.clock.now())), true)
  const issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true }))
  assert.equal(codeOf(pki.verifyDeviceChain(ders(issued.certificatePem), ground.clock.now())), 'accepted')
  assert(pki.serverCertificate().notBefore <= ground.clock.now())
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
    assert.equal(codeOf(pki.verifyDeviceChain(ders(issued.certificatePem), ground.clock.now())), 'accepted')
    const [roots] = await ports.store.query(`SELECT count(*) AS n FROM pki_keyring WHERE role = 'root'`)
    assert.equal(roots?.['n'], 1)
  }
})

test('a certificate is found by its serial, with its PEM once it was handed out', async () => {
  await using world = await setUp()
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
  await using world = await setUp()
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
