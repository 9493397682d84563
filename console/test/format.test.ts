import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, count, duration, fingerprint, measure, milliseconds, plural, receiptText, relative, toMs } from '../src/lib/format.ts'

test('a moment may be a number or RFC 3339 text', () => {
  assert.equal(toMs(5), 5)
  assert.equal(toMs('1970-01-01T00:00:01.000Z'), 1000)
  assert.ok(Number.isNaN(toMs('yesterday')))
})

const lengths: readonly (readonly [number, string])[] = [
  [0, '0 ms'],
  [999, '999 ms'],
  [1000, '1 s'],
  [59_999, '59 s'],
  [3_600_000, '1 h'],
  [86_400_000 * 29, '29 d'],
]
for (const [ms, text] of lengths) test(`a duration of ${ms} ms reads ${text}`, () => assert.equal(duration(ms), text))

test('a moment is told from now, in both directions', () => {
  assert.equal(relative(10_000, 10_400), 'now')
  assert.equal(relative(0, 240_000), '4 min ago')
  assert.equal(relative(86_400_000 * 3, 0), 'in 3 d')
  assert.equal(relative('nonsense', 0), 'unknown')
})

test('numbers stay short and exact enough to compare', () => {
  assert.equal(count(12_345), '12,345')
  assert.equal(count(3.14), '3.1')
  assert.equal(measure(21.456789), '21.46')
  assert.equal(milliseconds(0.423), '0.42')
  assert.equal(milliseconds(123.4), '123')
  assert.equal(bytes(1536), '1.5 KiB')
  assert.equal(bytes(90 * 1024 * 1024), '90 MiB')
  assert.equal(plural(1, 'device'), '1 device')
  assert.equal(plural(2, 'device'), '2 devices')
})

test('a fingerprint is shown in pairs, whichever way it came', () => {
  assert.equal(fingerprint('a1b2c3'), 'A1:B2:C3')
  assert.equal(fingerprint('A1:B2:C3'), 'A1:B2:C3')
})

test('a receipt says how many sessions ended, how fast and where', () => {
  assert.equal(
    receiptText({ closed: 3, of: 3, elapsedMs: 41.3, transports: { mqtts: 2, wss: 1 } }),
    'closed 3 of 3 in 41 ms (2 mqtts, 1 wss)',
  )
  assert.equal(receiptText({ closed: 0, of: 0, elapsedMs: 0, transports: {} }), 'no live session to close')
})
