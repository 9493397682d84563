import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodePropertyBag, encodePropertyBag, isMessageFilter, messageTopicPrefix, parseDeviceTopic, twinResponseTopic } from './index.ts'

for (const [what, topic, expected] of [
  ['a twin is asked for', '$iothub/twin/GET/?$rid=ab8b4240-c084', { kind: 'twin-get', rid: 'ab8b4240-c084' }],
  ['the C SDK writes a number', '$iothub/twin/GET/?$rid=10', { kind: 'twin-get', rid: '10' }],
  ['no slash before the query', '$iothub/twin/GET?$rid=1', { kind: 'twin-get', rid: '1' }],
  ['a percent-encoded name', '$iothub/twin/GET/?%24rid=1', { kind: 'twin-get', rid: '1' }],
  ['a request id is not decoded', '$iothub/twin/GET/?$rid=%22a%22+b', { kind: 'twin-get', rid: '%22a%22+b' }],
  ['of duplicates the first', '$iothub/twin/GET/?$rid=1&$rid=2', { kind: 'twin-get', rid: '1' }],
  ['no request id', '$iothub/twin/GET/?', undefined],
  ['an empty request id', '$iothub/twin/GET/?$rid=', undefined],
  ['a request id that is too long', `$iothub/twin/GET/?$rid=${'x'.repeat(129)}`, undefined],
  ['reported', '$iothub/twin/PATCH/properties/reported/?$rid=7', { kind: 'reported', rid: '7', version: undefined }],
  [
    'reported, if it is of a version',
    '$iothub/twin/PATCH/properties/reported/?$rid=7&$version=3',
    { kind: 'reported', rid: '7', version: 3 },
  ],
  ['a version that is no number', '$iothub/twin/PATCH/properties/reported/?$rid=7&$version=x', undefined],
  ['a version beyond what a number holds', `$iothub/twin/PATCH/properties/reported/?$rid=7&$version=${'9'.repeat(30)}`, undefined],
  ['desired properties are not a device to write', '$iothub/twin/PATCH/properties/desired/?$rid=7', undefined],
  ['a method is answered', '$iothub/methods/res/200/?$rid=1f', { kind: 'method-answer', rid: '1f', status: 200 }],
  ['a method is answered with a negative status', '$iothub/methods/res/-1/?$rid=1', { kind: 'method-answer', rid: '1', status: -1 }],
  ['a status that is no number', '$iothub/methods/res/ok/?$rid=1', undefined],
  ['a call, which only the hub makes', '$iothub/methods/POST/reboot/?$rid=1', undefined],
  ['an answer, which only the hub gives', '$iothub/twin/res/200/?$rid=1', undefined],
  ['telemetry', 'devices/d1/messages/events/a=b', { kind: 'telemetry', device: 'd1', module: undefined, bag: 'a=b' }],
  ['something else', 'plant/7', undefined],
] as const) {
  test(`device topic: ${what} [azure-wire 2.6]`, () => assert.deepEqual(parseDeviceTopic(topic), expected))
}

test('the answer to a twin request echoes its id byte for byte [azure-wire 2.9]', () => {
  assert.equal(twinResponseTopic(200, '%22q%22'), '$iothub/twin/res/200/?$rid=%22q%22')
  assert.equal(twinResponseTopic(204, '1', 6), '$iothub/twin/res/204/?$rid=1&$version=6')
})

test('the filter for messages is that of the very identity; its last word may be written in any case [azure-wire 2.6]', () => {
  assert.ok(isMessageFilter('devices/d1/messages/devicebound/#', 'd1', undefined))
  assert.ok(isMessageFilter('devices/d1/messages/deviceBound/#', 'd1', undefined))
  assert.ok(isMessageFilter('devices/d1/modules/m1/messages/devicebound/#', 'd1', 'm1'))
  for (const foreign of [
    'devices/d2/messages/devicebound/#',
    'devices/D1/messages/devicebound/#',
    'devices/d1/#',
    'devices/d1/messages/+/#',
  ])
    assert.ok(!isMessageFilter(foreign, 'd1', undefined), foreign)
  assert.ok(!isMessageFilter('devices/d1/messages/devicebound/#', 'd1', 'm1'), 'a module has not the topics of its device')
})

test('a bag that was encoded is one level of a topic, and decodes to the same, whatever the texts are', () => {
  const entries = fc.array(fc.tuple(fc.string({ unit: 'binary', minLength: 1 }), fc.option(fc.string({ unit: 'binary' }))))
  const names = (name: string) => !name.startsWith('$.') && !/^iothub-/i.test(name)
  fc.assert(
    fc.property(entries, (pairs) => {
      const properties = new Map(pairs.filter(([name]) => names(name)))
      const bag = encodePropertyBag(new Map([['to', '/devices/d1/messages/deviceBound']]), properties)
      assert.ok(!/[/+#]/.test(bag))
      const decoded = decodePropertyBag(bag)
      assert.ok(decoded.ok)
      assert.deepEqual(decoded.value.application, properties)
      assert.equal(decoded.value.system.get('to'), '/devices/d1/messages/deviceBound')
    }),
  )
})

test('half a surrogate pair is encoded as the replacement character, and does not throw', () => {
  assert.equal(encodePropertyBag(new Map(), new Map([['a', '\ud800']])), 'a=%EF%BF%BD')
  assert.equal(
    messageTopicPrefix('d1', 'm1') + encodePropertyBag(new Map(), new Map([['a', null]])),
    'devices/d1/modules/m1/messages/devicebound/a',
  )
})
