import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownBytes, ownText } from './index.ts'

test('a copy is equal, of its own, and stays when the original changes', () => {
  for (const length of [0, 1, 100, 1024, 1025, 70_000]) {
    const original = Buffer.alloc(length, 7)
    const copy = ownBytes(original)
    assert.deepEqual(copy, original)
    original.fill(9)
    assert.ok(copy.every((byte) => byte === 7))
  }
  assert.equal(ownText('é/a').toString(), 'é/a')
})

test('copies never overlap, however their sizes fall on slabs', () => {
  const copies = Array.from({ length: 2_000 }, (_, at) => ownBytes(Buffer.alloc((at * 37) % 1_100, at & 0xff)))
  for (const [at, copy] of copies.entries()) assert.ok(copy.every((byte) => byte === (at & 0xff)))
})

test('one kept copy keeps at most a small slab alive, and never the pool of Node', () => {
  const pool = Buffer.from('x').buffer
  for (const length of [1, 200, 1_000, 2_000]) {
    const copy = ownBytes(Buffer.alloc(length))
    assert.notEqual(copy.buffer, pool)
    assert.ok(copy.buffer.byteLength <= Math.max(4096, length))
  }
})
