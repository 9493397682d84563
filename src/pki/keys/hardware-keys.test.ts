import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { openSealing } from '../../../test/key-store-scene.ts'
import { derOfRawSignature, pointOfSpki, spkiOfPoint } from './ecdsa.ts'
import { hardwareKeys } from './hardware-keys.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spki = pair.publicKey.export({ format: 'der', type: 'spki' })

test('a signature that does not fit its key never leaves the store: faulty hardware signs once more wrongly than rightly', async () => {
  let isFaulty = false
  const store = hardwareKeys({
    ...openSealing,
    place: 'pkcs11',
    title: 'pkcs11 token test',
    close: async () => {},
    signer: {
      state: () => ({ kind: 'ready' }),
      settled: async () => {},
      async ask(asked, body) {
        const answer = { id: 1, ok: true, handle: Buffer.from('id'), publicKey: spki } as const
        const signature = asked.op === 'sign' ? sign('sha256', body ?? Buffer.alloc(0), pair.privateKey) : Buffer.alloc(0)
        if (isFaulty) signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1
        return { answer, body: signature }
      },
    },
  })
  const made = await store.make('device-issuer/01')
  assert.ok(made.ok)
  await made.value.key.sign(Buffer.from('x'))
  isFaulty = true
  await assert.rejects(made.value.key.sign(Buffer.from('x')), { code: 'pki/signature-wrong' })
  await assert.rejects(store.make('device-issuer/02'), { code: 'pki/signature-wrong' })
  const cut = await store.open('device-issuer/01', Buffer.from('device-issuer/01\n\u0001\u0000'))
  assert.equal(cut.ok ? 'opened' : cut.error.code, 'pki/key-missing')
})

test('points and raw signatures of tokens become what X.509 carries (RFC 5480 section 2, RFC 3279 section 2.2.3)', () => {
  assert.deepEqual(spkiOfPoint(pointOfSpki(spki)), spki)
  assert.deepEqual(spkiOfPoint(pointOfSpki(spki).subarray(2)), spki)
  assert.equal(spkiOfPoint(Buffer.alloc(65, 2)), undefined)
  const raw = Buffer.alloc(64)
  raw[31] = 0x80
  raw[32] = 1
  assert.equal(derOfRawSignature(raw)?.toString('hex'), `302602020080022001${'00'.repeat(31)}`)
  assert.equal(derOfRawSignature(Buffer.alloc(96)), undefined)
})
