import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret, instant } from '#base'
import { signAzureBlob, signBlob, verifyBlob } from './file-signature.ts'

const key = new Secret(Buffer.alloc(32, 5))
const expiresAt = instant(Date.UTC(2030, 0, 1))
const claim = { containerName: 'uploads', blobName: 'a/żółw b.txt', correlationId: 'c1', expiresAt }
const now = instant(Date.UTC(2029, 11, 31))

test('a claim that was signed is read back; a character more or less is not', () => {
  const query = new URLSearchParams(signBlob(key, claim))
  assert.deepEqual(verifyBlob(key, '/uploads/a/żółw b.txt', query, now), claim)
  assert.equal(verifyBlob(key, '/uploads/a/żółw b.tx', query, now), undefined)
  assert.equal(verifyBlob(new Secret(Buffer.alloc(32, 6)), '/uploads/a/żółw b.txt', query, now), undefined)
  assert.equal(verifyBlob(key, '/uploads/a/żółw b.txt', query, expiresAt), undefined, 'it ends when it says')
  for (const name of ['sv', 'sr', 'si', 'sig', 'se', 'sp']) {
    const without = new URLSearchParams(query)
    without.delete(name)
    assert.equal(verifyBlob(key, '/uploads/a/żółw b.txt', without, now), undefined, `without ${name}`)
  }
  for (const [name, value] of [
    ['se', '2030-01-01T00:00:00.000Z'],
    ['se', '9999-99-99T99:99:99Z'],
    ['sig', 'x'.repeat(100_000)],
  ] as const) {
    const changed = new URLSearchParams(query)
    changed.set(name, value)
    assert.equal(verifyBlob(key, '/uploads/a/żółw b.txt', changed, now), undefined, `${name}=${value.slice(0, 30)}`)
  }
})

test('the service SAS of Azure is made of the fields of its version', () => {
  const sas = new URLSearchParams(signAzureBlob({ accountName: 'acc', key, containerName: 'c' }, 'a/b', 'cw', expiresAt))
  assert.deepEqual(
    [...sas].filter(([name]) => name !== 'sig'),
    [
      ['sv', '2020-10-02'],
      ['spr', 'https'],
      ['sr', 'b'],
      ['se', '2030-01-01T00:00:00Z'],
      ['sp', 'cw'],
    ],
  )
})
