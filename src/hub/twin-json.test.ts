import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityParts, instant } from '#base'
import { identity } from '../../test/device-rows.ts'
import { afterFact, newTwin } from './twin-change.ts'
import { type TwinAbout, desiredChangeJson, deviceTwinJson, serviceTwinJson, twinEventBody } from './twin-json.ts'

const time = instant(Date.UTC(2026, 0, 1))
const born = newTwin(identity('pump-1'), { generationId: '7', createdAt: time })
const at = '2026-01-01T00:00:00.0000000Z'
const changed = {
  kind: 'twin-changed',
  time,
  device: 'pump-1',
  generation: '7',
  twinVersion: 3,
  actor: 'operator:ann',
  replaces: false,
  desiredVersion: 2,
  etag: 'AAAAAAAAAAI=',
  tags: { floor: 2 },
  desired: { interval: 5, old: null },
} as const
const reported = {
  kind: 'twin-reported',
  time,
  device: 'pump-1',
  generation: '7',
  twinVersion: 4,
  patch: { fw: '1.2' },
  version: 2,
} as const
const twin = afterFact(afterFact(born, changed), reported)

const about: TwinAbout = {
  etag: 'e1',
  status: 'enabled',
  statusReason: null,
  statusUpdatedAt: null,
  authentication: { type: 'selfSigned', primaryThumbprint: 'ab', secondaryThumbprint: null },
  presence: { connectionState: 'Connected', connectionStateUpdatedTime: time, lastActivityTime: time },
  messages: 3,
  device: { capabilities: { iotEdge: false }, deviceScope: null, parentScopes: [] },
}

test('a device gets both sections with their versions and nothing else [azure-wire 2.9]', () => {
  assert.deepEqual(deviceTwinJson(twin), { desired: { interval: 5, $version: 2 }, reported: { fw: '1.2', $version: 2 } })
  assert.deepEqual(desiredChangeJson({ identity: twin.identity, version: 3, body: { a: null } }), { a: null, $version: 3 })
})

test('a back end gets the whole twin with its metadata, and what is known of the device [azure-wire 5.2]', () => {
  const stamp = { $lastUpdated: at, $lastUpdatedVersion: 2 }
  assert.deepEqual(serviceTwinJson(twin, about), {
    deviceId: 'pump-1',
    etag: 'AAAAAAAAAAI=',
    deviceEtag: 'e1',
    status: 'enabled',
    statusReason: null,
    statusUpdateTime: '0001-01-01T00:00:00Z',
    connectionState: 'Connected',
    lastActivityTime: '2026-01-01T00:00:00.000Z',
    cloudToDeviceMessageCount: 3,
    authenticationType: 'selfSigned',
    x509Thumbprint: { primaryThumbprint: 'ab', secondaryThumbprint: null },
    modelId: '',
    version: 4,
    tags: { floor: 2 },
    properties: {
      desired: { interval: 5, $metadata: { ...stamp, interval: stamp }, $version: 2 },
      reported: { fw: '1.2', $metadata: { $lastUpdated: at, fw: { $lastUpdated: at } }, $version: 2 },
    },
    capabilities: { iotEdge: false },
    deviceScope: null,
    parentScopes: [],
  })
})

test('the twin of a module names it, has what modules have, and says which configurations apply', () => {
  const module = {
    ...newTwin(identity('pump-1/vision'), { generationId: '8', createdAt: time }),
    configurations: { slow: { status: 'Applied' } },
  } as const
  const json = serviceTwinJson(module, { ...about, authentication: { type: 'none' }, device: undefined })
  assert.deepEqual([json['deviceId'], json['moduleId']], Object.values(identityParts(identity('pump-1/vision'))))
  assert.deepEqual(json['configurations'], { slow: { status: 'Applied' } })
  assert.deepEqual(['capabilities' in json, json['authenticationType']], [false, 'none'])
})

test('the event of a change has the parts that changed, with their metadata [azure-wire 9.6]', () => {
  const stamp = { $lastUpdated: at, $lastUpdatedVersion: 2 }
  assert.deepEqual(twinEventBody(changed), {
    opType: 'updateTwin',
    body: {
      version: 3,
      tags: { floor: 2 },
      properties: { desired: { interval: 5, old: null, $metadata: { ...stamp, interval: stamp, old: stamp }, $version: 2 } },
    },
  })
  assert.deepEqual(twinEventBody(reported), {
    opType: 'updateTwin',
    body: { version: 4, properties: { reported: { fw: '1.2', $metadata: { $lastUpdated: at, fw: { $lastUpdated: at } }, $version: 2 } } },
  })
})

test('the event of a replacement has the reported properties besides; a mere status is no event', () => {
  const { desired: _desired, ...rest } = changed
  const event = twinEventBody({ ...rest, device: 'pump-1/vision', replaces: true, reported: { fw: '1' }, reportedVersion: 9 })
  assert.deepEqual(event, {
    opType: 'replaceTwin',
    body: {
      deviceId: 'pump-1',
      moduleId: 'vision',
      etag: 'AAAAAAAAAAI=',
      version: 3,
      tags: { floor: 2 },
      properties: { reported: { fw: '1', $version: 9 } },
    },
  })
  const { tags: _tags, ...status } = rest
  assert.equal(twinEventBody({ ...status, configurations: { slow: 'Targeted' } }), undefined)
})
