import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '#wire/json'
import { checkTwinPart, checkTwinWeight, weightOf } from './twin-rules.ts'

/** `{"one":{"two":...}}`, so many objects below the section itself, a property in the last. */
function nested(levels: number, innermost: Json = 1): { readonly [key: string]: Json } {
  return { x: levels === 0 ? innermost : nested(levels - 1, innermost) }
}

const accepted: readonly (readonly [string, Json])[] = [
  ['ten levels', nested(10)],
  ['the largest integers', { a: 4_503_599_627_370_495, b: -4_503_599_627_370_496 }],
  ['fractions, and what rounds to none', { a: 1e-300, b: 0.1, c: -0 }],
  ['a string of 4 KB', { a: 'x'.repeat(4096) }],
  ['a key of 1 KB', { ['x'.repeat(1024)]: 1 }],
  ['arrays of anything but null', { a: [1, 'x', true, { b: [] }, []] }],
  ['null as a member: delete', { a: null, b: { c: null } }],
  ['keys that objects have of themselves', { toString: 1, hasOwnProperty: { valueOf: 2 } }],
  ['letters of any script', { 'größe-µ': '\u{1f321}' }],
]
for (const [name, value] of accepted)
  test(`a twin holds ${name} [azure-wire 2.10]`, () => assert.deepEqual(checkTwinPart('reported', value), { ok: true, value }))

const refused: readonly (readonly [string, Json, string?])[] = [
  ['eleven levels', nested(11)],
  ['eleven levels of arrays', { a: [[[[[[[[[[[1]]]]]]]]]]] }],
  ['an integer too large', { a: 4_503_599_627_370_496 }],
  ['an integer too small', { a: -4_503_599_627_370_497 }],
  ['1e300', { a: 1e300 }],
  ['infinity, as 1e999 is read', { a: JSON.parse('1e999') }],
  ['no number', { a: Number.NaN }],
  ['a string over 4 KB, counted in bytes', { a: 'é'.repeat(2049) }],
  ['a key over 1 KB, counted in bytes', { ['é'.repeat(513)]: 1 }],
  ['null in an array', { a: [1, null] }],
  ['null in an array in an array', { a: [[null]] }],
  ['a key with a dot', { 'a.b': 1 }],
  ['a key with a dollar', { $version: 1 }],
  ['a key with a space, deep', { a: [{ 'b c': 1 }] }],
  ['a key with a control character', { 'a\u0000b': 1 }],
  ['a key with a C1 control character', { 'a\u0085b': 1 }],
  ['an empty key', { '': 1 }],
  ['half a character in a key', { '\ud83c': 1 }],
  ['half a character in a string', { a: '\ud83c' }],
  ['__proto__', JSON.parse('{"a":{"__proto__":{"polluted":1}}}')],
  ['constructor', { constructor: { prototype: { polluted: 1 } } }],
  ['an array', [1]],
  ['text', 'x'],
  ['null', null],
  ['a megabyte', { a: Array.from({ length: 1_000 }, () => 'x'.repeat(1_000)) }, 'hub/twin-too-large'],
  ['a million empty arrays', { a: Array.from({ length: 1_000_000 }, () => []) }, 'hub/twin-too-large'],
  ['a million deletions', Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, null])), 'hub/twin-too-large'],
]
for (const [name, value, expected = 'hub/twin-malformed'] of refused)
  test(`no twin holds ${name} [azure-wire 2.10]`, () => {
    const outcome = checkTwinPart('desired', value)
    assert.equal(outcome.ok ? 'taken' : outcome.error.code, expected)
    assert.equal('polluted' in {}, false)
  })

test('a part weighs its keys and values, and each has its own bound [azure-wire 2.10]', () => {
  assert.equal(weightOf({ ab: 'é', n: 1, t: true, o: { x: [1, 2] } }), 2 + 2 + 1 + 8 + 1 + 4 + 1 + 1 + 16)
  const filled = (bytes: number) => ({
    ...Object.fromEntries(Array.from({ length: Math.floor(bytes / 1024) - 1 }, (_, n) => [`${100 + n}`, 'x'.repeat(1021)])),
    rest: 'x'.repeat(1020),
  })
  for (const [part, bytes] of [['tags', 8 * 1024] as const, ['desired', 32 * 1024] as const, ['reported', 32 * 1024] as const]) {
    assert.equal(weightOf(filled(bytes)), bytes)
    assert.equal(checkTwinWeight(part, filled(bytes)).ok, true)
    assert.equal(checkTwinWeight(part, { ...filled(bytes), a: '' }).ok, false)
  }
})
