import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assignmentsOf, pairsOf } from './assignments.ts'

const read = (...words: readonly string[]) => assignmentsOf(words, ['tags', 'desired'])

test('words become one object: JSON where it can be read as such, text otherwise, null to delete', () => {
  assert.deepEqual(read('desired.a=5', 'desired.b.c=true', 'desired.b.d=x=y', 'tags.site=north', 'desired.e=null', 'desired.f="5"'), {
    ok: true,
    value: { desired: { a: 5, b: { c: true, d: 'x=y' }, e: null, f: '5' }, tags: { site: 'north' } },
  })
})

for (const words of [
  ['a=5'],
  ['desired=5'],
  ['desired.a'],
  ['=5'],
  ['desired..a=5'],
  ['desired.__proto__.x=1'],
  ['desired.constructor=1'],
  ['desired.a=1', 'desired.a=2'],
  ['desired.a=1', 'desired.a.b=2'],
  ['desired.a.b=1', 'desired.a=2'],
])
  test(`${words.join(' ')} is a mistake of the caller's, and changes no prototype`, () => {
    const outcome = read(...words)
    assert.deepEqual(!outcome.ok && outcome.error.exit, 2)
    assert.equal(Object(Object.prototype).x, undefined)
  })

test('pairs keep their values as text', () => {
  assert.deepEqual(pairsOf(['a=1', 'b=x=y', 'c='], '--label'), { ok: true, value: { a: '1', b: 'x=y', c: '' } })
  assert.equal(pairsOf(['=1'], '--label').ok, false)
})
