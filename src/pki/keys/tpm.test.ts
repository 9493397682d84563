import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { openWatched } from '../../../test/key-store-scene.ts'
import { startSoftTpm } from '../../../test/swtpm.io.ts'
import type { SigningKey } from './signing-key.ts'

const patience = { timeout: 60_000 }
const data = Buffer.from('to be signed')

async function assertSigns(key: SigningKey): Promise<void> {
  const publicKey = createPublicKey({ key: key.publicKey.der, format: 'der', type: 'spki' })
  assert.ok(verify('sha256', data, publicKey, await key.sign(data)))
}

test('keys made in a TPM sign, more of them than it has room for', patience, async () => {
  await using tpm = await startSoftTpm()
  await using scene = await openWatched({ place: 'tpm', tcti: tpm.tcti })
  const keys: SigningKey[] = []
  let last: Buffer | undefined
  for (let i = 0; i < 5; i++) {
    const made = await scene.store.make(`device-issuer/${i}`)
    assert.ok(made.ok, JSON.stringify(made))
    keys.push(made.value.key)
    last = made.value.reference
    // What is kept is the TPM's own wrapping (TSS2 PRIVATE KEY), no PKCS #8.
    assert.ok(last.includes(Buffer.from('0606678105 0a0103'.replace(' ', ''), 'hex')))
  }
  await Promise.all([...keys, ...keys].map(assertSigns))
  assert.ok(last)
  const opened = await scene.store.open('device-issuer/4', last)
  assert.ok(opened.ok)
  await assertSigns(opened.value)
})

test('a TPM that goes away and comes back signs again by itself, with the keys it had', patience, async () => {
  await using tpm = await startSoftTpm()
  await using scene = await openWatched({ place: 'tpm', tcti: tpm.tcti })
  const made = await scene.store.make('device-issuer/01')
  assert.ok(made.ok)
  await tpm.stop()
  await assert.rejects(made.value.key.sign(data), { code: 'pki/key-unavailable' })
  await scene.until('away')
  await tpm.start()
  await scene.until('ready')
  await assertSigns(made.value.key)
})

test('a key of another TPM is missing here, and the store stays ready', patience, async () => {
  await using tpm = await startSoftTpm()
  await using other = await startSoftTpm()
  await using scene = await openWatched({ place: 'tpm', tcti: tpm.tcti })
  const made = await scene.store.make('device-issuer/01')
  assert.ok(made.ok)
  await using thief = await openWatched({ place: 'tpm', tcti: other.tcti })
  const opened = await thief.store.open('device-issuer/01', made.value.reference)
  assert.equal(opened.ok ? 'opened' : opened.error.code, 'pki/key-missing')
  assert.equal(thief.store.state().kind, 'ready')
  assert.ok((await thief.store.make('device-issuer/02')).ok)
})

test('a key whose public area does not say that it is fixed to the TPM is refused', patience, async () => {
  await using tpm = await startSoftTpm()
  await using scene = await openWatched({ place: 'tpm', tcti: tpm.tcti })
  const made = await scene.store.make('device-issuer/01')
  assert.ok(made.ok)
  const changed = Buffer.from(made.value.reference)
  const at = changed.indexOf(Buffer.from('0023000b00060072', 'hex'))
  assert.ok(at > 0)
  changed[at + 7] = 0x70
  const opened = await scene.store.open('device-issuer/01', changed)
  assert.equal(opened.ok ? 'opened' : opened.error.code, 'pki/key-exportable')
})
