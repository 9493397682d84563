import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { plain, plainJson, render, styled } from './line.ts'

// What a device could put into its name, a topic or a payload to take over the terminal of whoever looks.
const hostile: readonly (readonly [string, string])[] = [
  ['clears the screen', '\u001b[2J\u001b[H'],
  ['sets the window title', '\u001b]0;owned\u0007'],
  ['writes the clipboard', '\u001b]52;c;cm0gLXJmIC8=\u0007'],
  ['opens a sequence with one C1 byte', '\u009b31m'],
  ['moves back over the line', 'denied\rallowed'],
  ['erases by backspace', 'denied\b\b\b\b\b\ballowed'],
  ['forges a second line', 'x\nok everything is fine'],
  ['forges a second cell', 'a\tb'],
  ['reorders text by bidirectional override', 'pump-\u202egpj.exe'],
  ['hides text by zero width', 'pump\u200b-1'],
  ['hides text by tag characters', 'pump\u{e0041}'],
  ['breaks the line by a Unicode separator', 'a\u2028b'],
  ['is half a surrogate pair', 'a\ud800b'],
]

// oxlint-disable-next-line no-control-regex
const obeyed = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\u{e0000}-\u{e007f}]/u

for (const [what, text] of hostile) {
  test(`text that ${what} is written out, not obeyed`, () => {
    assert.doesNotMatch(plain(text), obeyed)
    assert.doesNotMatch(render(styled('red', text), false), obeyed)
    assert.doesNotMatch(plainJson({ name: text, [text]: 1 }), obeyed)
    assert.deepEqual(JSON.parse(plainJson({ name: text })), { name: text })
  })
}

test('no text whatever leaves anything that a terminal obeys', () =>
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !obeyed.test(plain(text)) && !obeyed.test(plainJson([text])))))

test('JSON reads back as what it was', () =>
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepEqual(JSON.parse(plainJson(value, 2)), JSON.parse(JSON.stringify(value))))))

test('colours are ours alone: they stand around text that is already escaped', () => {
  assert.equal(render(styled('red', 'a\u001b[0mb'), true), '\u001b[31ma\\u{1b}[0mb\u001b[39m')
  assert.equal(render(['plain ', styled('red', 'red')], false), 'plain red')
})

test('ordinary text of any language stays as it is', () => {
  for (const text of ['pump-1', 'línea 4', '温度', '🙂', 'a b']) assert.equal(plain(text), text)
})
