import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { webcrypto } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { decodePem } from './pem.ts'
import { parseSigningRequest } from './signing-request.ts'

const directory = mkdtempSync(join(tmpdir(), 'thingwall-csr-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function openssl(key: readonly string[], ...more: readonly string[]): Buffer {
  const out = join(directory, 'made.pem')
  const args = ['req', '-new', '-nodes', '-newkey', ...key, '-keyout', join(directory, 'made.key'), '-out', out, '-subj', '/CN=pump-1']
  execFileSync('openssl', [...args, ...more], { stdio: 'ignore' })
  const blocks = decodePem('CERTIFICATE REQUEST', readFileSync(out, 'utf8'))
  const der = blocks.ok ? blocks.value[0] : undefined
  assert(der)
  return der
}

const p256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']

function codeOf(der: Buffer): string {
  const read = parseSigningRequest(der)
  return read.ok ? 'accepted' : read.error.code
}

for (const [what, key, ...more] of [
  ['P-256', p256],
  ['P-384 with SHA-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], '-sha384'],
  ['RSA 2048 with SHA-256', ['rsa:2048']],
  ['RSA 3072 with SHA-384', ['rsa:3072'], '-sha384'],
  ['RSA 2048 with SHA-512', ['rsa:2048'], '-sha512'],
  ['Ed25519', ['ed25519']],
] as const)
  test(`verifies a request that OpenSSL made with ${what} [RFC 2986]`, () => {
    const read = parseSigningRequest(openssl(key, ...more))
    assert(read.ok)
    assert.equal(read.value.subject.commonName, 'pump-1')
  })

test('reads what a request asks for', () => {
  const read = parseSigningRequest(
    openssl(p256, '-addext', 'subjectAltName=DNS:pump-1.example', '-addext', 'basicConstraints=CA:TRUE,pathlen:2'),
  )
  assert(read.ok)
  assert.deepEqual(read.value.requested.alternativeNames, [{ kind: 'dns', value: 'pump-1.example' }])
  assert.deepEqual(read.value.requested.basicConstraints, { ca: true, pathLength: 2 })
})

test('verifies a request that pkijs made, with another attribute in it', async () => {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const request = new pkijs.CertificationRequest()
  request.subject.typesAndValues.push(
    new pkijs.AttributeTypeAndValue({ type: '2.5.4.3', value: new asn1js.Utf8String({ value: 'pump-1' }) }),
  )
  await request.subjectPublicKeyInfo.importKey(keys.publicKey)
  // A challenge password (PKCS #9).
  request.attributes = [new pkijs.Attribute({ type: '1.2.840.113549.1.9.7', values: [new asn1js.Utf8String({ value: 'x' })] })]
  await request.sign(keys.privateKey, 'SHA-256')
  const read = parseSigningRequest(Buffer.from(request.toSchema(true).toBER(false)))
  assert(read.ok)
  assert.equal(read.value.subject.commonName, 'pump-1')
})

test('refuses weak keys and weak signatures', () => {
  assert.equal(codeOf(openssl(['rsa:1024'])), 'x509/weak-key')
  assert.equal(codeOf(openssl(['ec', '-pkeyopt', 'ec_paramgen_curve:secp224r1'])), 'x509/weak-key')
  assert.equal(codeOf(openssl(p256, '-sha1')), 'x509/weak-signature')
  assert.equal(codeOf(openssl(['rsa:2048'], '-sigopt', 'rsa_padding_mode:pss')), 'x509/weak-signature', 'RSA-PSS is not taken')
})

test('a bit flipped anywhere is refused: nothing in a request is unsigned', () => {
  const der = openssl(p256)
  for (let at = 0; at < der.length; at++) {
    const hurt = Buffer.from(der)
    hurt[at] = (hurt[at] ?? 0) ^ (1 << (at % 8))
    assert.notEqual(codeOf(hurt), 'accepted', `byte ${at}`)
  }
})

test('refuses junk, a cut request, and bytes behind one', () => {
  const der = openssl(p256)
  for (const bytes of [Buffer.alloc(0), Buffer.from('junk'), der.subarray(0, -1), Buffer.concat([der, Buffer.alloc(1)])])
    assert.equal(codeOf(bytes), 'x509/malformed')
})
