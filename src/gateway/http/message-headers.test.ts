import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instant } from '#base'
import type { LockedMessage } from '#hub'
import { messageHeaders, telemetryHeaders } from './message-headers.ts'
import { parseBatch } from './telemetry-requests.ts'

const message = (more: Partial<LockedMessage>): LockedMessage => ({
  messageId: undefined,
  correlationId: undefined,
  userId: undefined,
  contentType: undefined,
  contentEncoding: undefined,
  to: undefined,
  ack: 'none',
  expiresAt: undefined,
  properties: {},
  body: Buffer.alloc(0),
  sequenceNumber: 1,
  enqueuedAt: instant(0),
  deliveryCount: 0,
  lockToken: 'lock-1',
  lockedUntil: instant(0),
  ...more,
})

test('headers become properties: IoT Hub`s own by name, the application`s by prefix, the rest is no property [azure-wire 3.1]', () => {
  const { system, properties } = telemetryHeaders({
    host: 'hub.example',
    authorization: 'SharedAccessSignature sr=x',
    'content-type': 'text/plain',
    'iothub-to': '/devices/d1/messages/events',
    'iothub-messageid': 'i1',
    'iothub-contenttype': 'application/json',
    'iothub-userid': Buffer.from('línea').toString('latin1'),
    'iothub-correlationid': 'l\u00ednea',
    'dt-subject': 'thermo',
    'iothub-app-k': 'v',
    'iothub-app-__proto__': 'x',
    'iothub-app-': 'no name',
    'iothub-connection-device-id': 'forged',
  })
  assert.deepEqual(Object.fromEntries(system), {
    'message-id': 'i1',
    'content-type': 'application/json',
    'user-id': 'línea',
    'correlation-id': 'línea',
    'dt-subject': 'thermo',
  })
  assert.deepEqual(
    [...properties],
    [
      ['k', 'v'],
      ['__proto__', 'x'],
    ],
  )
})

test('a message has quotes around its lock, which Node takes off, and its properties by prefix [azure-wire 3.2]', () => {
  const headers = messageHeaders(message({ messageId: 'c1', ack: 'full', properties: { foo: 'bar', none: null }, deliveryCount: 2 }))
  assert.deepEqual(
    { ...headers },
    {
      'iothub-app-foo': 'bar',
      'iothub-app-none': '',
      etag: '"lock-1"',
      'iothub-messageid': 'c1',
      'iothub-ack': 'full',
      'iothub-enqueuedtime': '1970-01-01T00:00:00.000Z',
      'iothub-deliverycount': '2',
      'iothub-sequencenumber': '1',
    },
  )
})

test('response splitting: whatever properties are, headers are tokens and plain text, and none of ours is replaced', () => {
  const text = fc.string({ unit: 'binary', maxLength: 12 })
  fc.assert(
    fc.property(fc.dictionary(fc.oneof(text, fc.constant('\r\netag: x')), text), text, (properties, messageId) => {
      const headers = messageHeaders(message({ properties, messageId }))
      assert.equal(headers['etag'], '"lock-1"')
      for (const [name, value] of Object.entries(headers)) {
        assert.match(name, /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
        assert.match(value, /^[ -~]*$/)
      }
    }),
  )
})

test('a batch: base64 bodies and properties in the form of headers; C says base64Encoded [azure-wire 3.1]', () => {
  const batch = parseBatch(
    Buffer.from(
      '[{"body":"eyJ4IjoxfQ==","properties":{"iothub-app-k":"v","IoTHub-MessageId":"m"}},{"body":"plain","base64Encoded":false}]',
    ),
  )
  assert.ok(batch.ok)
  assert.deepEqual(
    batch.value.map(({ system, properties, body }) => [[...system], [...properties], body.toString()]),
    [
      [[['message-id', 'm']], [['k', 'v']], '{"x":1}'],
      [[], [], 'plain'],
    ],
  )
})

for (const [what, text, code] of [
  ['nothing', '', 'json/malformed'],
  ['an object', '{"body":"eA=="}', 'gateway/batch-malformed'],
  ['an empty list', '[]', 'gateway/batch-malformed'],
  ['a list of numbers', '[1]', 'gateway/batch-malformed'],
  ['null', '[null]', 'gateway/batch-malformed'],
  ['no body', '[{}]', 'gateway/batch-malformed'],
  ['a body that is no base64', '[{"body":"***"}]', 'gateway/batch-malformed'],
  ['a property that is no text', '[{"body":"","properties":{"iothub-app-k":1}}]', 'gateway/batch-malformed'],
  ['properties in a list', '[{"body":"","properties":["x"]}]', 'gateway/batch-malformed'],
  ['a prototype', '[{"body":"","__proto__":{"base64Encoded":false}}]', 'json/forbidden-key'],
  ['too many', `[${Array.from({ length: 1_001 }, () => '{"body":""}').join(',')}]`, 'gateway/batch-malformed'],
] as const) {
  test(`a batch of ${what} is refused whole`, () => {
    const batch = parseBatch(Buffer.from(text))
    assert.equal(batch.ok ? 'taken' : batch.error.code, code)
  })
}
