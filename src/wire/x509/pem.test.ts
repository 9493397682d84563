import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodePem, encodePem } from './pem.ts'

test('blocks read back, one or many, with LF or CRLF [RFC 7468]', () =>
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 4 }), fc.boolean(), (blocks, crlf) => {
      const text = blocks.map((bytes) => encodePem('CERTIFICATE', bytes)).join('\n')
      const read = decodePem('CERTIFICATE', crlf ? text.replaceAll('\n', '\r\n') : text)
      assert(read.ok)
      assert.deepEqual(
        read.value,
        blocks.map((one) => Buffer.from(one)),
      )
    }),
  ))

const good = encodePem('CERTIFICATE', Buffer.alloc(100, 7))

for (const [what, text] of [
  ['nothing', ''],
  ['blank lines', ' \n\n'],
  ['text before the block', `hello\n${good}`],
  ['text behind the block', `${good}hello`],
  ['another label', good.replaceAll('CERTIFICATE', 'X509 CRL')],
  ['an end of another label', good.replace('END CERTIFICATE', 'END X509 CRL')],
  ['a private key', good.replaceAll('CERTIFICATE', 'EC PRIVATE KEY')],
  ['no end', good.slice(0, 80)],
  ['an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
  ['a line of 65 characters', good.replace('\n-', 'AA\n-').replace(/\n(?=[A-Z])/, '')],
  ['padding in the middle', '-----BEGIN CERTIFICATE-----\nAA==AAAA\n-----END CERTIFICATE-----\n'],
  ['base64 whose spare bits are set', '-----BEGIN CERTIFICATE-----\nAB==\n-----END CERTIFICATE-----\n'],
  ['seventeen blocks', good.repeat(17)],
  ['a megabyte', 'A'.repeat(1 << 20)],
] as const)
  test(`refuses ${what}`, () => {
    const read = decodePem('CERTIFICATE', text)
    assert.equal(read.ok ? 'accepted' : read.error.code, 'x509/malformed')
  })

test('takes the old label of signing requests [RFC 7468 7]', () => {
  const text = encodePem('CERTIFICATE REQUEST', Buffer.from('x')).replaceAll('CERTIFICATE', 'NEW CERTIFICATE')
  assert(decodePem('CERTIFICATE REQUEST', text).ok)
})

test('a hostile text of many openings is read in linear time', () => {
  const text = '-----BEGIN CERTIFICATE-----\n'.repeat(9_000)
  const began = performance.now()
  assert(!decodePem('CERTIFICATE', text).ok)
  assert(performance.now() - began < 1_000)
})
