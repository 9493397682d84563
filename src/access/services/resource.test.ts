import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coversResource, scopeOf } from './resource.ts'

const ours = (host: string) => host.toLowerCase().replace(/:\d+$/, '') === 'hub.example'

const scopes: readonly (readonly [string, boolean, string | undefined])[] = [
  ['hub.example', false, 'hub.example'],
  ['HUB.example%3A443', false, 'hub.example'],
  ['hub.example/devices/dev%201', false, 'hub.example/devices/dev 1'],
  ['hub.example%2fdevices%2fd1', false, 'hub.example/devices/d1'],
  ['hub.example/', false, 'hub.example'],
  ['hub.example/api-version=2016-11-14', false, 'hub.example'],
  ['evil.example', false, undefined],
  ['hub.example.evil.example', false, undefined],
  ['/hub.example', false, undefined],
  ['hub.example//devices', false, undefined],
  ['%', false, undefined],
  [`hub.example${'/a'.repeat(16)}`, false, undefined],
  ['sb%3A%2F%2Fhub.example', false, undefined],
  ['hub.example', true, undefined],
  ['sb%3A%2F%2Fhub.example%2Fmessages%2Fevents%2FConsumerGroups%2F%24Default', true, 'hub.example/messages/events/ConsumerGroups/$Default'],
  ['sb://hub.example:5671/hub', true, 'hub.example/hub'],
  ['sb%3a%2f%2fevil.example', true, undefined],
]
for (const [sr, isEventHubs, expected] of scopes)
  test(`the scope of ${sr}${isEventHubs ? ' of Event Hubs' : ''} is ${expected} (azure-wire 1.3)`, () =>
    assert.equal(scopeOf(sr, isEventHubs, ours), expected))

const covered: readonly (readonly [string, string, boolean])[] = [
  ['hub.example', '/devices/d1', true],
  ['hub.example', '/', true],
  ['hub.example/devices/d1', '/devices/d1', true],
  ['hub.example/devices/d1', '/devices/d1/messages/events', true],
  ['hub.example/devices/d1', '/devices/d10', false],
  ['hub.example/devices/d1', '/devices', false],
  ['hub.example/devices/d1', '/twins/d1', false],
  ['hub.example/devices/d1', '/', false],
  ['hub.example/devices/d1', '/Devices/d1', false],
  ['hub.example/a', 'sb://hub.example/a/ConsumerGroups/x', true],
  ['hub.example/a/$management', 'sb://hub.example/a', false],
]
for (const [scope, resource, expected] of covered)
  test(`a token for ${scope} ${expected ? 'covers' : 'does not cover'} ${resource}`, () =>
    assert.equal(coversResource(scope, resource), expected))
