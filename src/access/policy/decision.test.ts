import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseDeviceId } from '#base'
import { authorization, parsed, someone } from '../../../test/policy-fixture.ts'
import { hubDevicesDocument } from './built-in.ts'
import { type Question, deviceSubject, explain } from './decision.ts'
import { explainDenial } from './explain-denial.ts'
import type { PolicyDocument } from './model.ts'
import { compilePolicies } from './policy-set.ts'
import { simulate } from './simulate.ts'

const pump = parseDeviceId('pump-1')
assert.ok(pump.ok)
const subject = deviceSubject(pump.value)
const builtIn = compilePolicies([hubDevicesDocument()], 4)
const ask = (action: Question['action'], topic: string, standing: Question['standing'] = 'enabled') =>
  explain(builtIn, { subject, standing, action, topic }, 'd1')

test('a no names the rules that were looked at and the smallest change', () => {
  const decision = ask('publish', 'plant/other/x')
  assert.deepEqual([decision.id, decision.allowed, decision.rule, decision.version], ['d1', false, null, 4])
  assert.equal(
    decision.change,
    'Use a topic under devices/pump-1/#. Or apply a document with a rule that lets pump-1 publish plant/other/x.',
  )
  assert.deepEqual(decision.checked, [
    { rule: 'hub-devices/own-topics', topics: ['devices/pump-1/#'], matched: false },
    {
      rule: 'hub-devices/hub-operations',
      topics: ['$iothub/twin/GET/#', '$iothub/twin/PATCH/properties/reported/#', '$iothub/methods/res/#'],
      matched: false,
    },
  ])
  assert.deepEqual([decision.patch?.document, decision.patch?.isNew], ['site-rules', true])
})

test('a yes names its rule and asks for no change', () => {
  const decision = ask('subscribe', '$share/g/devices/pump-1/+')
  assert.deepEqual([decision.allowed, decision.rule, decision.change, decision.patch], [true, 'hub-devices/own-topics', null, null])
  assert.deepEqual([ask('connect', '').rule, ask('connect', '').topic], ['hub-devices/own-topics', null])
})

test('unknown and disabled devices may do nothing, and the reason says so', () => {
  assert.match(ask('connect', '', 'unknown').reason, /No device pump-1 is registered/)
  assert.match(ask('publish', 'devices/pump-1/x', 'disabled').reason, /disabled/)
  assert.equal(ask('publish', 'devices/pump-1/x', 'disabled').allowed, false)
})

test('the change adds a rule to the document that is there', () => {
  const set = compilePolicies([hubDevicesDocument(), ...parsed(authorization('plant-rules', '[]'))], 5)
  const { patch } = explain(
    set,
    { subject: someone('historian'), standing: 'foreign', action: 'subscribe', topic: '$share/g/plant/#' },
    'd2',
  )
  assert.deepEqual(patch, {
    document: 'plant-rules',
    isNew: false,
    yaml: '- principals: {usernames: ["historian"]}\n  brokerResources:\n    - {method: Subscribe, topics: ["plant/#"]}',
  })
})

test('what no rule can name is said to be so', () => {
  for (const topic of ['', '#/a', 'a\0', 'a+b', '{principal.username}', '$share/g'])
    assert.equal(ask('subscribe', topic).patch, null, topic)
  assert.equal(ask('publish', 'a/+').patch, null)
})

const level = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.constantFrom('a', '', '+', '#', '$share', '{principal.clientId}', '"', 'ü', '- x', ': y'),
)
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const identity = fc.record({
  username: fc.constantFrom('u', 'pump-1', 'a.b'),
  clientId: fc.oneof(fc.string({ minLength: 1, maxLength: 6 }), fc.constantFrom('c', '*', '{x}', 'a"b')),
  method: fc.constantFrom('device', 'x509', 'sat', 'custom'),
})
const others = [
  parsed(authorization('others', '- {principals: {usernames: [u]}, brokerResources: [{method: Publish, topics: ["a/+"]}]}')),
  [],
]

test('the change that a no proposes turns exactly this no into a yes, when it is applied as it is written', () => {
  let changed = 0
  fc.assert(
    fc.property(
      identity,
      topic,
      fc.constantFrom('connect', 'publish', 'subscribe', 'receive'),
      fc.constantFrom(...others),
      (who, topic, action, documents) => {
        const asked = { subject: someone(who.username, who.clientId, {}, who.method), standing: 'enabled', action, topic } as const
        const { allowed, patch } = explain(compilePolicies(documents, 1), asked, 'x')
        if (allowed || patch === null) return
        changed += 1
        const indented = patch.yaml.replaceAll(/^/gm, '      ')
        const after: readonly PolicyDocument[] = patch.isNew
          ? [...documents, ...parsed(patch.yaml)]
          : parsed(`${documents[0]?.text.trimEnd() ?? ''}\n${indented}\n`)
        assert.equal(explain(compilePolicies(after, 2), asked, 'y').allowed, true)
        const stranger = { ...asked, subject: someone('stranger', 'someone-else', {}, who.method) }
        assert.equal(explain(compilePolicies(after, 2), stranger, 'z').allowed, false)
      },
    ),
    { numRuns: 3_000 },
  )
  assert.ok(changed > 500)
})

test('a denial in the journal answers later with the same inputs', () => {
  const fact = {
    device: 'x509:historian',
    clientId: 'h1',
    action: 'subscribe',
    topic: 'plant/#',
    decision: 'c1/7',
    username: 'historian',
    attributes: { site: 'a=b', x: '' },
    policy: 2,
  } as const
  const set = compilePolicies(
    parsed(
      authorization(
        'plant-rules',
        '- {principals: {attributes: [{site: "a=b"}]}, brokerResources: [{method: Subscribe, topics: ["plant/#"]}]}',
      ),
    ),
    3,
  )
  const now = explainDenial(set, fact, 'foreign')
  assert.ok(now.ok)
  assert.deepEqual([now.value.id, now.value.allowed, now.value.rule], ['c1/7', true, 'plant-rules/0'])
  assert.match(now.value.reason, /The policy was version 2 when it was denied, and is version 3 now/)
  const old = explainDenial(
    builtIn,
    { device: 'pump-1', clientId: 'pump-1', action: 'publish', topic: 'plant/x', decision: 'c2/1' },
    'enabled',
  )
  assert.ok(old.ok)
  assert.deepEqual([old.value.allowed, old.value.subject.username], [false, 'pump-1'])
  assert.equal(explainDenial(builtIn, { ...fact, device: 'a/b' }, 'foreign').ok, false)
})

test('tests of a policy: who they speak of, and what they expect', () => {
  const text = `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: plant-rules}
spec:
  authorizationPolicies:
    rules:
      - {principals: {attributes: [{site: north}]}, brokerResources: [{method: Connect, clientIds: ["n-*"]}, {method: Subscribe, topics: ["plant/#"]}]}
tests:
  - {as: {username: h, clientId: n-1, attributes: {site: north}}, allow: connect}
  - {as: {username: h, clientId: s-1, attributes: {site: north}}, deny: connect}
  - {as: {username: h, attributes: {site: north}}, allow: receive, topic: plant/a}
  - {as: {device: pump-1}, deny: publish, topic: plant/a}
  - {name: wrong, as: {device: pump-1}, allow: publish, topic: plant/a}
`
  const documents = parsed(text)
  const outcomes = simulate(compilePolicies(documents, 1), documents[0]?.tests ?? [])
  assert.deepEqual(
    outcomes.map(({ passed, test }) => `${test.id} ${passed}`),
    [
      'plant-rules/tests[0] true',
      'plant-rules/tests[1] true',
      'plant-rules/tests[2] true',
      'plant-rules/tests[3] true',
      'plant-rules/tests[4] false',
    ],
  )
})
