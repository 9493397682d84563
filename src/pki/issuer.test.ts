import assert from 'node:assert/strict'
import { type KeyObject, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { type Instant, instant } from '#base'
import { keyIdentifier, parseCertificate, parsePublicKey } from '#wire/x509'
import { Issuer, type Linted, reserved } from './issuer.ts'
import { memoryKey } from './keys/signing-key.ts'
import type { ProfileName, Template } from './profile.ts'
import { subjectOf } from './subject.ts'

const now = Date.UTC(2026, 0, 1)
const day = 24 * 3_600_000
const at = (days: number): Instant => instant(now + days * day)

function publicKey(key: KeyObject) {
  const parsed = parsePublicKey(key.export({ type: 'spki', format: 'der' }))
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const leafKey = publicKey(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)

function issuer(profiles: readonly ProfileName[] = ['device', 'server']): Issuer {
  const keyId = keyIdentifier(publicKey(pair.publicKey))
  return new Issuer(
    { subject: subjectOf('root', 'Test'), keyId, notBefore: at(0), notAfter: at(1_000), profiles },
    memoryKey(pair.privateKey, publicKey(pair.publicKey)),
  )
}

const serial = '5a'.repeat(16)
const honest: Template = {
  profile: 'device',
  serial,
  commonName: 'pump-1',
  alternativeNames: [],
  publicKey: leafKey,
  notBefore: at(0),
  notAfter: at(30),
}
const server: Template = {
  ...honest,
  profile: 'server',
  commonName: 'hub.example',
  alternativeNames: [{ kind: 'dns', value: 'hub.example' }],
}

function lint(template: Template): Linted {
  const proof = issuer().lint(template)
  if (!proof.ok) throw new Error(proof.error.code)
  return proof.value
}

test('a proof signs once', async () => {
  const one = issuer()
  const proof = one.lint(honest)
  assert(proof.ok)
  await one.sign(proof.value, reserved(serial))
  await assert.rejects(() => one.sign(proof.value, reserved(serial)), /bug: proof spent/)
})

test('a proof signs with the issuer that linted it, and no other', async () => {
  await assert.rejects(() => issuer().sign(lint(honest), reserved(serial)), /bug: proof spent, or from another issuer/)
})

test('a proof signs under the serial that was recorded, and no other', async () => {
  const one = issuer()
  const proof = one.lint(honest)
  assert(proof.ok)
  await assert.rejects(() => one.sign(proof.value, reserved('5b'.repeat(16))), /another serial/)
})

test('what was linted is what is signed, whatever becomes of the template', async () => {
  const one = issuer()
  const wish = { ...honest, publicKey: { ...leafKey, der: Buffer.from(leafKey.der) } }
  const proof = one.lint(wish)
  assert(proof.ok)
  wish.commonName = 'pump-2'
  wish.publicKey.der.fill(0)
  assert(Object.isFrozen(proof.value) && Object.isFrozen(proof.value.template))
  const read = parseCertificate(await one.sign(proof.value, reserved(serial)))
  assert(read.ok)
  assert.equal(read.value.subject.commonName, 'pump-1')
  assert.deepEqual(read.value.publicKey.der, leafKey.der)
})

const rsa = publicKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)
const offCurve = { ...leafKey, der: Buffer.concat([leafKey.der.subarray(0, -1), Buffer.from([(leafKey.der.at(-1) ?? 0) ^ 1])]) }

const refused: readonly (readonly [string, string, Template])[] = [
  ['a kind that this issuer does not make', 'pki/wrong-profile', { ...honest, profile: 'device-issuer' }],
  ['a short serial', 'pki/weak-serial', { ...honest, serial: '5a5a' }],
  ['a serial that begins with zeros', 'pki/weak-serial', { ...honest, serial: `00${'5a'.repeat(15)}` }],
  ['an end before the begin', 'pki/validity-malformed', { ...honest, notAfter: at(-1) }],
  ['fractions of a second', 'pki/validity-malformed', { ...honest, notAfter: instant(at(1) + 1) }],
  ['a begin before the issuer', 'pki/outlives-issuer', { ...honest, notBefore: at(-1) }],
  ['an end after the issuer', 'pki/outlives-issuer', { ...honest, notBefore: at(900), notAfter: at(1_001) }],
  ['a device for 398 days', 'pki/lifetime-too-long', { ...honest, notAfter: at(398) }],
  ['a server for 91 days', 'pki/lifetime-too-long', { ...server, notAfter: at(91) }],
  ['an RSA key of 1024 bits', 'x509/weak-key', { ...honest, publicKey: rsa }],
  ['a point off the curve', 'pki/invalid-key', { ...honest, publicKey: offCurve }],
  ['a name that is no device id', 'base/device-id-malformed', { ...honest, commonName: 'pump/1' }],
  ['a name with a line end', 'pki/common-name-malformed', { ...honest, commonName: 'pump-1\n' }],
  ['no name', 'pki/common-name-malformed', { ...honest, commonName: '' }],
  ['a name of 65 characters', 'pki/common-name-too-long', { ...honest, commonName: 'a'.repeat(65) }],
  ['an alternative name on a device', 'pki/names-not-allowed', { ...honest, alternativeNames: server.alternativeNames }],
  ['a server without names', 'pki/names-missing', { ...server, alternativeNames: [] }],
  ['a wildcard', 'pki/dns-name-malformed', { ...server, alternativeNames: [{ kind: 'dns', value: '*.example' }] }],
  ['upper case', 'pki/dns-name-malformed', { ...server, alternativeNames: [{ kind: 'dns', value: 'Hub.example' }] }],
  ['an address as a DNS name', 'pki/dns-name-malformed', { ...server, alternativeNames: [{ kind: 'dns', value: '10.0.0.1' }] }],
  ['a malformed address', 'pki/address-malformed', { ...server, alternativeNames: [{ kind: 'address', value: '10.0.0' }] }],
  ['a URI on a server', 'pki/names-not-allowed', { ...server, alternativeNames: [{ kind: 'uri', value: 'urn:x' }] }],
  [
    'a hundred and one names',
    'pki/too-many-names',
    { ...server, alternativeNames: Array.from({ length: 101 }, (_, n) => ({ kind: 'dns', value: `h${n}.example` })) },
  ],
]

for (const [what, code, template] of refused)
  test(`the lint refuses ${what}: ${code}`, () => {
    const said = issuer().lint(template)
    assert.equal(said.ok ? 'accepted' : said.error.code, code)
  })

test('the lint takes what is honest', () => {
  lint(honest)
  lint(server)
  lint({
    ...server,
    alternativeNames: [
      { kind: 'dns', value: 'xn--bcher-kva.example' },
      { kind: 'dns', value: 'a' },
      { kind: 'address', value: '::1' },
    ],
  })
})
