import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c, viewOf } from './crc32c.ts'

const of = (bytes: Uint8Array, start = 0, end = bytes.length) => crc32c(viewOf(bytes), start, end) >>> 0

test('the values of RFC 3720 appendix B.4, and the check value of the catalogues', () => {
  assert.equal(of(Buffer.alloc(32)), 0x8a9136aa)
  assert.equal(of(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  assert.equal(of(Buffer.from(Array.from({ length: 32 }, (_, at) => at))), 0x46dd794e)
  assert.equal(of(Buffer.from(Array.from({ length: 32 }, (_, at) => 31 - at))), 0x113fdb5c)
  assert.equal(of(Buffer.from('123456789')), 0xe3069283)
})

test('every length and every place in a buffer gives what one bit at a time gives', () => {
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, at) => (at * 167 + 13) & 0xff))
  for (let start = 0; start < 20; start++)
    for (let end = start; end <= bytes.length; end++) assert.equal(of(bytes, start, end), bitwise(bytes.subarray(start, end)))
  assert.equal(of(bytes.subarray(3), 5, 77), bitwise(bytes.subarray(8, 80)), 'of a slice too')
})

function bitwise(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (const byte of bytes) {
    c ^= byte
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  }
  return ~c >>> 0
}
