import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDeviceId } from '#base'
import type { Twin } from '#hub'
import type { Json } from '#wire/json'
import { desiredOfPatch, digitalTwinJson } from './digital-twin.ts'

const id = parseDeviceId('d1')
if (!id.ok) throw new Error(id.error.message)

const at = '2026-01-02T03:04:05.0000000Z'
const twin: Twin = {
  identity: id.value,
  generationId: '1',
  modelId: 'dtmi:com:example:Thermostat;1',
  tags: {},
  version: 5,
  etag: 'AAAAAAAAAAU=',
  configurations: {},
  desired: {
    version: 7,
    properties: { target: 20, thermostat: { __t: 'c', limit: 30, gone: 1 }, plain: { a: 1 } },
    metadata: { target: { $lastUpdated: at, $lastUpdatedVersion: 4 }, thermostat: { limit: { $lastUpdated: at, $lastUpdatedVersion: 7 } } },
  },
  reported: {
    version: 3,
    properties: { serial: 's-1', target: { value: 19, ac: 200, av: 4, ad: 'soon' }, thermostat: { __t: 'c', max: 31 } },
    metadata: { serial: { $lastUpdated: at }, target: { $lastUpdated: at }, thermostat: { max: { $lastUpdated: at } } },
  },
}

test('a digital twin tells each property once, with what is wanted and acknowledged beside it (azure-wire 5.11)', () => {
  assert.deepEqual(digitalTwinJson(twin, 'd1'), {
    $dtId: 'd1',
    serial: 's-1',
    target: 19,
    thermostat: {
      max: 31,
      $metadata: {
        max: { lastUpdateTime: at },
        limit: { desiredValue: 30, desiredVersion: 7, lastUpdateTime: at },
        gone: { desiredValue: 1, desiredVersion: 7 },
      },
    },
    $metadata: {
      $model: 'dtmi:com:example:Thermostat;1',
      serial: { lastUpdateTime: at },
      target: { desiredValue: 20, desiredVersion: 4, ackVersion: 4, ackCode: 200, ackDescription: 'soon', lastUpdateTime: at },
      plain: { desiredValue: { a: 1 }, desiredVersion: 7 },
    },
  })
})

const patched = (...operations: Json[]) => {
  const desired = desiredOfPatch(operations, twin)
  return desired.ok ? desired.value : desired.error.code
}

for (const [name, operation, expected] of [
  ['a property of the root is added', { op: 'add', path: '/x', value: 1 }, { x: 1 }],
  ['a property is removed', { op: 'remove', path: '/target' }, { target: null }],
  [
    'a property of a component keeps the mark',
    { op: 'replace', path: '/thermostat/limit', value: 2 },
    { thermostat: { __t: 'c', limit: 2 } },
  ],
  [
    'a whole component takes away what it had',
    { op: 'replace', path: '/thermostat', value: { $metadata: {}, limit: 5 } },
    { thermostat: { __t: 'c', limit: 5, gone: null } },
  ],
  ['an object without $metadata is a plain property', { op: 'add', path: '/plain', value: { b: 1 } }, { plain: { b: 1 } }],
  ['a pointer is unescaped', { op: 'add', path: '/a~1b~01', value: 1 }, { 'a/b~1': 1 }],
  ['a pointer to __proto__ is refused', { op: 'add', path: '/__proto__', value: { x: 1 } }, 'control/azure-malformed'],
  ['a pointer to constructor is refused', { op: 'add', path: '/a/constructor', value: 1 }, 'control/azure-malformed'],
  ['a pointer to metadata is refused', { op: 'add', path: '/$metadata', value: 1 }, 'control/azure-malformed'],
  ['a deep pointer is refused', { op: 'add', path: '/a/b/c', value: 1 }, 'control/azure-malformed'],
  ['another operation is refused', { op: 'move', path: '/a', from: '/b' }, 'control/azure-malformed'],
  ['an addition of nothing is refused', { op: 'add', path: '/a' }, 'control/azure-malformed'],
  ['what is no operation is refused', 5, 'control/azure-malformed'],
] as const)
  test(`patch of a digital twin: ${name} (azure-wire 5.11)`, () => assert.deepEqual(patched(operation), expected))

test('operations on one component add up, and a patch has bounds', () => {
  assert.deepEqual(patched({ op: 'add', path: '/c/a', value: 1 }, { op: 'add', path: '/c/b', value: 2 }), { c: { __t: 'c', a: 1, b: 2 } })
  assert.equal(patched(), 'control/azure-malformed')
  assert.equal(patched(...Array.from({ length: 101 }, () => ({ op: 'add', path: '/a', value: 1 }))), 'control/azure-malformed')
})
