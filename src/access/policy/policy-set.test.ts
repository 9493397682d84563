import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authorization, parsed, someone } from '../../../test/policy-fixture.ts'
import { hubChecksDocument, hubDevicesDocument } from './built-in.ts'
import { compilePolicies } from './policy-set.ts'

const builtIn = compilePolicies([hubDevicesDocument(), hubChecksDocument(['thingwall-probe'])], 0)
const pump = builtIn.bind(someone('pump-1', 'pump-1', {}, 'device'))

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
  ['$shared/x/devices/pump-1/a', false, true],
  ['$share/x', false, false],
  ['$share/x/', false, false],
  ['$shared//devices/pump-1/a', false, true],
  ['$SYS/#', false, false],
  ['$iothub/twin/res/#', false, true],
  ['$iothub/twin/PATCH/properties/desired/#', false, true],
  ['$iothub/methods/POST/#', false, true],
  ['$iothub/twin/GET/?$rid=1', true, false],
  ['$iothub/twin/PATCH/properties/reported/?$rid=1', true, false],
  ['$iothub/methods/res/200/?$rid=1', true, false],
  ['$iothub/#', false, false],
  ['$iothub/+/res/#', false, false],
  ['$iothub/methods/POST/reboot/?$rid=1', false, true],
  ['', false, false],
] as const) {
  test(`built-in policy: publish ${publish}, subscribe ${subscribe} on "${topic}"`, () => {
    assert.equal(pump.publish(topic) !== undefined, publish)
    assert.equal(pump.subscribe(topic) !== undefined, subscribe)
  })
}

test('a module has the topics of its own name and the operations of the hub, and nothing of its device or its siblings (azure-wire 2.6)', () => {
  const module = builtIn.bind(someone('pump-1/filter', 'pump-1/filter', {}, 'module'))
  assert.equal(module.connect(), 'hub-devices/own-module-topics')
  assert.equal(module.publish('devices/pump-1/modules/filter/messages/events/'), 'hub-devices/own-module-topics')
  assert.equal(module.subscribe('devices/pump-1/modules/filter/#'), 'hub-devices/own-module-topics')
  assert.equal(module.subscribe('$iothub/methods/POST/#'), 'hub-devices/hub-operations')
  for (const topic of [
    'devices/pump-1/messages/events/',
    'devices/pump-1/messages/devicebound/#',
    'devices/pump-1/modules/other/messages/events/',
    'devices/pump-1/modules/#',
    'devices/pump-1/filter/x',
    'devices/pump-2/modules/filter/messages/events/',
    '#',
    '+/pump-1/modules/filter/#',
  ])
    assert.deepEqual([module.publish(topic), module.subscribe(topic)], [undefined, undefined], topic)
})

test('rules for a device are not for its modules, and nobody else can say that they are one', () => {
  const [document] = parsed(
    authorization(
      'plant',
      '[{principals: {attributes: [{thingwall.device: pump-1}]}, brokerResources: [{method: Publish, topics: [of-the-device]}]}, {principals: {attributes: [{thingwall.moduleOf: pump-1, thingwall.module: filter}]}, brokerResources: [{method: Publish, topics: [of-the-module]}]}]',
    ),
  )
  const set = compilePolicies(document === undefined ? [] : [document], 1)
  const said = (name: string, method: 'device' | 'module' | 'sat') => {
    const claims = { 'thingwall.moduleOf': 'pump-1', 'thingwall.module': 'filter' }
    const bound = set.bind(someone(name, 'x', claims, method))
    return [bound.publish('of-the-device') !== undefined, bound.publish('of-the-module') !== undefined]
  }
  assert.deepEqual(said('pump-1', 'device'), [true, false])
  assert.deepEqual(said('pump-1/filter', 'module'), [false, true])
  assert.deepEqual(said('pump-1/other', 'module'), [false, false])
  assert.deepEqual(said('pump-1/filter', 'sat'), [false, false])
})

test('the built-in policy lets every registered device connect, and nobody else do anything', () => {
  assert.equal(pump.connect(), 'hub-devices/own-topics')
  for (const method of ['x509', 'sat', 'custom'] as const) {
    const other = builtIn.bind(someone('pump-1', 'pump-1', { 'thingwall.method': 'device', 'thingwall.device': 'pump-1' }, method))
    assert.deepEqual(
      [other.connect(), other.publish('devices/pump-1/x'), other.subscribe('devices/pump-1/x')],
      [undefined, undefined, undefined],
    )
  }
})

test('the document of the checks is for its devices alone', () => {
  const set = compilePolicies([hubChecksDocument(['thingwall-probe'])], 0)
  assert.equal(
    set.bind(someone('thingwall-probe', 'x', {}, 'device')).publish('devices/thingwall-probe/messages/events/'),
    'hub-checks/own-topics',
  )
  assert.equal(set.bind(someone('pump-1', 'x', {}, 'device')).connect(), undefined)
  // Whoever issues a token chooses its attributes; these are not theirs to say.
  const claimed = someone('thingwall-probe', 'x', { 'thingwall.device': 'thingwall-probe' }, 'sat')
  assert.equal(set.bind(claimed).connect(), undefined)
})

// The worked example of edge.md 1.11.
const plant = `- principals: {attributes: [{building: b22, role: sensor}, {building: b23, role: sensor}]}
  brokerResources:
  - {method: Connect, clientIds: ["{principal.attributes.building}*"]}
  - {method: Publish, topics: ["plant/{principal.attributes.building}/{principal.clientId}/telemetry"]}
  - {method: Subscribe, topics: ["plant/{principal.attributes.building}/{principal.clientId}/settings/#"]}
  stateStoreResources:
  - {method: ReadWrite, keyType: Pattern, keys: ["sensor/{principal.clientId}/*"]}
- principals: {usernames: [historian]}
  brokerResources:
  - {method: Connect}
  - {method: Subscribe, topics: ["plant/#"]}`

test('a sensor keeps to its building: client id by attribute, its own telemetry, its own settings', () => {
  const set = compilePolicies(parsed(authorization('plant-rules', plant)), 1)
  const sensor = set.bind(someone('s1', 'b22-s1', { building: 'b22', role: 'sensor', floor: '3' }))
  assert.equal(sensor.connect(), 'plant-rules/0')
  assert.equal(sensor.publish('plant/b22/b22-s1/telemetry'), 'plant-rules/0')
  assert.equal(sensor.publish('plant/b23/b22-s1/telemetry'), undefined)
  assert.equal(sensor.subscribe('plant/b22/b22-s1/settings/+'), 'plant-rules/0')
  assert.equal(sensor.receive('plant/b22/b22-s1/settings/a/b'), 'plant-rules/0')
  assert.equal(sensor.receive('plant/b22/b22-s2/settings/a/b'), undefined)
  assert.equal(set.bind(someone('s1', 'b23-s1', { building: 'b22', role: 'sensor' })).connect(), undefined)
  assert.equal(set.bind(someone('s1', 'b22-s1', { building: 'b22', role: 'valve' })).connect(), undefined)
  assert.equal(set.bind(someone('s1', 'b22-s1', { building: 'b22' })).connect(), undefined)
  const historian = set.bind(someone('historian', 'anything'))
  assert.deepEqual(
    [historian.connect(), historian.subscribe('plant/#'), historian.subscribe('#')],
    ['plant-rules/1', 'plant-rules/1', undefined],
  )
  assert.equal(historian.publish('plant/x'), undefined)
  assert.equal(set.bind(someone('Historian')).connect(), undefined, 'user names are compared case-sensitively')
})

test('CVE-2018-12550: no documents, no rules, or a rule for nobody allow nothing', () => {
  const everything = 'brokerResources: [{method: Connect}, {method: Publish, topics: ["#"]}, {method: Subscribe, topics: ["#"]}]'
  for (const documents of [
    [],
    parsed(authorization('empty-rules', '[]')),
    parsed(authorization('for-nobody', `- {principals: {}, ${everything}}`)),
    parsed(authorization('no-resources', '- {principals: {usernames: [pump-1]}, brokerResources: []}')),
  ]) {
    const bound = compilePolicies(documents, 1).bind(someone('pump-1', 'pump-1', {}, 'device'))
    assert.deepEqual([bound.connect(), bound.publish('a'), bound.subscribe('a'), bound.receive('a')], Array(4).fill(undefined))
  }
})

test('a rule is for whoever is in one of its lists, and rules add up', () => {
  const rules = `- {principals: {usernames: [u], clientIds: [c], attributes: [{a: "1", b: "2"}]}, brokerResources: [{method: Publish, topics: [x]}]}
- {principals: {usernames: [u]}, brokerResources: [{method: Publish, topics: [y]}]}`
  const set = compilePolicies(parsed(authorization('sums', rules)), 1)
  assert.equal(set.bind(someone('u', 'z')).publish('x'), 'sums/0')
  assert.equal(set.bind(someone('u', 'z')).publish('y'), 'sums/1')
  assert.equal(set.bind(someone('z', 'c')).publish('x'), 'sums/0')
  assert.equal(set.bind(someone('z', 'z', { a: '1', b: '2', c: '3' })).publish('x'), 'sums/0')
  assert.equal(set.bind(someone('z', 'z', { a: '1' })).publish('x'), undefined)
  assert.equal(set.bind(someone('c', 'u')).publish('x'), undefined)
})

test('what was bound is remembered with the subject, and a new set knows nothing of it', () => {
  const set = compilePolicies(parsed(authorization('plant-rules', plant)), 1)
  const historian = someone('historian')
  assert.equal(set.bind(historian), set.bind(historian))
  assert.equal(compilePolicies([], 2).bind(historian).connect(), undefined)
})

test('binding looks at the rules of the subject, not at ten thousand others', () => {
  const rules = (from: number) =>
    Array.from(
      { length: 2_500 },
      (_, n) =>
        `- {principals: {usernames: [u${from + n}], attributes: [{role: sensor, serial: "${from + n}"}]}, brokerResources: [{method: Publish, topics: ["t/${from + n}/#"]}]}`,
    ).join('\n')
  const documents = [0, 2_500, 5_000, 7_500].flatMap((from) => parsed(authorization(`many-${from}`, rules(from))))
  const set = compilePolicies(documents, 1)
  const began = process.cpuUsage()
  for (let n = 0; n < 10_000; n++) {
    const rule = `many-${n - (n % 2_500)}/${n % 2_500}`
    assert.equal(set.bind(someone(`u${n}`)).publish(`t/${n}/x`), rule)
    assert.equal(set.bind(someone('other', 'x', { role: 'sensor', serial: `${n}` })).publish(`t/${n}/x`), rule)
  }
  // All pairs would be 160 million looks.
  assert.ok(process.cpuUsage(began).user < 5_000_000)
})
