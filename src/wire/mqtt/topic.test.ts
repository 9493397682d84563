import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { topicFilter, topicName } from '../../../test/arbitrary-packet.ts'
import { TopicCache } from './topic-cache.ts'
import { matches, parseTopicFilter, parseTopicName, topicLevels } from './topic.ts'

const codeOf = (result: ReturnType<typeof parseTopicFilter> | ReturnType<typeof parseTopicName>) => (result.ok ? 'ok' : result.error.code)

const names: readonly (readonly [topic: string, code: string])[] = [
  ['a', 'ok'],
  ['/', 'ok'],
  ['a//b', 'ok'],
  [' ', 'ok'],
  ['$SYS/uptime', 'ok'],
  ['$share/g/t', 'ok'],
  ['Ärger/€/\u{1f600}', 'ok'],
  ['/'.repeat(31), 'ok'],
  ['/'.repeat(32), 'wire/topic-too-deep'],
  ['', 'wire/topic-empty'],
  ['#', 'wire/topic-has-wildcard'],
  ['a/+/b', 'wire/topic-has-wildcard'],
  ['a\0', 'wire/topic-has-control-character'],
  ['a\n', 'wire/topic-has-control-character'],
  ['a\u009f', 'wire/topic-has-control-character'],
  ['a\ud800', 'wire/topic-not-well-formed'],
  ['a'.repeat(65_535), 'ok'],
  ['a'.repeat(65_536), 'wire/topic-too-long'],
  ['€'.repeat(21_845), 'ok'],
  ['€'.repeat(21_846), 'wire/topic-too-long'],
]
for (const [topic, code] of names)
  test(`topic name ${JSON.stringify(topic.slice(0, 40))} of ${topic.length}: ${code} [MQTT-4.7]`, () =>
    assert.equal(codeOf(parseTopicName(topic)), code))

const filters: readonly (readonly [filter: string, code: string])[] = [
  ['#', 'ok'],
  ['+', 'ok'],
  ['a/#', 'ok'],
  ['+/a/+/#', 'ok'],
  ['/+', 'ok'],
  ['a/b', 'ok'],
  ['', 'wire/topic-empty'],
  ['a#', 'wire/filter-wildcard-not-a-level'],
  ['#/a', 'wire/filter-hash-not-last'],
  ['##', 'wire/filter-hash-not-last'],
  ['a+', 'wire/filter-wildcard-not-a-level'],
  ['+a', 'wire/filter-wildcard-not-a-level'],
  ['a/++', 'wire/filter-wildcard-not-a-level'],
  ['$share/g/t', 'ok'],
  ['$share/g//', 'ok'],
  ['$share/g/#', 'ok'],
  ['$sharex/g', 'ok'],
  ['$share', 'wire/filter-share-name-empty'],
  ['$share/', 'wire/filter-share-name-empty'],
  ['$share//t', 'wire/filter-share-name-empty'],
  ['$share/g', 'wire/filter-share-without-filter'],
  ['$share/g/', 'wire/filter-share-without-filter'],
  ['$share/+/t', 'wire/filter-share-name-has-wildcard'],
  ['$share/g#/t', 'wire/filter-share-name-has-wildcard'],
  ['$share/g\n/t', 'wire/topic-has-control-character'],
  ['$share/g/a#', 'wire/filter-wildcard-not-a-level'],
  ['$share/g/' + '/'.repeat(31), 'ok'],
  ['$share/g/' + '/'.repeat(32), 'wire/topic-too-deep'],
]
for (const [filter, code] of filters)
  test(`topic filter ${JSON.stringify(filter)}: ${code} [MQTT-4.7, MQTT-4.8.2]`, () => assert.equal(codeOf(parseTopicFilter(filter)), code))

test('a shared subscription is taken apart [MQTT-4.8.2-2]', () => {
  const shared = parseTopicFilter('$share/consumers/plant/+/t')
  assert.deepEqual(shared, { ok: true, value: { text: '$share/consumers/plant/+/t', filter: 'plant/+/t', group: 'consumers' } })
  assert.deepEqual(parseTopicFilter('a/#'), { ok: true, value: { text: 'a/#', filter: 'a/#', group: undefined } })
})

test('levels are what stands between slashes, empty ones too', () => assert.deepEqual(topicLevels('a//b/'), ['a', '', 'b', '']))

const pairs: readonly (readonly [filter: string, topic: string, match: boolean])[] = [
  ['a/b', 'a/b', true],
  ['a/b', 'a/B', false],
  ['a/b', 'a', false],
  ['a', 'a/b', false],
  ['a', 'ab', false],
  ['ab', 'a', false],
  ['#', 'a/b/c', true],
  ['#', '/', true],
  ['a/#', 'a', true],
  ['a/#', 'a/', true],
  ['a/#', 'a/b/c', true],
  ['a/#', 'ab', false],
  ['a/#', 'b', false],
  ['a/b/#', 'a', false],
  ['+', 'a', true],
  ['+', '/', false],
  ['+', 'a/b', false],
  ['+/+', '/', true],
  ['/+', '/a', true],
  ['+', '/a', false],
  ['a/+/c', 'a/b/c', true],
  ['a/+/c', 'a//c', true],
  ['a/+/c', 'a/b/d', false],
  ['a/+', 'a', false],
  ['a/+', 'a/', true],
  ['a/+/#', 'a', false],
  ['a/+/#', 'a/b', true],
  ['+/#', 'a', true],
  ['a/b/+', 'a/b', false],
  ['#', '$SYS/a', false],
  ['+/a', '$SYS/a', false],
  ['+/#', '$SYS/a', false],
  ['$SYS/#', '$SYS/a', true],
  ['$SYS/#', '$SYS', true],
  ['$SYS/+', '$SYS/a', true],
  ['a/#', 'a/$b', true],
  ['a/+', 'a/$b', true],
]
for (const [filter, topic, match] of pairs)
  test(`${filter} ${match ? 'matches' : 'does not match'} ${topic} [MQTT-4.7.1, MQTT-4.7.2-1]`, () =>
    assert.equal(matches(filter, topic), match))

/** The rule as the standard tells it, level by level, to hold the one-pass matcher against. */
function slowMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  const wanted = filter.split('/')
  const given = topic.split('/')
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true
    if (i >= given.length || (level !== '+' && level !== given[i])) return false
  }
  return wanted.length === given.length
}

test('matching by characters is matching by levels', () => {
  const few = fc.array(fc.constantFrom('', 'a', 'b', '$a', 'aa'), { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
  const wild = fc
    .tuple(fc.array(fc.constantFrom('', 'a', 'b', '+', '$a'), { maxLength: 4 }), fc.boolean())
    .map(([levels, all]) => [...levels, ...(all ? ['#'] : [])].join('/'))
    .filter((filter) => filter !== '')
  fc.assert(
    fc.property(wild, few, (filter, topic) => topic === '' || assert.equal(matches(filter, topic), slowMatches(filter, topic))),
    { numRuns: 5_000 },
  )
})

test('what the arbitrary topics promise holds, and every name is a filter for itself', () =>
  fc.assert(
    fc.property(topicName, topicFilter, (name, filter) => {
      assert.equal(codeOf(parseTopicName(name)), 'ok')
      assert.equal(codeOf(parseTopicFilter(filter)), 'ok')
      assert.ok(matches(name, name))
    }),
  ))

test('a topic read from bytes is the topic parsed from text, yes and no alike', () => {
  const cache = new TopicCache(4, 65_535)
  const anything = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '+', '#', '\0', '\n', 'é', '\u{1f600}', '\x7f'),
    minLength: 1,
    maxLength: 9,
  })
  fc.assert(
    fc.property(anything, (text) => {
      const parsed = parseTopicName(text, 4)
      for (let time = 0; time < 3; time++) {
        const bytes = Buffer.from(`xx${text}yy`)
        const read = cache.read(bytes, 2, bytes.length - 2)
        assert.equal(typeof read === 'string' ? read : 'no', parsed.ok ? parsed.value : 'no')
      }
    }),
    { numRuns: 2_000 },
  )
})
