import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret, systemRandom } from '#base'
import { decodePem } from '#wire/x509'
import { TpmDevice, handles } from '../../../test/swtpm-device.ts'
import { startSoftTpm } from '../../../test/swtpm.io.ts'
import { tpmSealer } from './challenge.ts'
import { type Proof, type Reference, askTpm, verifyProof, verifyQuote } from './evidence.ts'

function insist<T>(
  result:
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly error: { readonly detail?: string; readonly message: string } },
): T {
  assert.ok(result.ok, result.ok ? '' : `${result.error.message} ${result.error.detail}`)
  return result.value
}

const answerOf = (result: { readonly ok: boolean; readonly error?: { readonly code: string; readonly detail?: string } }) =>
  result.ok ? 'taken' : (result.error?.detail ?? result.error?.code)

test('a key that was made in a TPM is proven by it, and each missing statement is refused; a copied TPM is found', async () => {
  await using tpm = await startSoftTpm()
  using device = new TpmDevice(tpm.tcti)
  await device.prepare('ecc')
  const attestationKey = await device.attestationKey()
  const [csr = Buffer.alloc(0)] = insist(decodePem('CERTIFICATE REQUEST', await device.tlsKey('pump-7')))
  const asked = insist(askTpm(device.endorsementKey, attestationKey, systemRandom))
  const { idObject, encryptedSecret } = asked.credential
  await device.exclusive(() => device.tool('tpm2_readpublic', '-Q', '-c', handles.tlsKey, '-f', 'tss', '-o', 'key.pub'))
  const certified = await device.certify(handles.tlsKey)
  const foreign = await device.certify(handles.storageRootKey)
  const quote = await device.quote('sha256:0,7', asked.nonce)
  const proof: Proof = {
    secret: await device.activateCredential('ak.ctx', idObject, encryptedSecret),
    key: device.read('key.pub'),
    certification: certified.message,
    certificationSignature: certified.signature,
    csr,
    quote,
  }
  const reference: Reference = new Map([
    [7, quote.values.subarray(32, 64)],
    [0, quote.values.subarray(0, 32)],
  ])
  const evidence = insist(verifyProof(asked, proof, reference, undefined))
  assert.equal(evidence.attestationKey, asked.attestationKey.name.toString('hex'))
  assert.ok(evidence.clock !== undefined)

  const other = insist(askTpm(device.endorsementKey, attestationKey, systemRandom))
  const clock = evidence.clock
  const cases: readonly (readonly [Parameters<typeof answerOf>[0], string])[] = [
    [
      verifyProof(asked, { ...proof, secret: Buffer.alloc(32) }, reference, undefined),
      'the secret is not the one that was sealed to the TPM',
    ],
    [verifyProof(asked, { ...proof, key: device.storageRootKey }, reference, undefined), 'the key could leave the TPM, or signs nothing'],
    [verifyProof(asked, { ...proof, certification: foreign.message }, reference, undefined), 'the attestation key has not signed it'],
    [
      verifyProof(asked, { ...proof, certification: foreign.message, certificationSignature: foreign.signature }, reference, undefined),
      'the certification is of another key',
    ],
    [verifyProof(asked, { ...proof, quote: undefined }, reference, undefined), 'a quote is demanded'],
    [verifyProof(asked, proof, new Map([[0, Buffer.alloc(32)]]), undefined), 'other registers were quoted'],
    [verifyProof(asked, proof, new Map([...reference, [7, Buffer.alloc(32, 1)]]), undefined), 'the registers are not as expected'],
    // Replayed: each asking has a nonce of its own.
    [verifyQuote(other, quote, reference, undefined), 'the quote was made for another nonce'],
  ]
  for (const [result, expected] of cases) assert.equal(answerOf(result), expected)

  // Somebody copies the machine: the copy starts, and counts on from the same place.
  await using copied = await startSoftTpm(tpm)
  using copy = new TpmDevice(copied.tcti)
  for (const name of ['ek.pub', 'srk.pub']) copy.write(name, device.read(name))
  await copy.exclusive(() =>
    copy.tool(
      'tpm2_createak',
      '-Q',
      '-C',
      handles.endorsementKey,
      '-c',
      'ak.ctx',
      '-G',
      'ecc',
      '-g',
      'sha256',
      '-s',
      'ecdsa',
      '-u',
      'ak.pub',
    ),
  )
  const fromCopy = insist(askTpm(device.endorsementKey, copy.read('ak.pub'), systemRandom))
  const second = insist(verifyQuote(fromCopy, await copy.quote('sha256:0,7', fromCopy.nonce), reference, clock))
  const back = verifyQuote(other, await device.quote('sha256:0,7', other.nonce), reference, second.clock)
  assert.equal(back.ok ? 'taken' : back.error.code, 'provisioning/tpm-clone-suspected')
})

test('nothing is sealed to keys that could leave their TPM, nor asked of them', async () => {
  await using tpm = await startSoftTpm()
  using device = new TpmDevice(tpm.tcti)
  await device.prepare('ecc')
  const sealer = tpmSealer(systemRandom)
  using key = new Secret(Buffer.alloc(32, 7))
  assert.equal(sealer.challenge(device.endorsementKey, device.storageRootKey, key).ok, true)
  // Its attributes, without "fixedTPM".
  const loose = Buffer.from(device.storageRootKey)
  loose.writeUInt32BE(loose.readUInt32BE(6) & ~2, 6)
  const answer = sealer.challenge(device.endorsementKey, loose, key)
  assert.equal(answer.ok ? 'sealed' : answer.error.code, 'provisioning/tpm-key-loose')
  // A storage key signs nothing, and so attests nothing.
  const asked = askTpm(device.endorsementKey, device.storageRootKey, systemRandom)
  assert.equal(asked.ok ? 'asked' : asked.error.code, 'provisioning/tpm-key-loose')
})
