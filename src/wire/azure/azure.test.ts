import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodePropertyBag, encodePropertyBag, parseTelemetryTopic, parseUserName } from './index.ts'

const facts = (text: string) => {
  const name = parseUserName(text)
  return name && [name.host, name.deviceId, name.moduleId, name.apiVersion]
}

for (const [what, text, expected] of [
  [
    'the Node SDK',
    'hub.example:18883/dev1/?api-version=2021-04-12&model-id=dtmi:com:example:T;1&DeviceClientType=azure-iot-device%2F1',
    ['hub.example:18883', 'dev1', undefined, '2021-04-12'],
  ],
  ['a module', 'hub.example/dev1/mod1/?api-version=2020-09-30', ['hub.example', 'dev1', 'mod1', '2020-09-30']],
  ['no slash before the question mark', 'hub/dev?api-version=2018-06-30', ['hub', 'dev', undefined, '2018-06-30']],
  ['no question mark', 'hub/dev/api-version=2016-11-14', ['hub', 'dev', undefined, '2016-11-14']],
  ['the very old form', 'hub/dev', ['hub', 'dev', undefined, undefined]],
  ['a raw space in the id', 'hub/dev 1/?api-version=2021-04-12', ['hub', 'dev 1', undefined, '2021-04-12']],
  ['of duplicates the first', 'hub/dev/?api-version=2021-04-12&api-version=1999-01-01', ['hub', 'dev', undefined, '2021-04-12']],
  ['a plain user name', 'alice', undefined],
  ['nothing', '', undefined],
  ['an empty device', 'hub//?api-version=2021-04-12', undefined],
  ['too many segments', 'hub/a/b/c/?api-version=2021-04-12', undefined],
] as const) {
  test(`user name: ${what}`, () => assert.deepEqual(facts(text), expected))
}

test('telemetry topics in the forms that SDKs send', () => {
  assert.deepEqual(parseTelemetryTopic('devices/d1/messages/events/'), { device: 'd1', module: undefined, bag: '' })
  assert.deepEqual(parseTelemetryTopic('devices/d1/messages/events'), { device: 'd1', module: undefined, bag: '' })
  assert.deepEqual(parseTelemetryTopic('devices/d1/messages/events/?a=1/'), { device: 'd1', module: undefined, bag: 'a=1' })
  assert.deepEqual(parseTelemetryTopic('devices/d1/modules/m1/messages/events/%24.on=o'), { device: 'd1', module: 'm1', bag: '%24.on=o' })
  assert.equal(parseTelemetryTopic('devices/d1/messages/eventsX'), undefined)
  assert.equal(parseTelemetryTopic('x/devices/d1/messages/events/'), undefined)
})

test('property bag: system names, null, empty and encoded values', () => {
  const bag = decodePropertyBag('%24.mid=m%2F1&$.ct=application%2Fjson&a%20b=c%26d%3D%C3%A9&p1&p2=&plus=1+2&$.unknown=x')
  assert.ok(bag.ok)
  assert.deepEqual(
    [...bag.value.system],
    [
      ['message-id', 'm/1'],
      ['content-type', 'application/json'],
    ],
  )
  assert.deepEqual(
    [...bag.value.application],
    [
      ['a b', 'c&d=é'],
      ['p1', null],
      ['p2', ''],
      ['plus', '1+2'],
    ],
  )
})

test('property bag: a device cannot set what the hub stamps', () => {
  const bag = decodePropertyBag('iothub-connection-device-id=other&iothub-enqueuedtime=1&iothub-message-source=Telemetry&ok=1&__proto__=x')
  assert.ok(bag.ok)
  assert.deepEqual(bag.value.forged, ['iothub-connection-device-id', 'iothub-enqueuedtime', 'iothub-message-source'])
  assert.deepEqual(
    [...bag.value.application],
    [
      ['ok', '1'],
      ['__proto__', 'x'],
    ],
  )
})

test('property bag: broken percent-encoding is refused', () => {
  for (const bad of ['%', 'a=%E9', '%zz=1']) assert.equal(decodePropertyBag(bad).ok, false, bad)
})

test('property bag: what is encoded decodes to the same', () =>
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, unit: 'grapheme' }), fc.option(fc.string({ unit: 'grapheme' }))), {
        selector: ([name]) => name,
      }),
      (pairs) => {
        const sent = new Map(pairs.filter(([name]) => !name.startsWith('$.') && !name.startsWith('iothub-')))
        const back = decodePropertyBag(encodePropertyBag(new Map(), sent))
        assert.ok(back.ok)
        assert.deepEqual(new Map(back.value.application), sent)
      },
    ),
  ))
