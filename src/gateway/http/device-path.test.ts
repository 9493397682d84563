import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDeviceRequest } from './device-path.ts'

const read = (method: string, target: string) => {
  const request = parseDeviceRequest(method, target)
  if (request === undefined) return undefined
  return request.ok ? { who: request.value.identity, ...request.value.action } : request.error.code
}

for (const [method, target, expected] of [
  ['POST', '/devices/d1/messages/events?api-version=2021-04-12', { who: 'd1', kind: 'telemetry' }],
  ['POST', '/Devices/d1/Messages/Events/', { who: 'd1', kind: 'telemetry' }],
  ['POST', '/devices/D%2D1/messages/events', { who: 'D-1', kind: 'telemetry' }],
  ['POST', '/devices/d1/modules/m1/messages/events', { who: 'd1/m1', kind: 'telemetry' }],
  ['POST', '/devices/d1/modules/$edgeHub/messages/events', { who: 'd1/$edgeHub', kind: 'telemetry' }],
  ['GET', '/devices/d1/messages/deviceBound?api-version=x', { who: 'd1', kind: 'receive' }],
  ['DELETE', '/devices/d1/messages/devicebound/l1?api-version=x', { who: 'd1', kind: 'settle', lock: 'l1', outcome: 'complete' }],
  ['DELETE', '/devices/d1/messages/devicebound/l1?api-version=x&reject', { who: 'd1', kind: 'settle', lock: 'l1', outcome: 'reject' }],
  ['DELETE', '/devices/d1/messages/devicebound/l1?reject&api-version=x', { who: 'd1', kind: 'settle', lock: 'l1', outcome: 'reject' }],
  ['POST', '/devices/d1/messages/devicebound/l1/Abandon?x', { who: 'd1', kind: 'settle', lock: 'l1', outcome: 'abandon' }],
  ['POST', '/devices/d1/files/', { who: 'd1', kind: 'begin-upload' }],
  ['POST', '/devices/d1/files/notifications', { who: 'd1', kind: 'end-upload', correlationId: undefined }],
  ['POST', '/devices/d1/files/notifications/cid%3D%3D%2F1?x', { who: 'd1', kind: 'end-upload', correlationId: 'cid==/1' }],
  ['GET', '/devices/d1/messages/events', { who: 'd1', kind: 'method-not-allowed' }],
  ['PUT', '/devices/d1/files', { who: 'd1', kind: 'method-not-allowed' }],
  ['POST', '/devices/d%2F1/messages/events', 'base/device-id-malformed'],
  ['POST', '/devices/%zz%00/messages/events', 'base/device-id-malformed'],
  ['POST', '/devices/../messages/events', 'base/device-id-malformed'],
  ['POST', `/devices/${'x'.repeat(200)}/messages/events`, 'base/device-id-too-long'],
  ['POST', '/devices/d1/modules/%2e%2e/messages/events', 'base/module-id-malformed'],
  ['GET', '/devices/d1', undefined],
  ['PUT', '/devices/d1/modules/m1', undefined],
  ['POST', '/devices/query', undefined],
  ['DELETE', '/devices/d1/commands', undefined],
  ['POST', '/devices/d1/modules/m1/files', undefined],
  ['GET', '/messages/serviceBound/feedback', undefined],
  ['POST', '/devices/d1/messages/events/more', undefined],
  ['POST', '/devices/d1/messages/devicebound/l1/keep', undefined],
  ['POST', 'devices/d1/messages/events', undefined],
  ['POST', '*', undefined],
  ['POST', '', undefined],
] as const) {
  test(`${method} ${target.slice(0, 80)} [azure-wire 3]`, () => assert.deepEqual(read(method, target), expected))
}
