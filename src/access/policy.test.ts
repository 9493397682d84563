import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DeviceId, parseDeviceId } from '#base'
import { explain, tokenValues } from './decision.ts'
import { allowingRule, bindPolicy, builtInPolicy } from './policy.ts'
import { bindPattern, patternCovers, patternMatches } from './topic-pattern.ts'

const device = (text: string): DeviceId => {
  const id = parseDeviceId(text)
  assert.ok(id.ok)
  return id.value
}
const pump = device('pump-1')
const bound = bindPolicy(builtInPolicy, tokenValues(pump))

for (const [topic, publish, subscribe] of [
  ['devices/pump-1/messages/events/', true, true],
  ['devices/pump-1/messages/events/a=b', true, true],
  ['devices/pump-1', true, true],
  ['devices/pump-1/#', true, true],
  ['devices/pump-1/+/x', true, true],
  ['devices/pump-10/messages/events/', false, false],
  ['devices/+/messages/events/', false, false],
  ['devices/#', false, false],
  ['#', false, false],
  ['+/#', false, false],
  ['$share/x/#', false, false],
  ['$share/x/devices/pump-1/a', false, true],
  ['$share/x', false, false],
  ['$SYS/#', false, false],
  ['$iothub/twin/res/#', false, false],
  ['', false, false],
] as const) {
  test(`built-in policy: publish ${publish}, subscribe ${subscribe} on "${topic}"`, () => {
    assert.equal(allowingRule(bound, 'publish', topic) !== undefined, publish)
    assert.equal(allowingRule(bound, 'subscribe', topic) !== undefined, subscribe)
  })
}

test('CVE-2017-7650: a token never becomes a wildcard', () => {
  for (const value of ['#', '+', 'a/b', '', 'a\0b'])
    assert.equal(bindPattern('devices/{device}/#', new Map([['device', value]])), undefined)
  assert.equal(bindPattern('devices/{nobody}/#', new Map()), undefined)
})

test('CVE-2018-12550: an empty policy allows nothing', () => {
  const empty = bindPolicy({ rules: [] }, tokenValues(pump))
  assert.equal(allowingRule(empty, 'publish', 'devices/pump-1/x'), undefined)
  assert.equal(allowingRule(empty, 'subscribe', 'devices/pump-1/x'), undefined)
})

test('a covered filter matches no topic that its pattern does not match', () => {
  const level = fc.constantFrom('a', 'b', '', '+', '$s')
  const text = fc
    .tuple(fc.array(level, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  const topics = fc.array(fc.constantFrom('a', 'b', '', '$s'), { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
  fc.assert(
    fc.property(text, text, topics, (patternText, filter, topic) => {
      const pattern = bindPattern(patternText, new Map())
      assert.ok(pattern)
      if (patternCovers(pattern, filter) && patternMatches(filter.split('/'), topic)) assert.ok(patternMatches(pattern, topic))
    }),
    { numRuns: 20_000 },
  )
})

test('a no names the rules that were looked at and the smallest change', () => {
  const decision = explain(builtInPolicy, { device: pump, known: true, enabled: true }, 'publish', 'plant/other/x')
  assert.equal(decision.allowed, false)
  assert.equal(decision.rule, null)
  assert.match(decision.change ?? '', /devices\/pump-1\/#.*allows publish on plant\/other\/x/)
  assert.deepEqual(decision.checked, [{ rule: 'own-topics', topics: ['devices/pump-1/#'], matched: false }])
})

test('unknown and disabled devices may do nothing, and the reason says so', () => {
  assert.match(explain(builtInPolicy, { device: pump, known: false, enabled: false }, 'connect', '').reason, /No device/)
  assert.match(explain(builtInPolicy, { device: pump, known: true, enabled: false }, 'publish', 'devices/pump-1/x').reason, /disabled/)
})
