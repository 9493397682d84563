import assert from 'node:assert/strict'
import { test } from 'node:test'
import { read } from '../../../test/sources.ts'
import { azureError, azureErrorNamed, azureErrorRows } from './error-codes.ts'

for (const [code, name, number, status] of [
  ['hub/device-not-found', 'DeviceNotFound', 404_001, 404],
  ['hub/module-not-found', 'ModuleNotFound', 404_010, 404],
  ['hub/device-offline', 'DeviceNotOnline', 404_103, 404],
  ['hub/device-exists', 'DeviceAlreadyExists', 409_001, 409],
  ['hub/module-exists', 'ModuleAlreadyExistsOnDevice', 409_301, 409],
  ['hub/etag-differs', 'PreconditionFailed', 412_001, 412],
  ['hub/lock-lost', 'DeviceMessageLockLost', 412_002, 412],
  ['hub/message-too-large', 'MessageTooLarge', 413_001, 413],
  ['hub/too-many-devices', 'TooManyDevices', 413_002, 413],
  ['hub/too-many-modules', 'TooManyModulesOnDevice', 413_003, 413],
  ['hub/queue-full', 'DeviceMaximumQueueDepthExceeded', 403_004, 403],
  ['hub/method-timeout', 'GatewayTimeout', 504_101, 504],
  ['hub/method-answer-malformed', 'GenericBadGateway', 502_000, 502],
  ['hub/job-not-found', 'JobNotFound', 404_002, 404],
  ['access/denied', 'IotHubUnauthorizedAccess', 401_002, 401],
  ['control/azure-api-version', 'InvalidProtocolVersion', 400_001, 400],
  ['control/azure-throttled', 'ThrottlingException', 429_001, 429],
] as const)
  test(`${code} is ${name} (azure-wire 5.13)`, () => assert.deepEqual(azureError({ code }), { code: number, name, status }))

test('a refusal without a row of its own is the default of its room: bad arguments, or not let in', () => {
  assert.equal(azureError({ code: 'hub/something-new' }).code, 400_004)
  assert.equal(azureError({ code: 'access/something-new' }).code, 401_003)
  assert.equal(azureError({ code: 'json/something-new' }).code, 400_006)
  assert.equal(azureError({ code: 'constructor/x' }).code, 400_004)
  assert.equal(azureError({ code: '' }).code, 400_004)
})

test('the HTTP status is the code without its last three digits (azure-wire 5.13)', () => {
  assert.deepEqual(azureErrorNamed('ServiceUnavailable'), { code: 503_001, name: 'ServiceUnavailable', status: 503 })
})

test('every row is about a refusal that this release can say', () => {
  const catalogue = read('docs/errors.md')
  assert.deepEqual(
    azureErrorRows.filter((code) => !code.startsWith('json/') && !catalogue.includes(`| \`${code}\` |`)),
    [],
  )
})
