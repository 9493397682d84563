import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { type DeviceId, instant, parseDeviceId, systemRandom } from '#base'
import { day, now } from '../fixtures/fixture.ts'
import type { DeviceCredential, DeviceState, IssuedCertificate } from '../ports.ts'
import { certificatesInUse, takeInventory } from './inventory.ts'
import { knownKeys } from './known-keys.ts'
import { compareCredentials, readRegistry } from './registry.ts'
import { selfSigned } from './self-signed.ts'

function id(name: string): DeviceId {
  const parsed = parseDeviceId(name)
  assert.ok(parsed.ok)
  return parsed.value
}

const byAuthority: DeviceCredential = { type: 'certificateAuthority' }
const device = (name: string, authentication: DeviceCredential = byAuthority, enabled = true): DeviceState => ({
  id: id(name),
  enabled,
  authentication,
})
const issued = (name: string | null, change: Partial<IssuedCertificate> = {}): IssuedCertificate => ({
  serial: systemRandom.bytes(8).toString('hex'),
  issuer: 'CN=devices',
  fingerprintSha256: systemRandom.bytes(32).toString('hex'),
  device: name,
  keySha256: 'aa',
  notBefore: instant(now - 10 * day),
  notAfter: instant(now + 20 * day),
  revoked: false,
  key: 'ec:P-256',
  renewing: false,
  ...change,
})

const root = { pem: selfSigned('root', now, systemRandom).cert, root: true, revoked: false, distrusted: false }
const take = (devices: DeviceState[], certificates: IssuedCertificate[], seen = new Map<string, string>()) =>
  takeInventory({ issuers: [root], certificates, devices, seen, crl: null }, now)

test('active is the newest certificate of an enabled device that is not revoked', async () => {
  const seen = await take(
    [device('a'), device('b', byAuthority, false), device('c')],
    [
      issued('a', { notAfter: instant(now - day) }),
      issued('a'),
      issued('b', { notAfter: instant(now - day) }),
      issued('c', { revoked: true, notAfter: instant(now - day) }),
      issued(null, { notAfter: instant(now + 60 * day), notBefore: instant(now - 30 * day) }),
    ],
  )
  assert.deepEqual([seen.active, seen.expired.count, seen.expiring.count], [2, 0, 0])
})

test('expired, ending, long, weak and repeated certificates are named', async () => {
  const twin = issued('e')
  const seen = await take(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => device(name)),
    [
      issued('a', { notAfter: instant(now - 1) }),
      issued('b', { notAfter: instant(now + 6 * day) }),
      issued('f', { notAfter: instant(now + 6 * day), renewing: true }),
      issued('c', { notAfter: instant(now + 400 * day) }),
      issued('d', { key: 'rsa:1024' }),
      twin,
      { ...twin },
    ],
  )
  assert.deepEqual(seen.expired.examples, ['a'])
  assert.deepEqual(seen.expiring.examples, ['b'])
  assert.deepEqual(seen.longLived.examples, ['c'])
  assert.deepEqual(seen.weak.examples, ['d'])
  assert.deepEqual(seen.repeatedSerials.examples, [twin.serial])
})

test('a certificate of a day is not ending soon from its first hour', async () => {
  const short = { notBefore: instant(now - day / 24), notAfter: instant(now + (day * 23) / 24) }
  assert.equal((await take([device('probe')], [issued('probe', short)])).expiring.count, 0)
})

test('a certificate in use that neither the log nor the registry knows is a stranger', async () => {
  const known = issued('a')
  const pinned = 'cd'.repeat(32)
  const seen = new Map([
    [known.fingerprintSha256 ?? '', 'a'],
    [pinned, 'b'],
    ['ef'.repeat(32), 'intruder'],
  ])
  const found = await take(
    [device('a'), device('b', { type: 'selfSigned', primaryThumbprint: pinned, secondaryThumbprint: null })],
    [known],
    seen,
  )
  assert.deepEqual(found.strangers.examples, ['intruder'])
})

test('certificates of other authorities that an operator trusts are no strangers; those of devices are looked at', () => {
  const session = (name: string, thumbprint: string | null) => ({ device: device(name).id, auth: { type: 'x509', thumbprint } })
  const inUse = certificatesInUse([
    session('pump-1', 'ab'),
    session('x509:smart-lock', 'cd'),
    session('sat:system:x', null),
    session('b', ''),
  ])
  assert.deepEqual([...inUse], [['ab', 'pump-1']])
})

test('active certificates under a revoked issuer are named', async () => {
  const issuers = [{ ...root, pem: selfSigned('devices', now, systemRandom).cert, revoked: true }]
  const found = await takeInventory({ issuers, certificates: [issued('a')], devices: [device('a')], seen: new Map(), crl: null }, now)
  assert.deepEqual(found.underRevokedIssuer.examples, ['a'])
})

test('break-it: a key device, a foreign subject and an endless pinned certificate show in the registry', async () => {
  const pinned = { type: 'selfSigned', primaryThumbprint: 'ab'.repeat(32), secondaryThumbprint: null } as const
  const last = new Map([
    ['key', { type: 'sas', thumbprint: null, commonName: null, expires: null }],
    ['foreign', { type: 'x509', thumbprint: null, commonName: 'other', expires: null }],
    ['endless', { type: 'x509', thumbprint: pinned.primaryThumbprint, commonName: 'x', expires: instant(Date.UTC(9999, 11, 31)) }],
    ['changed', { type: 'x509', thumbprint: 'ff'.repeat(32), commonName: null, expires: null }],
    ['fine', { type: 'x509', thumbprint: null, commonName: 'fine', expires: null }],
    ['off', { type: 'sas', thumbprint: null, commonName: null, expires: null }],
  ])
  const devices = [
    device('key', { type: 'symmetricKey', keyDigests: [] }),
    device('foreign'),
    device('endless', pinned),
    device('changed', pinned),
    device('fine'),
    device('new'),
    device('off', byAuthority, false),
  ]
  const seen = await readRegistry(devices, { last: (one) => last.get(one), byWebhook: () => [device('alice').id] }, now)
  assert.equal(seen.devices, 6)
  assert.deepEqual(seen.symmetric.examples, ['key'])
  assert.deepEqual(seen.mismatched.examples, ['foreign', 'changed'])
  assert.deepEqual(seen.pinnedWithoutExpiry.examples, ['endless'])
  assert.deepEqual(seen.neverConnected.examples, ['new'])
  assert.deepEqual(seen.byWebhook.examples, ['alice'])
})

const digest = (material: Uint8Array) => createHmac('sha256', 'key of a test').update(material).digest('hex')

test('one credential on two devices is one collision; one device may hold the same twice', () => {
  const seen = compareCredentials(
    [
      { device: 'a', kind: 'public-key', material: '11' },
      { device: 'a', kind: 'public-key', material: '11' },
      { device: 'b', kind: 'public-key', material: '22' },
      { device: 'c', kind: 'public-key', material: '22' },
      { device: 'd', kind: 'certificate', material: '22' },
    ],
    digest,
  )
  assert.equal(seen.compared, 5)
  assert.deepEqual(
    seen.collisions.map((collision) => collision.devices),
    [['b', 'c']],
  )
  assert.equal(seen.collisions[0]?.digest, digest(Buffer.from('public-key:22')).slice(0, 16))
})

test('break-it: a shared key out of a sample is known by its digest alone', () => {
  const sample = Buffer.alloc(32)
  assert.ok(knownKeys.some((key) => Buffer.from(key).equals(sample)))
  const seen = compareCredentials(
    [
      { device: 'a', kind: 'shared-key', material: digest(sample) },
      { device: 'b', kind: 'shared-key', material: digest(systemRandom.bytes(32)) },
    ],
    digest,
  )
  assert.deepEqual([seen.knownWeak.examples, seen.collisions], [['a'], []])
})

test('a thousand clones of one key are one finding with a hundred names', () => {
  const clones = Array.from({ length: 1_000 }, (_, i) => ({ device: `clone-${i}`, kind: 'public-key', material: '33' }) as const)
  const { collisions } = compareCredentials(clones, digest)
  assert.deepEqual([collisions.length, collisions[0]?.devices.length], [1, 100])
})
