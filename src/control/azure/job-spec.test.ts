import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Result } from '#base'
import type { Json } from '#wire/json'
import { jobFilterOf, jobFromJson } from './job-spec.ts'
import { methodFromJson } from './methods.ts'
import type { JsonObject } from './read.ts'
import { twinPatchFromJson } from './twin-patch.ts'

const outcome = <T>(result: Result<T>): unknown => (result.ok ? result.value : result.error.code)
const job = (id: string, body: { readonly [key: string]: Json }) => outcome(jobFromJson(id, body))

test('a job that calls a method, as the stock SDK writes it (azure-wire 12.3)', () => {
  assert.deepEqual(
    job('job1', {
      jobId: 'job1',
      type: 'scheduleDeviceMethod',
      cloudToDeviceMethod: { methodName: 'x', payload: 'p', responseTimeoutInSeconds: 30 },
      startTime: '1970-01-01T00:00:00.000Z',
      maxExecutionTimeInSeconds: 3600,
      queryCondition: "deviceId IN ['d1']",
    }),
    {
      id: 'job1',
      work: {
        type: 'scheduleDeviceMethod',
        call: { name: 'x', payload: 'p', responseTimeoutSeconds: 30, connectTimeoutSeconds: undefined },
      },
      condition: "deviceId IN ['d1']",
      startTime: 0,
      maxExecutionSeconds: 3600,
    },
  )
})

test('a job that updates twins: now where no time is said, and what the hub says of a twin is left out', () => {
  assert.deepEqual(
    job('job2', {
      type: 'ScheduleUpdateTwin',
      updateTwin: { etag: '*', deviceId: 'ignored', tags: { t: null }, properties: { desired: { a: 1, $version: 7, $metadata: {} } } },
      startTime: null,
      queryCondition: '*',
    }),
    {
      id: 'job2',
      work: { type: 'scheduleUpdateTwin', patch: { tags: { t: null }, desired: { a: 1 } }, etag: '*' },
      condition: '*',
      startTime: undefined,
      maxExecutionSeconds: undefined,
    },
  )
})

const whole = { type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'x' }, queryCondition: '*' }

for (const [what, body] of [
  ['another id in the body', { ...whole, jobId: 'other' }],
  ['no kind', { ...whole, type: null }],
  ['another kind', { ...whole, type: 'export' }],
  ['no method', { ...whole, cloudToDeviceMethod: null }],
  ['a method without a name', { ...whole, cloudToDeviceMethod: {} }],
  ['a method that is a list', { ...whole, cloudToDeviceMethod: [] }],
  ['no condition', { ...whole, queryCondition: '' }],
  ['a time that is none', { ...whole, startTime: 'tomorrow' }],
  ['a date that is none', { ...whole, startTime: '2026-13-45T00:00:00Z' }],
  ['a time in words of JavaScript', { ...whole, startTime: 'Mon, 23 Nov 2026 00:00:00 GMT' }],
  ['half a second of work', { ...whole, maxExecutionTimeInSeconds: 0.5 }],
  ['no patch', { ...whole, type: 'scheduleUpdateTwin' }],
] as const)
  test(`a job with ${what} is refused`, () => assert.equal(job('job', body), 'control/azure-malformed'))

test('jobs are asked for by state and kind, in any spelling, and both may be left out (azure-wire 5.7)', () => {
  assert.deepEqual(outcome(jobFilterOf('Running', 'scheduledevicemethod')), { status: 'running', type: 'scheduleDeviceMethod' })
  assert.deepEqual(outcome(jobFilterOf('enqueued', '')), { status: 'queued', type: undefined })
  assert.deepEqual(outcome(jobFilterOf(undefined, undefined)), { status: undefined, type: undefined })
  assert.equal(outcome(jobFilterOf('sleeping', undefined)), 'control/azure-malformed')
  assert.equal(outcome(jobFilterOf(undefined, 'constructor')), 'control/azure-malformed')
})

test('a method may have any payload or none, and null is not none (azure-wire 5.6)', () => {
  const method = (body: JsonObject) => outcome(methodFromJson(body))
  assert.equal(Object(method({ methodName: 'x' })).payload, undefined)
  assert.equal(Object(method({ methodName: 'x', payload: null })).payload, null)
  assert.deepEqual(Object(method({ methodName: 'x', payload: [1] })).payload, [1])
  assert.equal(method({ methodName: 7 }), 'control/azure-malformed')
  assert.equal(method({ methodName: 'x', responseTimeoutInSeconds: '30' }), 'control/azure-malformed')
})

test('a twin with a part of another type is refused, and a property that is called like a method of objects is a property', () => {
  assert.equal(outcome(twinPatchFromJson({ tags: [] })), 'control/azure-malformed')
  assert.equal(outcome(twinPatchFromJson({ properties: 'x' })), 'control/azure-malformed')
  assert.equal(outcome(twinPatchFromJson({ properties: { desired: 5 } })), 'control/azure-malformed')
  assert.deepEqual(outcome(twinPatchFromJson({})), { tags: undefined, desired: undefined })
  assert.deepEqual(outcome(twinPatchFromJson({ tags: { toString: 1 } })), { tags: { toString: 1 }, desired: undefined })
})
