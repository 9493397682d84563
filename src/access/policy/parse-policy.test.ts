import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authorization } from '../../../test/policy-fixture.ts'
import { parsePolicies } from './parse-policy.ts'

const problems = (text: string): readonly string[] => {
  const read = parsePolicies(text)
  return read.ok ? [] : read.error.problems.map(({ path, code }) => `${path} ${code}`)
}
const at = 'spec.authorizationPolicies.rules[0]'
const resource = (text: string) => authorization('plant', `- {principals: {usernames: [u]}, brokerResources: [${text}]}`)
const principals = (text: string) => authorization('plant', `- {principals: ${text}, brokerResources: [{method: Connect}]}`)
const ours = (text: string) => text.replace('mqttbroker.iotoperations.azure.com/v1', 'mqttbroker.thingwall/v1')

for (const [name, text, expected] of [
  ['topics on Connect', resource('{method: Connect, topics: [a]}'), `${at}.brokerResources[0].topics topics-on-connect`],
  ['no topics on Publish', resource('{method: Publish}'), `${at}.brokerResources[0].topics topics-missing`],
  ['an empty list of topics on Subscribe', resource('{method: Subscribe, topics: []}'), `${at}.brokerResources[0].topics topics-missing`],
  [
    'client ids on Publish',
    resource('{method: Publish, topics: [a], clientIds: [b]}'),
    `${at}.brokerResources[0].clientIds client-ids-not-on-connect`,
  ],
  [
    'a token that is not alone',
    resource('{method: Publish, topics: ["client-{principal.clientId}/#"]}'),
    `${at}.brokerResources[0].topics[0] token-not-alone`,
  ],
  [
    'two tokens in a level',
    resource('{method: Publish, topics: ["{principal.clientId}{principal.username}"]}'),
    `${at}.brokerResources[0].topics[0] token-not-alone`,
  ],
  ['# before the end', resource('{method: Publish, topics: ["a/#/b"]}'), `${at}.brokerResources[0].topics[0] hash-not-last`],
  ['# beside text', resource('{method: Publish, topics: ["a/b#"]}'), `${at}.brokerResources[0].topics[0] wildcard-not-alone`],
  ['+ beside text', resource('{method: Publish, topics: ["a/+b"]}'), `${at}.brokerResources[0].topics[0] wildcard-not-alone`],
  ['an empty topic', resource('{method: Publish, topics: [ok, ""]}'), `${at}.brokerResources[0].topics[1] topic-empty`],
  ['an unknown token', resource('{method: Publish, topics: ["a/{principal.name}/b"]}'), `${at}.brokerResources[0].topics[0] token-unknown`],
  [
    'a token without an attribute',
    resource('{method: Publish, topics: ["{principal.attributes.}"]}'),
    `${at}.brokerResources[0].topics[0] token-unknown`,
  ],
  [
    'an unknown token in a client id',
    resource('{method: Connect, clientIds: ["{clientId}*"]}'),
    `${at}.brokerResources[0].clientIds[0] token-unknown`,
  ],
  ['an empty client id', resource('{method: Connect, clientIds: [""]}'), `${at}.brokerResources[0].clientIds[0] client-id-empty`],
  [
    'a client id of stars',
    resource(`{method: Connect, clientIds: ["${'a*'.repeat(9)}"]}`),
    `${at}.brokerResources[0].clientIds[0] too-many-stars`,
  ],
  ['a shared subscription', resource('{method: Subscribe, topics: ["$share/g/a"]}'), `${at}.brokerResources[0].topics[0] topic-shared`],
  ['NUL in a topic', resource('{method: Publish, topics: ["a\\0b"]}'), `${at}.brokerResources[0].topics[0] bad-text`],
  ['half a character in a topic', resource('{method: Publish, topics: ["\\uD800"]}'), `${at}.brokerResources[0].topics[0] bad-text`],
  [
    'a topic with too many levels',
    resource(`{method: Publish, topics: ["${'a/'.repeat(40)}a"]}`),
    `${at}.brokerResources[0].topics[0] topic-too-deep`,
  ],
  ['a long topic', resource(`{method: Publish, topics: ["${'a'.repeat(2_000)}"]}`), `${at}.brokerResources[0].topics[0] too-long`],
  ['a number as topic', resource('{method: Publish, topics: [7]}'), `${at}.brokerResources[0].topics[0] wrong-type`],
  ['an unknown method', resource('{method: publish, topics: [a]}'), `${at}.brokerResources[0].method unknown-word`],
  ['no method', resource('{topics: [a]}'), `${at}.brokerResources[0].method missing-field`],
  ['an unknown field of a resource', resource('{method: Connect, topic: a}'), `${at}.brokerResources[0].topic unknown-field`],
  ['an unknown list of principals', principals('{users: [a]}'), `${at}.principals.users unknown-field`],
  ['attributes that are everyone', principals('{attributes: [{}]}'), `${at}.principals.attributes[0] attributes-empty`],
  ['an empty user name', principals('{usernames: [""]}'), `${at}.principals.usernames[0] name-empty`],
  ['an attribute that is a number', principals('{attributes: [{floor: 3}]}'), `${at}.principals.attributes[0].floor wrong-type`],
  ['no principals', authorization('plant', '- {brokerResources: []}'), `${at}.principals missing-field`],
  ['no resources', authorization('plant', '- {principals: {}}'), `${at}.brokerResources missing-field`],
  ['a rule that is a text', authorization('plant', '- rule'), `${at} wrong-type`],
  [
    'the old spelling of cache',
    authorization('plant', '[]').replace('rules:', 'enableCache: true\n    rules:'),
    'spec.authorizationPolicies.enableCache unknown-field',
  ],
  [
    'an unknown cache',
    authorization('plant', '[]').replace('rules:', 'cache: "yes"\n    rules:'),
    'spec.authorizationPolicies.cache unknown-word',
  ],
  ['no policies', authorization('plant', '[]').replace(/ {2}authorizationPolicies[^]*$/, '  x: 1\n'), 'spec.x unknown-field'],
  ['a bad name', authorization('Plant', '[]'), 'metadata.name bad-name'],
  [
    'the name of a rule outside our group',
    authorization('plant', '- {name: a, principals: {}, brokerResources: []}'),
    `${at}.name unknown-field`,
  ],
  [
    'two rules of one name',
    ours(authorization('plant', '- {name: a, principals: {}, brokerResources: []}\n- {name: a, principals: {}, brokerResources: []}')),
    'spec.authorizationPolicies.rules[1].name name-twice',
  ],
  ['two documents of one name', `${authorization('plant', '[]')}---\n${authorization('plant', '[]')}`, 'metadata.name name-twice'],
  ['another kind', authorization('plant', '[]').replace('BrokerAuthorization', 'BrokerListener'), 'kind unknown-word'],
  ['tests outside our group', `${authorization('plant', '[]')}tests: []\n`, 'tests unknown-field'],
  [
    'a binary key that is not base64',
    authorization('plant', '- {principals: {}, brokerResources: [], stateStoreResources: [{method: Read, keyType: Binary, keys: ["?"]}]}'),
    `${at}.stateStoreResources[0].keys[0] key-not-base64`,
  ],
  [
    'a key without a type',
    authorization('plant', '- {principals: {}, brokerResources: [], stateStoreResources: [{method: Read, keys: [a]}]}'),
    `${at}.stateStoreResources[0].keyType missing-field`,
  ],
] as const) {
  test(`a policy is refused for ${name} (edge.md 1.18)`, () => assert.ok(problems(text).includes(expected), problems(text).join('; ')))
}

for (const [name, test_, expected] of [
  ['neither allow nor deny', '{as: {device: a}, topic: x}', 'allow-or-deny'],
  ['both', '{as: {device: a}, allow: publish, deny: publish, topic: x}', 'allow-or-deny'],
  ['no topic', '{as: {device: a}, allow: publish}', 'topics-missing'],
  ['a topic to connect', '{as: {device: a}, allow: connect, topic: x}', 'topics-on-connect'],
  ['nobody', '{allow: connect}', 'missing-field'],
  ['somebody without a name', '{as: {clientId: a}, allow: connect}', 'missing-field'],
  ['a device that cannot be one', '{as: {device: "a/b"}, allow: connect}', 'bad-name'],
  ['device and user name at once', '{as: {device: a, username: a}, allow: connect}', 'device-or-username'],
  [
    'an attribute that only the hub can say',
    '{as: {username: a, attributes: {thingwall.method: device}}, allow: connect}',
    'attribute-reserved',
  ],
] as const) {
  test(`a test of a policy is refused that says ${name}`, () => {
    const text = `apiVersion: mqttbroker.thingwall/v1\nkind: PolicyTests\nmetadata: {name: promises}\nspec: {tests: [${test_}]}\n`
    assert.ok(
      problems(text).some((problem) => problem.endsWith(` ${expected}`)),
      problems(text).join('; '),
    )
  })
}

test('everything that is wrong is found at once, in every document', () => {
  const text = `${resource('{method: Publish, topics: ["", "a#"]}')}---\n${resource('{method: Connect, topics: [a]}').replace('plant', 'other')}`
  assert.deepEqual(problems(text), [
    `document[0].${at}.brokerResources[0].topics[0] topic-empty`,
    `document[0].${at}.brokerResources[0].topics[1] wildcard-not-alone`,
    `document[1].${at}.brokerResources[0].topics topics-on-connect`,
  ])
})

test('a document of the modelled product loads unchanged, as YAML and as JSON, of both versions', () => {
  const text = authorization(
    'plant',
    '- {principals: {usernames: [u], clientIds: [c], attributes: [{a: b}]}, brokerResources: [{method: Connect, clientIds: ["{principal.attributes.a}*"]}, {method: Publish, topics: ["a/{principal.clientId}/+/#"]}], stateStoreResources: [{method: ReadWrite, keyType: Pattern, keys: ["s/{principal.clientId}/*"]}, {method: Read, keyType: Binary, keys: [AQID]}]}',
  )
  const read = parsePolicies(text)
  assert.ok(read.ok, JSON.stringify(read))
  assert.deepEqual(
    read.value[0]?.rules[0]?.stateStoreResources.map(({ keyType, keys }) => [keyType, keys]),
    [
      ['Pattern', ['s/{principal.clientId}/*']],
      ['Binary', ['AQID']],
    ],
  )
  const json = JSON.stringify({
    apiVersion: 'mqttbroker.iotoperations.azure.com/v1beta1',
    kind: 'BrokerAuthorization',
    metadata: { name: 'plant', namespace: 'azure-iot-operations', labels: { a: 'b' } },
    spec: { authorizationPolicies: { cache: 'Disabled' } },
  })
  const other = parsePolicies(json)
  assert.deepEqual(other.ok && [other.value[0]?.cache, other.value[0]?.rules], ['Disabled', []])
})
