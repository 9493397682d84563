import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Subject } from '#base'
import { authorization, parsed, someone } from '../../../test/policy-fixture.ts'
import { hubDevicesDocument } from './built-in.ts'
import { type PolicySet, compilePolicies } from './policy-set.ts'
import { type ShrinkProposal, type Use, openShrinking } from './shrink.ts'

/** The set with the proposal in force. */
function applied(set: PolicySet, proposal: ShrinkProposal): PolicySet {
  const changed = new Map(proposal.documents.map(({ name, text }) => [name, text]))
  const documents = set.documents.flatMap((document) => {
    const text = changed.get(document.name)
    return text === undefined ? [document] : text === null ? [] : parsed(text)
  })
  return compilePolicies(documents, set.version + 1)
}

const allows = (set: PolicySet, { subject, action, topic }: Use): boolean => {
  const bound = set.bind(subject)
  return (action === 'connect' ? bound.connect() : bound[action](topic)) !== undefined
}

test('rights that nobody used go, and what stays is what was used', () => {
  const text = authorization(
    'plant',
    `- {principals: {usernames: [a, b], attributes: [{role: x}]}, brokerResources: [{method: Connect}, {method: Publish, topics: ["t/#", "never/+", "t/one"]}, {method: Subscribe, topics: ["s/#"]}]}
- {principals: {usernames: [gone]}, brokerResources: [{method: Connect}, {method: Subscribe, topics: ["#"]}]}`,
  )
  const set = compilePolicies(parsed(text), 3)
  const shrinking = openShrinking(set)
  const a = someone('a')
  for (const topic of ['t/one', 't/x/1', 't/x/2']) shrinking.note({ subject: a, action: 'publish', topic })
  const { documents, uses, unexplained } = shrinking.propose()
  assert.deepEqual([uses, unexplained, documents.length], [3, 0, 1])
  assert.deepEqual(
    documents[0]?.cuts.map(({ rule, from, to }) => `${rule}: ${from} -> ${to.join(' ')}`),
    [
      'plant/0: Publish t/# -> t/x/1/# t/x/2/#',
      'plant/0: Publish never/+ -> ',
      'plant/0: {method: Subscribe, topics: ["s/#"]} -> ',
      'plant/0: usernames b -> ',
      'plant/0: attributes {"role":"x"} -> ',
      'plant/1: the whole rule -> ',
    ],
  )
  const [document] = parsed(documents[0]?.text ?? '')
  assert.deepEqual(document?.rules[0]?.brokerResources, [
    { method: 'Connect', clientIds: [] },
    { method: 'Publish', topics: ['t/x/1/#', 't/x/2/#', 't/one'] },
  ])
})

test('the built-in document shrinks to what devices really use', () => {
  const set = compilePolicies([hubDevicesDocument()], 0)
  const shrinking = openShrinking(set)
  for (const name of ['pump-1', 'pump-2'])
    shrinking.note({ subject: someone(name, name, {}, 'device'), action: 'publish', topic: `devices/${name}/messages/events/a=b` })
  const [document] = shrinking.propose().documents
  assert.deepEqual(parsed(document?.text ?? '')[0]?.rules[0]?.brokerResources, [
    { method: 'Connect', clientIds: [] },
    { method: 'Publish', topics: ['devices/{principal.username}/messages/events/#'] },
  ])
})

test('a pattern whose use is wide, ends at it or is a wildcard itself stays as it is', () => {
  const wide = Array.from({ length: 9 }, (_, n) => `t/${n}`)
  for (const uses of [wide, ['t'], ['t/{principal.username}']]) {
    const set = compilePolicies(
      parsed(
        authorization(
          'plant',
          '- {principals: {usernames: [a]}, brokerResources: [{method: Connect}, {method: Publish, topics: ["t/#"]}]}',
        ),
      ),
      1,
    )
    const shrinking = openShrinking(set)
    for (const topic of uses) shrinking.note({ subject: someone('a'), action: 'publish', topic })
    assert.deepEqual(shrinking.propose().documents, [], uses.join())
  }
})

test('nothing was used: all of it goes, and kept documents stay', () => {
  const set = compilePolicies(parsed(authorization('plant', '- {principals: {usernames: [a]}, brokerResources: [{method: Connect}]}')), 1)
  assert.deepEqual(
    openShrinking(set)
      .propose()
      .documents.map(({ name, text }) => [name, text]),
    [['plant', null]],
  )
  assert.deepEqual(openShrinking(set, ['plant']).propose().documents, [])
})

test('the tests of a document stay with it', () => {
  const text = `${authorization('plant', '- {principals: {usernames: [a]}, brokerResources: [{method: Connect}, {method: Publish, topics: [x]}]}').replace('mqttbroker.iotoperations.azure.com', 'mqttbroker.thingwall')}tests:\n  - {name: "a: b", as: {username: a, attributes: {s: n}}, deny: publish, topic: y}\n  - {as: {device: d}, deny: connect}\n`
  const set = compilePolicies(parsed(text), 1)
  const shrinking = openShrinking(set)
  shrinking.note({ subject: someone('a'), action: 'connect', topic: '' })
  const again = parsed(shrinking.propose().documents[0]?.text ?? '')
  assert.deepEqual(again[0]?.tests, set.documents[0]?.tests)
  assert.equal(again[0]?.rules[0]?.brokerResources.length, 1)
})

test('a stream of new topics costs no memory beyond the bounds', () => {
  const set = compilePolicies([hubDevicesDocument()], 0)
  const shrinking = openShrinking(set)
  const subject = someone('pump-1', 'pump-1', {}, 'device')
  for (let n = 0; n < 120_000; n++) shrinking.note({ subject, action: 'publish', topic: `devices/pump-1/${n}/${n}` })
  assert.equal(shrinking.propose().uses, 120_000)
})

const level = fc.constantFrom('a', 'b', 'c', '', '$s')
const patternText = fc
  .tuple(
    fc.array(fc.oneof(level, fc.constantFrom('+', '{principal.username}', '{principal.clientId}', '{principal.attributes.site}')), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.boolean(),
  )
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  .filter((text) => text !== '' && !text.startsWith('$share/'))
const resource = fc.oneof(
  fc
    .array(fc.constantFrom('a*', 'b', '*', '{principal.username}*'), { maxLength: 2 })
    .map((ids) => `{method: Connect, clientIds: ${JSON.stringify(ids)}}`),
  fc
    .tuple(fc.constantFrom('Publish', 'Subscribe'), fc.array(fc.oneof(patternText, fc.constant('#')), { minLength: 1, maxLength: 3 }))
    .map(([method, topics]) => `{method: ${method}, topics: ${JSON.stringify(topics)}}`),
)
const rule = fc
  .tuple(
    fc.subarray(['a', 'b'] as const),
    fc.subarray(['a', 'c'] as const),
    fc.subarray(['{site: n}', '{site: s, x: y}'] as const),
    fc.array(resource, { maxLength: 4 }),
  )
  .map(
    ([usernames, clientIds, attributes, resources]) =>
      `- {principals: {usernames: [${usernames.join(', ')}], clientIds: [${clientIds.join(', ')}], attributes: [${attributes.join(', ')}]}, brokerResources: [${resources.join(', ')}]}`,
  )
const subject: fc.Arbitrary<Subject> = fc
  .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('a', 'b', 'c', 'ab'), fc.constantFrom({}, { site: 'n' }, { site: 's', x: 'y' }))
  .map(([username, clientId, attributes]) => someone(username, clientId, attributes))
const asked = fc.array(fc.oneof(level, fc.constantFrom('+', '#')), { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const use: fc.Arbitrary<Use> = fc.record({ subject, action: fc.constantFrom('connect', 'publish', 'subscribe'), topic: asked })

test('a shrunk policy allows everything that was used, and nothing that was not allowed before', () => {
  let cuts = 0
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 4 }),
      fc.array(use, { maxLength: 12 }),
      fc.array(use, { maxLength: 12 }),
      (rules, tried, others) => {
        const set = compilePolicies(parsed(authorization('plant', rules.join('\n'))), 1)
        const uses = tried.filter((one) => allows(set, one) && (one.action !== 'publish' || !/[+#]/.test(one.topic)))
        const shrinking = openShrinking(set)
        for (const one of uses) shrinking.note(one)
        const proposal = shrinking.propose()
        const after = applied(set, proposal)
        cuts += proposal.documents.length
        for (const one of uses) {
          assert.ok(allows(after, one), `${one.action} ${one.topic} was used`)
          const connect = { ...one, action: 'connect' } as const
          assert.equal(allows(after, connect), allows(set, connect))
        }
        for (const one of [...tried, ...others]) if (allows(after, one)) assert.ok(allows(set, one), `${one.action} ${one.topic} is new`)
      },
    ),
    { numRuns: 3_000 },
  )
  assert.ok(cuts > 500)
})

test('a use that no rule explains keeps everything that could have allowed it', () => {
  const text = authorization(
    'plant',
    '- {principals: {attributes: [{site: n}]}, brokerResources: [{method: Connect}, {method: Publish, topics: ["t/{principal.clientId}/#", "u/#"]}]}',
  )
  const set = compilePolicies(parsed(text), 1)
  const shrinking = openShrinking(set)
  // The record does not say its attributes.
  shrinking.note({ subject: someone('x', 'c1'), action: 'publish', topic: 't/c1/a' })
  const proposal = shrinking.propose()
  assert.equal(proposal.unexplained, 2)
  assert.ok(allows(applied(set, proposal), { subject: someone('x', 'c1', { site: 'n' }), action: 'publish', topic: 't/c1/a' }))
  assert.deepEqual(
    proposal.documents[0]?.cuts.map(({ from }) => from),
    ['Publish u/#'],
  )
})

test('the operations of the hub are kept as they are: the journal does not see all of their topics', () => {
  const [document] = parsed(
    authorization(
      'devices',
      '[{principals: {attributes: [{thingwall.method: device}, {thingwall.method: module}]}, brokerResources: [{method: Publish, topics: ["$iothub/twin/GET/#", "unused/#"]}]}]',
    ),
  )
  assert.ok(document)
  const shrinking = openShrinking(compilePolicies([document], 1))
  assert.deepEqual(shrinking.propose().documents[0]?.cuts, [{ rule: 'devices/0', from: 'Publish unused/#', to: [] }])
})
