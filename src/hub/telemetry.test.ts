import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import type { TelemetryFact } from '#journal'
import { factToJson } from './telemetry.ts'

const fact = (more: Partial<TelemetryFact>): TelemetryFact => ({
  kind: 'telemetry',
  time: instant(0),
  device: 'd1',
  auth: '{"scope":"device"}',
  generation: '7',
  connection: 'c',
  transport: 'mqtts',
  topic: 'devices/d1/messages/events/',
  qos: 1,
  retain: false,
  dup: false,
  mqttVersion: 4,
  properties: Buffer.alloc(0),
  body: Buffer.from('{"t":1}'),
  ...more,
})

test('telemetry gets its bag taken apart and the stamps of the hub', () => {
  const json = factToJson(5, fact({ topic: 'devices/d1/messages/events/%24.mid=m1&a%20b=c' }))
  assert.equal(json.offset, 5)
  assert.deepEqual({ ...(json['properties'] as object) }, { 'a b': 'c' })
  assert.deepEqual(
    { ...(json['system'] as object) },
    {
      'message-id': 'm1',
      'iothub-connection-device-id': 'd1',
      'iothub-connection-auth-method': '{"scope":"device"}',
      'iothub-connection-auth-generation-id': '7',
      'iothub-enqueuedtime': '1970-01-01T00:00:00.000Z',
      'iothub-message-source': 'Telemetry',
    },
  )
  assert.equal(json['body'], '{"t":1}')
})

test('a device cannot forge who sent a message; the attempt shows', () => {
  const json = factToJson(0, fact({ topic: 'devices/d1/messages/events/iothub-connection-device-id=victim&__proto__=x' }))
  assert.equal((json['system'] as Record<string, unknown>)['iothub-connection-device-id'], 'd1')
  assert.deepEqual(json['forged'], ['iothub-connection-device-id'])
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
})

test('a body that is not UTF-8 comes as base64, byte for byte', () => {
  const json = factToJson(0, fact({ body: Buffer.from([0xff, 0x00]) }))
  assert.equal(json['bodyBase64'], '/wA=')
  assert.equal(json['body'], undefined)
})

test('a byte order mark and an empty body survive', () => {
  assert.equal(factToJson(0, fact({ body: Buffer.from('\ufeffx') }))['body'], '\ufeffx')
  assert.equal(factToJson(0, fact({ body: Buffer.alloc(0) }))['body'], '')
})

test('RETAIN and DUP of telemetry become properties, as IoT Hub has it', () =>
  assert.deepEqual(
    { ...(factToJson(0, fact({ retain: true, dup: true }))['properties'] as object) },
    { 'mqtt-retain': 'true', 'mqtt-dup': 'true' },
  ))
