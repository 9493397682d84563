import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRandom } from '#base'
import { readCorpus, replay } from '../../../test/fuzz.ts'
import { TpmDevice, handles } from '../../../test/swtpm-device.ts'
import { startSoftTpm } from '../../../test/swtpm.io.ts'
import { sealHmacKey } from './activation-blob.ts'
import { parseAttestation } from './attest.ts'
import { sized, u16, u32 } from './cursor.ts'
import { type PublicArea, isBornInside, isStorageKey, parsePublicArea } from './public-area.ts'
import { makeCredential } from './seal.ts'
import { parseTpmSignature, verifyTpmSignature } from './signature.ts'
import { target } from './tpm.fuzz.ts'

const folder = join(import.meta.dirname, 'corpus')
const sample = (name: string) => readFileSync(join(folder, name))

function areaOf(bytes: Buffer): PublicArea {
  const read = parsePublicArea(bytes)
  assert.ok(read.ok, read.ok ? '' : read.error.message)
  return read.value
}

for (const algorithm of ['rsa', 'ecc'] as const)
  test(`a TPM opens what is sealed to its ${algorithm.toUpperCase()} keys, and signs with the HMAC key that came in it [azure-wire 6.8]`, async () => {
    await using tpm = await startSoftTpm()
    using device = new TpmDevice(tpm.tcti)
    await device.prepare(algorithm)
    const endorsementKey = areaOf(device.endorsementKey)
    const storageRootKey = areaOf(device.storageRootKey)
    const key = randomBytes(32)
    const blob = sealHmacKey(endorsementKey, storageRootKey, key, systemRandom)
    assert.ok(blob.ok)
    await device.takeIdentityKey(blob.value)
    const message = Buffer.from('scope%2Fregistrations%2Fpump-7\n1700000000')
    assert.deepEqual(await device.hmac(message), createHmac('sha256', key).update(message).digest())

    const secret = randomBytes(32)
    const credential = makeCredential(endorsementKey, storageRootKey.name, secret, systemRandom)
    assert.ok(credential.ok)
    const { idObject, encryptedSecret } = credential.value
    assert.deepEqual(await device.activateCredential(handles.storageRootKey, idObject, encryptedSecret), secret)
    // Bound to the name of one object: the same TPM opens it for no other.
    await assert.rejects(device.activateCredential(handles.identityKey, idObject, encryptedSecret))
    // And to one TPM.
    const foreign = makeCredential(areaOf(sample(`${algorithm}-endorsement-key`)), storageRootKey.name, secret, systemRandom)
    assert.ok(foreign.ok)
    await assert.rejects(device.activateCredential(handles.storageRootKey, foreign.value.idObject, foreign.value.encryptedSecret))
  })

test('the name of a key is what its TPM says it is (part 1, section 16)', () => {
  const certification = parseAttestation(sample('certification'))
  assert.ok(certification.ok && certification.value.says.type === 'certify')
  assert.deepEqual(areaOf(sample('ecc-signing-key')).name, certification.value.says.name)
})

test('a quote is read, with its nonce, its clock and its registers, and verifies by the key that made it alone', () => {
  const quote = parseAttestation(sample('quote'))
  const signature = parseTpmSignature(sample('quote-signature'))
  assert.ok(quote.ok && signature.ok && quote.value.says.type === 'quote')
  assert.equal(quote.value.nonce.toString('hex'), '0011223344')
  assert.deepEqual(quote.value.says.selections, [
    { bank: 'sha1', registers: [0] },
    { bank: 'sha256', registers: [0, 1, 7] },
  ])
  assert.equal(quote.value.clock.resetCount, 0)
  const key = areaOf(sample('ecc-attestation-key'))
  assert.equal(verifyTpmSignature(key, quote.value.bytes, signature.value), true)
  const changed = Buffer.from(quote.value.bytes)
  changed.writeUInt8(changed.readUInt8(50) ^ 1, 50)
  assert.equal(verifyTpmSignature(key, changed, signature.value), false)
  assert.equal(verifyTpmSignature(areaOf(sample('ecc-signing-key')), quote.value.bytes, signature.value), false)
  assert.equal(verifyTpmSignature(areaOf(sample('rsa-storage-key')), quote.value.bytes, signature.value), false)
})

test('RSA signatures of both paddings verify', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url')
  const head = [u16(0x0001), u16(0x000b), u32(0x0005_0072), sized(), u16(0x0010), u16(0x0010), u16(2048), u32(0)]
  const area = areaOf(sized(...head, sized(modulus)))
  const message = Buffer.from('what was said')
  for (const [scheme, padding] of [
    [0x0014, 1],
    [0x0016, 6],
  ] as const) {
    const made = sign('sha256', message, { key: privateKey, padding, ...(padding === 6 ? { saltLength: 32 } : {}) })
    const signature = parseTpmSignature(Buffer.concat([u16(scheme), u16(0x000b), sized(made)]))
    assert.ok(signature.ok)
    assert.equal(verifyTpmSignature(area, message, signature.value), true)
    assert.equal(verifyTpmSignature(area, Buffer.from('what was not'), signature.value), false)
  }
})

test('roots are storage keys and the others are not; a key from outside is not born inside', () => {
  assert.deepEqual(
    ['rsa-endorsement-key', 'rsa-storage-key', 'ecc-endorsement-key', 'ecc-signing-key', 'hmac-key'].map((name) => {
      const area = areaOf(sample(name))
      return [isStorageKey(area), isBornInside(area)]
    }),
    [
      [true, true],
      [true, true],
      [true, true],
      [false, true],
      [false, false],
    ],
  )
  const sealed = makeCredential(areaOf(sample('ecc-signing-key')), Buffer.alloc(34), Buffer.alloc(8), systemRandom)
  assert.equal(sealed.ok ? '' : sealed.error.code, 'tpm/not-a-storage-key')
})

// Where each field lies in the sample of an EC signing key: 2 of length, type, digest, attributes, policy, cipher, scheme, curve, kdf, x, y.
const damages: readonly (readonly [string, (area: Buffer) => Buffer])[] = [
  ['nothing', () => Buffer.alloc(0)],
  ['an empty area', () => sized()],
  ['an area after the area (CVE-2026-40097)', (area) => Buffer.concat([area, area])],
  ['a length of 65,535', (area) => put(area, 0, 0xffff)],
  ['a policy longer than the rest', (area) => put(area, 10, 0xffff)],
  ['a type that no TPM has', (area) => put(area, 2, 0x7777)],
  ['SHA-1 for its names', (area) => put(area, 4, 0x0004)],
  ['reserved attributes', (area) => put(area, 6, 0x8004)],
  ['a cipher that is not AES', (area) => put(area, 12, 0x0026)],
  ['another curve', (area) => put(area, 16, 0x0010)],
  ['a point off its curve', (area) => put(area, 30, area.readUInt16BE(30) ^ 1)],
  ['a coordinate of 0 bytes where 32 follow', (area) => put(area, 20, 0)],
  ['a megabyte', (area) => Buffer.concat([area, Buffer.alloc(1 << 20)])],
]
for (const [what, damage] of damages)
  test(`a public area with ${what} is refused`, () => {
    const read = parsePublicArea(damage(sample('ecc-signing-key')))
    assert.equal(read.ok ? 'read' : read.error.code, 'tpm/malformed')
  })

test('an attestation that is empty, doubled, of another kind, or selects a bank twice is refused (CVE-2026-40097)', () => {
  const quote = sample('quote')
  const several = Buffer.from(quote)
  several.writeUInt32BE(0xffff_ffff, quote.indexOf(Buffer.from('00000002000403', 'hex')))
  const same = Buffer.from(quote)
  same.writeUInt16BE(0x000b, quote.indexOf(Buffer.from('00000002000403', 'hex')) + 4)
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.concat([quote, quote]),
    quote.subarray(0, 60),
    put(quote, 4, 0x8014),
    put(quote, 0, 0),
    several,
    same,
  ]) {
    const read = parseAttestation(bytes)
    assert.equal(read.ok ? 'read' : read.error.code, 'tpm/malformed')
  }
})

test('the corpus and thousands of mutations of it give values or refusals', () => {
  const corpus = readCorpus(folder)
  assert.ok(corpus.length >= 9)
  replay(target, corpus, 6_000, 0x7417)
})

function put(bytes: Buffer, at: number, value: number): Buffer {
  const out = Buffer.from(bytes)
  out.writeUInt16BE(value, at)
  return out
}
