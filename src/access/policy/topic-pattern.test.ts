import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { someone } from '../../../test/policy-fixture.ts'
import { withoutShare } from './bound-policy.ts'
import type { PolicyDocument } from './model.ts'
import { compilePolicies } from './policy-set.ts'
import { bindPattern, patternCovers, patternMatches } from './topic-pattern.ts'

/** Every sequence of 1 to `most` of these levels. */
function sequences(levels: readonly string[], most: number): readonly (readonly string[])[] {
  let last: readonly (readonly string[])[] = [[]]
  const all: (readonly string[])[] = []
  for (let length = 1; length <= most; length++) {
    last = last.flatMap((sequence) => levels.map((level) => [...sequence, level]))
    all.push(...last)
  }
  return all
}

/** MQTT 4.7, written another way than ours: by what is left of both. */
function matches(filter: readonly string[], topic: readonly string[], atStart = true): boolean {
  const [wanted, ...filterRest] = filter
  const [level, ...topicRest] = topic
  if (atStart && level?.startsWith('$') === true && (wanted === '#' || wanted === '+')) return false
  if (wanted === '#') return true
  if (wanted === undefined) return level === undefined
  // `a/#` also stands for `a`.
  if (level === undefined) return false
  if (wanted !== '+' && wanted !== level) return false
  if (topicRest.length === 0 && filterRest.length === 1 && filterRest[0] === '#') return true
  return matches(filterRest, topicRest, false)
}

const levels = ['a', 'b', '$s', '+']
const filters = [...sequences(levels, 3), ['#'], ...sequences(levels, 2).map((sequence) => sequence.concat('#'))]
const topics = sequences(['a', 'b', '$s', ''], 4)

test('covers agrees with brute force over 105 x 105 filters and 340 topics, but for # under +/# (edge.md 1.11)', () => {
  assert.deepEqual([filters.length, topics.length], [105, 340])
  const matched = filters.map((filter) => topics.map((topic) => matches(filter, topic)))
  const needless = new Set<string>()
  for (const [a, allowed] of filters.entries())
    for (const [r, requested] of filters.entries()) {
      const contained = matched[r]?.every((is, topic) => !is || matched[a]?.[topic] === true)
      const covered = patternCovers(allowed, requested)
      if (covered) assert.ok(contained, `${allowed.join('/')} must not cover ${requested.join('/')}`)
      else if (contained) needless.add(`${requested.join('/')} under ${allowed.join('/')}`)
    }
  assert.deepEqual([...needless], ['# under +/#'])
})

test('a pattern matches the topics that MQTT 4.7 says, $ topics only by name', () => {
  for (const filter of filters)
    for (const topic of topics)
      assert.equal(patternMatches(filter, topic), matches(filter, topic), `${filter.join('/')} on ${topic.join('/')}`)
})

const anyText = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('#', '+', 'a/b', '', 'a\0b', '$share', '{principal.username}', 'a#', '+b', '..'),
)

test('CVE-2017-7650: a token never becomes a wildcard or another level, whatever its value', () => {
  fc.assert(
    fc.property(anyText, fc.constantFrom('devices/{t}/#', '{t}/x', 'x/{t}', '{t}'), (value, text) => {
      const bound = bindPattern(text, () => value)
      if (typeof bound === 'string') return
      assert.equal(bound.length, text.split('/').length)
      assert.equal(bound[text.split('/').indexOf('{t}')], value)
      assert.doesNotMatch(value, /[/+#\0]|^$/)
    }),
    { numRuns: 5_000 },
  )
  assert.equal(
    bindPattern('devices/{nobody}/#', () => undefined),
    'missing',
  )
})

test('CVE-2017-7650: no user name, client id or attribute reaches beyond its own branch', () => {
  const topic = (text: string) => ({ method: 'Publish', topics: [text] }) as const
  const rule = {
    id: 'own/0',
    name: undefined,
    principals: { usernames: [], clientIds: [], attributes: [new Map([['thingwall.method', 'x509']])] },
    brokerResources: [
      topic('u/{principal.username}/t'),
      topic('c/{principal.clientId}/t'),
      topic('a/{principal.attributes.site}/t'),
      { method: 'Subscribe', topics: ['u/{principal.username}/#', 'c/{principal.clientId}/#', 'a/{principal.attributes.site}/#'] },
    ],
    stateStoreResources: [],
  } as const
  const document: PolicyDocument = {
    name: 'own',
    kind: 'BrokerAuthorization',
    apiVersion: '',
    namespace: undefined,
    cache: 'Enabled',
    rules: [rule],
    tests: [],
    text: '',
  }
  let rejected = 0
  const set = compilePolicies([document], 1, () => void (rejected += 1))
  fc.assert(
    fc.property(anyText, anyText, anyText, anyText, (username, clientId, site, asked) => {
      const bound = set.bind({ ...someone('x'), username, clientId, attributes: { site } })
      const own = new Map([
        ['u', username],
        ['c', clientId],
        ['a', site],
      ])
      for (const [branch, value] of own) {
        assert.equal(bound.publish(`${branch}/${asked}/t`) !== undefined, asked === value && !/[/+#\0]/.test(value) && value !== '')
        const filter = bound.subscribe(`${branch}/${asked}/#`)
        if (filter !== undefined) assert.equal(asked.split('/')[0], value)
        assert.equal(bound.subscribe(`${branch}/#`), undefined)
        assert.equal(bound.subscribe(`${branch}/+/t`), undefined)
      }
      assert.equal(bound.subscribe('#'), undefined)
    }),
    { numRuns: 5_000 },
  )
  assert.ok(rejected > 100, 'unsafe values are counted')
})

test('shared subscriptions are judged by the filter behind the group (edge.md 1.11)', () => {
  for (const [asked, filter] of [
    ['a/b', 'a/b'],
    ['$share/g/a/b', 'a/b'],
    ['$shared/g/a/b', 'a/b'],
    ['$share/g//a', '/a'],
    ['$share/g', undefined],
    ['$share/g/', undefined],
    ['$share/', undefined],
    ['$sharex/g/a', '$sharex/g/a'],
    ['$share', '$share'],
  ] as const)
    assert.equal(withoutShare(asked), filter, asked)
})
