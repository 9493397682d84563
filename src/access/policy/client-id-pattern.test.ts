import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bindClientIdPattern, clientIdMatches } from './client-id-pattern.ts'

const bind = (text: string, value?: string) => {
  const bound = bindClientIdPattern(text, () => value)
  assert.ok(typeof bound !== 'string', bound.toString())
  return bound
}

for (const [pattern, clientId, expected] of [
  ['*', '', true],
  ['*', 'x', true],
  ['b22*', 'b22-s1', true],
  ['b22*', 'b2', false],
  ['*-s1', 'b22-s1', true],
  ['b*s*1', 'b22-s1', true],
  ['a*a', 'a', false],
  ['a*b*a', 'aba', true],
  ['a*b*a', 'aa', false],
  ['*ab*ab*', 'ab', false],
  ['*ab*ab*', 'xababx', true],
  ['ab*', 'AB', false],
  ['plain', 'plain', true],
  ['plain', 'plain1', false],
] as const) {
  test(`${JSON.stringify(pattern)} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(clientId)}`, () =>
    assert.equal(clientIdMatches(bind(pattern), clientId), expected))
}

test('tokens stand anywhere in a client identifier pattern, and are text', () => {
  assert.ok(clientIdMatches(bind('{t}*', 'b22'), 'b22-s1'))
  assert.ok(clientIdMatches(bind('x-{t}-y', 'a*b'), 'x-a*b-y'))
  assert.equal(clientIdMatches(bind('x-{t}-y', 'a*b'), 'x-aXb-y'), false)
  assert.equal(
    bindClientIdPattern('{t}*', () => ''),
    'rejected',
    'no building must not be every building',
  )
  assert.equal(
    bindClientIdPattern('{t}*', () => 'a\0'),
    'rejected',
  )
  assert.equal(
    bindClientIdPattern('{t}*', () => undefined),
    'missing',
  )
})

test('a matcher of one line agrees for every pattern and text', () => {
  const simple = (pattern: string, text: string): boolean => {
    if (pattern === '') return text === ''
    if (pattern.startsWith('*')) return simple(pattern.slice(1), text) || (text !== '' && simple(pattern, text.slice(1)))
    return text !== '' && pattern[0] === text[0] && simple(pattern.slice(1), text.slice(1))
  }
  const short = (...characters: readonly string[]) =>
    fc.array(fc.constantFrom(...characters), { maxLength: 8 }).map((list) => list.join(''))
  fc.assert(
    fc.property(short('a', 'b', '*'), short('a', 'b'), (pattern, text) =>
      assert.equal(clientIdMatches(bind(pattern), text), simple(pattern, text)),
    ),
    { numRuns: 20_000 },
  )
})

test('CVE-2026-44838: what a regular expression would read as one is compared as text, in bounded time', () => {
  const hostile = ['^(a+)+$', '(?:x+x+)+y', '[a-z', '.*', '\\', '(.*a){20}', 'a{1,99999}', '(?<=a)', '|', '$', '[[:alpha:]]']
  for (const text of hostile) {
    assert.ok(clientIdMatches(bind('{t}', text), text))
    assert.ok(clientIdMatches(bind('{t}*', text), `${text}-1`))
    for (const other of ['a', 'aaaa', 'xy', '', 'b'.repeat(100)]) assert.equal(clientIdMatches(bind('{t}', text), other), other === text)
  }
  const began = process.cpuUsage()
  const long = 'a'.repeat(65_000)
  for (const text of hostile) assert.equal(clientIdMatches(bind('{t}*', text), `${long}!`), false)
  assert.equal(clientIdMatches(bind('*a*a*a*a*a*a*a*b'), `${long}!`), false)
  assert.equal(clientIdMatches(bind(`*${'a'.repeat(1_000)}b*`), long), false)
  assert.ok(process.cpuUsage(began).user < 2_000_000)
})
