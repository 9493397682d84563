import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differences, leaves, membersOf, mergePatch } from './difference.ts'

const members = (value: object) => new Map<string, unknown>(Object.entries(value))

test('differences name each path once, and take lists whole', () => {
  assert.deepEqual(differences(members({ a: 1, b: { c: 1, d: [1] }, e: 1 }), members({ a: 1, b: { c: 2, d: [1, 2] }, f: 1 })), [
    { path: 'b.c', from: 1, to: 2 },
    { path: 'b.d', from: [1], to: [1, 2] },
    { path: 'e', from: 1, to: undefined },
    { path: 'f', from: undefined, to: 1 },
  ])
})

test('a merge patch says what is gone by null, and nothing of what stayed [RFC 7396]', () => {
  const from = members({ a: 1, b: { c: 1, d: 2 }, e: { f: 1 }, g: 1 })
  assert.deepEqual(mergePatch(from, members({ a: 1, b: { c: 2 }, e: 5, h: {} })), { b: { c: 2, d: null }, e: 5, g: null, h: {} })
  assert.equal(mergePatch(from, from), undefined)
})

test('leaves are every value by its path; what is no object has no members', () => {
  assert.deepEqual(leaves(members({ a: { b: 1, c: {} }, d: [1] }), 'tags'), [
    ['tags.a.b', 1],
    ['tags.a.c', {}],
    ['tags.d', [1]],
  ])
  assert.deepEqual([membersOf([1]), membersOf(null), membersOf('x')], [undefined, undefined, undefined])
})
