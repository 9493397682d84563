import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mistakeText, problemOf } from '../src/api/problem.ts'
import type { DenialGroup } from '../src/api/types.ts'
import { mergeDenials } from '../src/lib/denials.ts'
import { isDeviceId, summaryOf, toneOf } from '../src/lib/facts.ts'
import { lonely, silenceAfter, withGaps } from '../src/lib/gaps.ts'
import { withRule } from '../src/lib/rule-text.ts'

test('a line of a plot breaks where no sample came, and nowhere else', () => {
  assert.deepEqual(
    withGaps(
      [
        [1, 2, 3],
        [7, 8, 9],
      ],
      2,
    ),
    [
      [1, 2, 3],
      [7, 8, 9],
    ],
  )
  assert.deepEqual(
    withGaps(
      [
        [1, 2, 10, 11],
        [7, 8, 9, 10],
      ],
      2,
    ),
    [
      [1, 2, 6, 10, 11],
      [7, 8, null, 9, 10],
    ],
  )
  assert.deepEqual(withGaps([[], []], 2), [[], []])
})

test('silence is measured by how often a device usually speaks', () => {
  assert.equal(silenceAfter([0, 1, 2, 3]), 5)
  assert.equal(silenceAfter([0, 60, 120, 180, 900]), 240)
  assert.equal(silenceAfter([0]), 5)
  assert.equal(silenceAfter([]), 5)
})

test('a point alone between silences is drawn as a point', () => {
  assert.deepEqual(lonely([1, null, 2, null, 3, 4]), [0, 2])
  assert.deepEqual(lonely([1]), [0])
  assert.deepEqual(lonely([1, 2]), [])
})

function group(topic: string, count: number, offset: number): DenialGroup {
  const time = new Date(offset).toISOString()
  return { action: 'publish', topic, clientId: 'a', code: 'access/topic', count, first: time, last: time, decision: `d-${offset}`, offset }
}

test('denials of several pages become one group for each thing that was tried, the latest first', () => {
  const merged = mergeDenials([
    [group('x', 2, 90), group('y', 1, 80)],
    [group('z', 1, 40), group('x', 5, 30)],
  ])
  assert.deepEqual(
    merged.map(({ topic, count, offset, first, decision }) => [topic, count, offset, Date.parse(first), decision]),
    [
      ['x', 7, 90, 30, 'd-90'],
      ['y', 1, 80, 80, 'd-80'],
      ['z', 1, 40, 40, 'd-40'],
    ],
  )
})

test('a rule is put into the list of rules at its indentation, and only into a list that is there', () => {
  const document = 'spec:\n  rules: # ours\n    # the first\n    - name: a\n      principals: {}\ntests: []\n'
  const rule = '- principals: {}\n  brokerResources:\n    - {method: Connect}'
  assert.equal(
    withRule(document, rule),
    'spec:\n  rules: # ours\n    - principals: {}\n      brokerResources:\n        - {method: Connect}\n    # the first\n    - name: a\n      principals: {}\ntests: []\n',
  )
  for (const text of ['', '{"rules": []}', 'rules: []\n', 'rules:\n', 'rules:\n  a: b\n', 'rules: [{a: b}]\n'])
    assert.equal(withRule(text, rule), undefined, text)
})

test('each mistake of a refused text is told at its line, or at its place, or as it is', () => {
  const { errors } = problemOf(400, {
    code: 'access/policy-invalid',
    detail: 'There are 3 problems.',
    errors: [
      { line: 9, path: 'spec.rules[0]', code: 'topic-empty', message: 'A topic has at least one character.' },
      { path: 'metadata', code: 'missing-field', message: 'It has no name.' },
      { code: 'refused', message: 'No.' },
      'nonsense',
    ],
  })
  assert.deepEqual(errors.map(mistakeText), [
    'Line 9: A topic has at least one character. (topic-empty)',
    'metadata: It has no name. (missing-field)',
    'No. (refused)',
  ])
  assert.deepEqual(problemOf(400, { errors: 'x' }).errors, [])
})

const base = { offset: 1, time: '2026-01-01T00:00:00.000Z', device: 'a', clientId: 'a' }
const told: readonly (readonly [string, object, string])[] = [
  ['subscribed', { filters: ['a/#', 'b'] }, 'to a/#, b'],
  ['subscribed', { filters: ['1', '2', '3', '4', '5', '6', '7'], clientId: 'x' }, 'to 1, 2, 3, 4, 5 and 2 more · client x'],
  ['unsubscribed', { filters: ['a/#'] }, 'from a/#'],
  ['messages-dropped', { reason: 'policy', count: 3 }, '3 messages · policy'],
  [
    'policy-changed',
    {
      actor: 'operator:me',
      action: 'apply',
      names: ['site-rules'],
      version: 4,
      effect: { sessionsClosed: 1, subscriptionsRemoved: 2, messagesDropped: 0, retainedHidden: 0 },
    },
    'applied site-rules · version 4 · 1 session closed · 2 subscriptions removed · by operator:me',
  ],
  ['journal-damage', { segment: 's', first: 1, last: 2, reason: 'torn' }, 'offsets 1 to 2 · torn · s'],
]
for (const [kind, fields, line] of told)
  test(`a fact of the kind ${kind} reads "${line}"`, () => assert.equal(summaryOf({ ...base, kind, ...fields }), line))

test('a fact with fields of other shapes is still one line', () => {
  for (const [kind] of told)
    for (const odd of [null, 1, 'x', [], {}])
      assert.equal(typeof summaryOf({ ...base, kind, filters: odd, effect: odd, names: odd }), 'string')
})

test('colours follow what happened', () => {
  assert.equal(toneOf('recovered'), 'ok')
  assert.equal(toneOf('messages-dropped'), 'warn')
  assert.equal(toneOf('journal-damage'), 'bad')
})

test('only registered devices have a page', () => {
  assert.ok(isDeviceId('pump-1'))
  for (const id of ['x509:pump-1', 'sat:pump-1', 'custom:pump-1']) assert.ok(!isDeviceId(id))
})
