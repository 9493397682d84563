import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Secret } from '#base'
import { SeededRandom } from '../../test/seeded-random.ts'
import { contentBytes, openFrames, sealFrames } from './file-frames.ts'

const key = new Secret(Buffer.alloc(32, 3))
const frame = 64 * 1024

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (let n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

test('what was sealed comes back, however it was cut, and its size is known from outside', () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constantFrom(0, 1, frame - 1, frame, frame + 1, 2 * frame, 3 * frame + 5), fc.nat(200_000)),
      fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      async (length, written, read, seed) => {
        const least = (sizes: readonly number[]) => (length > 1000 ? sizes.map((size) => Math.max(size, 500)) : sizes)
        const bytes = new SeededRandom(seed).bytes(Math.min(length, 1000))
        const content = Buffer.alloc(length, bytes.length === 0 ? 0 : bytes)
        const sealed = await whole(sealFrames(key, new SeededRandom(seed), cut(content, least(written))))
        assert.equal(contentBytes(sealed.length), length)
        assert.ok((await whole(openFrames(key, cut(sealed, least(read))))).equals(content))
      },
    ),
    { numRuns: 60 },
  ))

test('a file opens with its key alone, and not when its end is cut at a frame', async () => {
  const sealed = await whole(sealFrames(key, new SeededRandom(1), cut(Buffer.alloc(2 * frame), [frame])))
  const other = new Secret(Buffer.alloc(32, 4))
  await assert.rejects(whole(openFrames(other, cut(sealed, [frame]))), { code: 'hub/file-damaged' })
  for (const end of [0, 15, 16, 20, 16 + frame + 16, sealed.length - 1])
    await assert.rejects(whole(openFrames(key, cut(sealed.subarray(0, end), [frame]))), { code: 'hub/file-damaged' }, `${end}`)
})
