import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from './index.ts'

test('plain JSON comes through', () => assert.deepEqual(parseJson('{"a":[1,"x",null]}'), { ok: true, value: { a: [1, 'x', null] } }))

for (const [name, text, code] of [
  ['nesting beyond the limit', '['.repeat(17) + ']'.repeat(17), 'json/too-deep'],
  ['a million brackets', '['.repeat(1_000_000), 'json/too-deep'],
  ['__proto__ at depth', '{"a":[{"__proto__":{"x":1}}]}', 'json/forbidden-key'],
  ['__proto__ spelt with an escape', '{"\\u005f_proto__":1}', 'json/forbidden-key'],
  ['constructor', '{"constructor":{"prototype":{}}}', 'json/forbidden-key'],
  ['too many bytes', `"${'é'.repeat(600_000)}"`, 'json/too-large'],
  ['half a document', '{"a":', 'json/malformed'],
  ['nothing', '', 'json/malformed'],
] as const) {
  test(`refuses ${name}`, () => {
    const result = parseJson(text)
    assert.equal(result.ok ? 'accepted' : result.error.code, code)
  })
}

test('brackets inside strings are text', () => assert.equal(parseJson(`"${'['.repeat(100)}\\"["`).ok, true))
