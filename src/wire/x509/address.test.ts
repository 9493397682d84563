import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress, parseAddress } from './address.ts'

test('every address reads back from its text, in the form that the WHATWG URL writes too [RFC 5952]', () =>
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const bytes = parseAddress(text)
      assert(bytes, text)
      const written = formatAddress(bytes) ?? ''
      assert.deepEqual(parseAddress(written), bytes)
      if (bytes.length === 16) assert.equal(`[${written}]`, new URL(`http://[${text}]`).hostname)
      else assert.equal(written, text)
    }),
    { numRuns: 2_000 },
  ))

test('agrees with node:net on what an address is', () =>
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('0', '1', '2', '9', 'a', 'f', ':', '.', '%', '[', ' '), maxLength: 20 }), (text) => {
      // node:net takes a zone behind %, which no certificate can hold.
      const expected = text.includes('%') ? 0 : isIP(text)
      assert.equal(parseAddress(text)?.length ?? 0, expected === 0 ? 0 : expected === 4 ? 4 : 16, JSON.stringify(text))
    }),
    { numRuns: 5_000 },
  ))

for (const text of [
  '',
  '1',
  '010.0.0.1',
  '1.2.3',
  '1.2.3.4.5',
  '256.0.0.1',
  '1.2.3.4 ',
  '::1::',
  ':1',
  '1:',
  '1:2:3:4:5:6:7:8:9',
  'fe80::1%eth0',
  '::12345',
])
  test(`${JSON.stringify(text)} is no address`, () => assert.equal(parseAddress(text), undefined))

test('bytes of another length are no address', () => {
  assert.equal(formatAddress(Buffer.alloc(5)), undefined)
  assert.equal(formatAddress(Buffer.alloc(8)), undefined, 'an address with a mask stands in name constraints only')
})
