import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type SseEvent, SseReader } from './sse.ts'

const read = (...chunks: readonly string[]): readonly SseEvent[] => {
  const reader = new SseReader()
  return chunks.flatMap((chunk) => reader.push(Buffer.from(chunk)))
}

test('reads id, event and data of several lines [HTML 9.2.6]', () => {
  assert.deepEqual(read('id: 7\nevent: fact\ndata: a\ndata: b\n\n'), [{ id: '7', event: 'fact', data: 'a\nb' }])
})

test('comments and unknown fields are passed over, and the id stays until the next', () => {
  assert.deepEqual(read(': heartbeat\n\nretry: 5\nid: 1\ndata: a\n\n: x\ndata:b\n\n'), [
    { id: '1', event: 'message', data: 'a' },
    { id: '1', event: 'message', data: 'b' },
  ])
})

test('an event without data still tells its name', () => {
  assert.deepEqual(read('event: end\n\n'), [{ id: '', event: 'end', data: '' }])
})

test('an id with a NUL is not taken', () => {
  assert.deepEqual(read('id: a\0b\ndata: x\n\n'), [{ id: '', event: 'message', data: 'x' }])
})

test('a line without an end does not fill memory', () => {
  const reader = new SseReader()
  assert.throws(() => {
    for (let i = 0; i < 80; i++) reader.push(Buffer.alloc(64 * 1024, 'a'))
  }, RangeError)
})

test('events do not depend on how the network cut the bytes, nor on CR, LF or CR LF', () =>
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: fc.nat(), data: fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\r\n\0]/g, '')) }), {
        minLength: 1,
      }),
      fc.constantFrom('\n', '\r', '\r\n'),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (events, end, sizes) => {
        const bytes = Buffer.from(events.map(({ id, data }) => `id: ${id}${end}data: ${data}${end}${end}`).join('') + `:${end}`)
        const reader = new SseReader()
        const got: SseEvent[] = []
        for (let at = 0; at < bytes.length;) {
          const size = sizes.next().value ?? 1
          got.push(...reader.push(bytes.subarray(at, at + size)))
          at += size
        }
        assert.deepEqual(
          got,
          events.map(({ id, data }) => ({ id: String(id), event: 'message', data })),
        )
      },
    ),
  ))
