import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as pkijs from 'pkijs'
import { type Result, instant } from '#base'
import { type Certificate, encodeCertificate, encodeTbsCertificate, parseCertificate } from './certificate.ts'
import { encodeExtensions } from './extension.ts'
import { encodeName } from './name.ts'
import { oids } from './oids.ts'
import { decodePem } from './pem.ts'
import { importPublicKey, keyIdentifier, parsePublicKey, refuseWeakKey } from './public-key.ts'
import { verifySignature } from './signature.ts'

const directory = mkdtempSync(join(tmpdir(), 'thingwall-x509-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`)
  return result.value
}

/** A self-signed certificate made by OpenSSL. */
function openssl(key: readonly string[], ...more: readonly string[]): Buffer {
  const out = join(directory, 'made.pem')
  const args = ['req', '-x509', '-nodes', '-newkey', ...key, '-keyout', join(directory, 'made.key'), '-out', out, '-days', '30']
  execFileSync('openssl', [...args, ...more], { stdio: 'ignore' })
  const [der] = value(decodePem('CERTIFICATE', readFileSync(out, 'utf8')))
  assert(der)
  return der
}

const p256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const rich = [
  '-subj',
  '/CN=pump-1/O=Plant',
  '-addext',
  'subjectAltName=DNS:a.example,IP:192.0.2.1,IP:2001:db8::1,URI:urn:x:y,email:a@b.example',
  '-addext',
  'keyUsage=critical,digitalSignature,keyAgreement',
  '-addext',
  'extendedKeyUsage=clientAuth,serverAuth',
]

/** Everything that both we and node:crypto say about a certificate. */
function agreesWithNode(read: Certificate): void {
  const other = new X509Certificate(read.der)
  assert.equal(read.serial.replace(/^0+(?=.)/, ''), other.serialNumber.toLowerCase().replace(/^0+(?=.)/, ''))
  assert.equal(read.notBefore, other.validFromDate.getTime())
  assert.equal(read.notAfter, other.validToDate.getTime())
  // OpenSSL calls nothing a CA whose key may not sign certificates.
  const { basicConstraints, keyUsage } = read.extensions
  assert.equal((basicConstraints?.ca ?? false) && (keyUsage?.includes('keyCertSign') ?? true), other.ca)
  assert.deepEqual(read.extensions.extendedKeyUsage, other.keyUsage)
  assert(importPublicKey(read.publicKey)?.equals(other.publicKey))
  assert(other.subject.includes(`CN=${read.subject.commonName ?? ''}`))
}

/** The same with pkijs. */
function agreesWithPkijs(read: Certificate): void {
  const other = pkijs.Certificate.fromBER(Uint8Array.from(read.der).buffer)
  assert.equal(Buffer.from(other.serialNumber.valueBlock.valueHexView).toString('hex').replace(/^00/, ''), read.serial)
  assert.equal(other.notBefore.value.getTime(), read.notBefore)
  assert.equal(other.notAfter.value.getTime(), read.notAfter)
  assert.deepEqual(Buffer.from(other.tbsView), read.tbs)
  assert.deepEqual(Buffer.from(other.subject.valueBeforeDecode), read.subject.der)
  assert.deepEqual(Buffer.from(other.issuer.valueBeforeDecode), read.issuer.der)
  const listed = other.extensions?.map(({ extnID, critical }) => `${extnID} ${critical}`)
  if (read.version === 3) assert(listed && listed.length > 0)
}

for (const [what, key, kind] of [
  ['P-256', p256, { type: 'ec', curve: 'P-256' }],
  ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'], { type: 'ec', curve: 'P-384' }],
  ['RSA 2048', ['rsa:2048'], { type: 'rsa', bits: 2048, exponent: 65537 }],
  ['RSA 2047', ['rsa:2047'], { type: 'rsa', bits: 2047, exponent: 65537 }],
  ['Ed25519', ['ed25519'], { type: 'ed25519' }],
] as const)
  test(`reads what OpenSSL makes with ${what} as node:crypto and pkijs do, and verifies its signature`, () => {
    const read = value(parseCertificate(openssl(key, ...rich)))
    agreesWithNode(read)
    agreesWithPkijs(read)
    assert.deepEqual(read.publicKey.kind, kind)
    assert.equal(refuseWeakKey(read.publicKey).ok, what !== 'RSA 2047')
    assert.equal(read.subject.text, 'CN=pump-1, O=Plant')
    assert.deepEqual(read.extensions.keyUsage, ['digitalSignature', 'keyAgreement'])
    assert.deepEqual(read.extensions.extendedKeyUsage, [oids.clientAuth, oids.serverAuth])
    assert.deepEqual(read.extensions.alternativeNames, [
      { kind: 'dns', value: 'a.example' },
      { kind: 'address', value: '192.0.2.1' },
      { kind: 'address', value: '2001:db8::1' },
      { kind: 'uri', value: 'urn:x:y' },
      { kind: 'email', value: 'a@b.example' },
    ])
    const keyObject = importPublicKey(read.publicKey)
    assert(keyObject && read.signatureAlgorithm)
    assert(verifySignature(read.signatureAlgorithm, keyObject, read.tbs, read.signature))
    assert(!verifySignature(read.signatureAlgorithm, keyObject, read.tbs.subarray(1), read.signature))
  })

test('reads a version 1 certificate, which has no extensions', () => {
  openssl(p256, '-subj', '/CN=old')
  const [key, csr, out] = ['made.key', 'old.csr', 'old.pem'].map((name) => join(directory, name))
  assert(key && csr && out)
  execFileSync('openssl', ['req', '-new', '-key', key, '-subj', '/CN=old', '-out', csr], { stdio: 'ignore' })
  execFileSync('openssl', ['x509', '-req', '-in', csr, '-signkey', key, '-out', out], { stdio: 'ignore' })
  const read = value(parseCertificate(value(decodePem('CERTIFICATE', readFileSync(out, 'utf8')))[0] ?? Buffer.alloc(0)))
  assert.equal(read.version, 1)
  assert.equal(read.extensions.basicConstraints, undefined)
  agreesWithNode(read)
})

test('a SHA-1 signature has no algorithm that we rely on', () => {
  assert.equal(value(parseCertificate(openssl(p256, '-sha1', '-subj', '/CN=weak'))).signatureAlgorithm, undefined)
})

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicKey = value(parsePublicKey(pair.publicKey.export({ type: 'spki', format: 'der' })))

function build(extensions?: readonly Buffer[]): Buffer {
  const id = keyIdentifier(publicKey)
  const name = encodeName({ commonName: 'Wörk ⚙', organization: 'Plant' })
  const honest = encodeExtensions({
    ca: { pathLength: 3 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [oids.clientAuth],
    alternativeNames: [
      { kind: 'dns', value: 'hub.example' },
      { kind: 'address', value: '2001:db8::7' },
      { kind: 'uri', value: 'urn:a:b' },
    ],
    subjectKeyId: id,
    authorityKeyId: id,
  })
  const tbs = encodeTbsCertificate({
    serial: Buffer.concat([Buffer.from([0x80]), randomBytes(15)]),
    algorithm: 'ecdsa-sha256',
    issuer: name,
    notBefore: instant(Date.UTC(2026, 0, 1)),
    notAfter: instant(Date.UTC(2055, 0, 1)),
    subject: name,
    publicKey: publicKey.der,
    extensions: extensions ?? honest,
  })
  return encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, pair.privateKey))
}

test('what we write reads the same to us, to OpenSSL, to node:crypto and to pkijs', async () => {
  const der = build()
  const read = value(parseCertificate(der))
  agreesWithNode(read)
  agreesWithPkijs(read)
  assert.deepEqual(read.extensions.basicConstraints, { ca: true, pathLength: 3 })
  assert.equal(read.subject.commonName, 'Wörk ⚙')
  const other = new X509Certificate(der)
  assert(other.verify(createPublicKey(pair.privateKey)))
  assert.equal(other.subjectAltName, 'DNS:hub.example, IP Address:2001:DB8:0:0:0:0:0:7, URI:urn:a:b')
  const text = execFileSync('openssl', ['x509', '-inform', 'DER', '-noout', '-text'], { input: der, encoding: 'utf8' })
  assert.match(text, /CA:TRUE, pathlen:3/)
  assert.match(text, /Certificate Sign, CRL Sign/)
  assert.match(text, /Not After : Jan {2}1 00:00:00 2055 GMT/)
  const checked = await new pkijs.CertificateChainValidationEngine({
    certs: [pkijs.Certificate.fromBER(Uint8Array.from(der).buffer)],
    trustedCerts: [pkijs.Certificate.fromBER(Uint8Array.from(der).buffer)],
    checkDate: new Date(Date.UTC(2030, 0, 1)),
  }).verify()
  assert(checked.result, checked.resultMessage)
})

const raw = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

for (const [what, extension] of [
  ['an empty extended key usage (CVE-2026-40097)', '3009 0603551d25 0402 3000'],
  ['an empty key usage', '300b 0603551d0f 0404 0302 0700'],
  ['a key usage of an unknown bit', '300c 0603551d0f 0405 0303 0500 20'],
  ['basic constraints that spell out the default', '300c 0603551d13 0405 3003 010100'],
  ['a path length without the CA flag', '300c 0603551d13 0405 3003 020100'],
  ['a flag that spells out not critical', '300c 0603551d13 010100 0402 3000'],
  ['no alternative name in the list', '3009 0603551d11 0402 3000'],
  ['an address of five bytes', '3010 0603551d11 0409 3007 8705 0102030405'],
  ['a DNS name with NUL inside', '300e 0603551d11 0407 3005 8203 610062'],
  ['bytes behind the value of an extension', '300a 0603551d13 0403 3000 00'],
  ['junk in a known extension', '3009 0603551d0e 0402 ffff'],
] as const)
  test(`refuses a certificate with ${what}`, () => {
    const read = parseCertificate(build([raw(extension)]))
    assert.equal(read.ok ? 'accepted' : read.error.code, 'x509/malformed')
  })

test('refuses a certificate with the same extension twice [RFC 5280 4.2]', () => {
  const once = raw('3009 06032a0304 0402 0500')
  const read = parseCertificate(build([once, once]))
  assert.equal(read.ok ? 'accepted' : read.error.code, 'x509/malformed')
})

test('refuses an unknown critical extension and passes over an unknown uncritical one [RFC 5280 4.2]', () => {
  const critical = parseCertificate(build([raw('300c 06032a0304 0101ff 0402 0500')]))
  assert.equal(critical.ok ? 'accepted' : critical.error.code, 'x509/unknown-critical-extension')
  assert(parseCertificate(build([raw('3009 06032a0304 0402 0500')])).ok)
})

test('refuses a subject with two common names, for programs disagree on which one counts', () => {
  const two = openssl(p256, '-subj', '/CN=pump-1/CN=pump-2')
  const read = parseCertificate(two)
  assert.equal(read.ok ? 'accepted' : read.error.code, 'x509/malformed')
})

test('a key with explicit curve parameters is not interpreted (CVE-2020-0601, CVE-2022-0778)', () => {
  const key = join(directory, 'explicit.key')
  execFileSync('openssl', ['ecparam', '-name', 'P-256', '-genkey', '-noout', '-param_enc', 'explicit', '-out', key], { stdio: 'ignore' })
  const der = execFileSync('openssl', ['pkey', '-in', key, '-pubout', '-outform', 'DER'])
  const read = value(parsePublicKey(der))
  assert.equal(read.kind.type, 'unsupported')
  assert(!refuseWeakKey(read).ok)
})

test('a point that is not on the curve is no key', () => {
  const der = Buffer.from(publicKey.der)
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1
  assert.equal(importPublicKey(value(parsePublicKey(der))), undefined)
})

test('an RSA key with a small or even exponent is weak', () => {
  for (const exponent of [3, 65536]) {
    const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(exponent)
    const start = bytes.findIndex((byte) => byte !== 0)
    const key = createPublicKey({ key: { kty: 'RSA', n: n ?? '', e: bytes.subarray(start).toString('base64url') }, format: 'jwk' })
    const said = refuseWeakKey(value(parsePublicKey(key.export({ type: 'spki', format: 'der' }))))
    assert.equal(said.ok ? 'accepted' : said.error.code, 'x509/weak-key')
  }
})

test('the algorithm of a signature must suit the key of the verifier (GHSA-869p-cjfg-cm3x)', () => {
  const tbs = Buffer.from('x')
  const signature = sign('sha256', tbs, pair.privateKey)
  assert(verifySignature('ecdsa-sha256', pair.publicKey, tbs, signature))
  for (const algorithm of ['rsa-sha256', 'ed25519', 'ecdsa-sha384'] as const)
    assert(!verifySignature(algorithm, pair.publicKey, tbs, signature))
})
