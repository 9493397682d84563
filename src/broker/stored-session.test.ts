import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type DeviceId, instant, parseDeviceId } from '#base'
import type { SessionState, StoredSubscription } from './session-change.ts'
import { decodeSession, encodeSession, optionsByte, subscriptionFrom } from './stored-session.ts'

const device = (text: string): DeviceId => {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}
const owner = device('pump-1')
const full: SessionState = {
  owner,
  clientId: 'höch\0"',
  subject: { identity: owner, username: 'pump-1', clientId: 'höch\0"', attributes: { site: 'a', constructor: 'x' } },
  connection: 'c-1',
  mqttVersion: 5,
  expirySeconds: 3_600,
  endedAt: instant(1_700_000_000_000),
  will: {
    topic: 'devices/pump-1/gone',
    payload: Buffer.from([0, 255]),
    qos: 2,
    retain: true,
    properties: { contentType: 'text/plain', userProperties: [['a', 'b']] },
    delaySeconds: 30,
    stamp: Buffer.from([1, 2, 3]),
  },
  willAt: instant(1_700_000_030_000),
  subscriptions: [
    { filter: 'a/+', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2, identifier: 268_435_455 },
    { filter: '$share/g/b/#', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: undefined },
  ],
  queue: [
    { offset: 2 ** 45, qos: 2, retain: false, identifiers: [] },
    { offset: 7, qos: 1, retain: true, identifiers: [1, 268_435_455] },
  ],
  inflight: [
    { offset: 5, qos: 1, retain: false, identifiers: [], packetId: 9, phase: 'sent' },
    { offset: 3, qos: 2, retain: false, identifiers: [4], packetId: 65_535, phase: 'released' },
  ],
  received: [1, 65_535],
}
const empty: SessionState = {
  ...full,
  subject: { ...full.subject, attributes: {} },
  endedAt: undefined,
  will: undefined,
  willAt: undefined,
  subscriptions: [],
  queue: [],
  inflight: [],
  received: [],
}

for (const [name, state] of Object.entries({ full, empty }))
  test(`a ${name} session comes back from its row as it was`, () => {
    assert.deepEqual(decodeSession(encodeSession({ state, routedTo: 70, changesTo: 77 })), {
      ok: true,
      value: { state, routedTo: 70, changesTo: 77 },
    })
  })

test('any queue comes back as it was', () => {
  const delivery = fc.record(
    {
      offset: fc.nat(2 ** 50),
      qos: fc.constantFrom(1 as const, 2 as const),
      retain: fc.boolean(),
      identifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 }),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(fc.array(delivery), (queue) => {
      const row = decodeSession(encodeSession({ state: { ...full, queue }, routedTo: 0, changesTo: 0 }))
      assert.deepEqual(row.ok && row.value.state.queue, queue)
    }),
  )
})

test('a full queue of a thousand neighbours costs a few kilobytes', () => {
  const queue = Array.from({ length: 1_000 }, (_, i) => ({ offset: 2 ** 40 + i, qos: 1 as const, retain: false, identifiers: [] }))
  assert.ok(encodeSession({ state: { ...empty, queue }, routedTo: 0, changesTo: 0 }).length < 6_000)
})

test('half a row, a hit row and anything else is a whole session or a refusal', () => {
  const row = encodeSession({ state: full, routedTo: 0, changesTo: 1 })
  for (let length = 0; length < row.length; length++) assert.equal(decodeSession(row.subarray(0, length)).ok, false)
  fc.assert(
    fc.property(fc.nat(row.length - 1), fc.nat(255), (at, value) => {
      const hit = Buffer.from(row)
      hit[at] = value
      const result = decodeSession(hit)
      if (!result.ok) assert.equal(result.error.code, 'broker/session-unreadable')
    }),
    { numRuns: 2_000 },
  )
})

for (const [what, change] of [
  ['no identity', { owner: '' }],
  ['no client', { clientId: 5 }],
  ['another version', { version: 2 }],
  ['a version of MQTT that is none', { mqttVersion: 3 }],
  ['a packet identifier of zero', { received: [0] }],
  ['a packet identifier that is too large', { received: [65_536] }],
  ['in flight without identifiers', { packetIds: [] }],
  ['QoS 1 that was released', { packetIds: [-9, -65_535] }],
  ['more identifiers than there are numbers', { queue: [1, 400] }],
  ['QoS 3', { subscriptions: [['a', 3, 0]] }],
  ['attributes that are no pairs', { attributes: [['a']] }],
  ['a will of QoS 3', { will: { topic: 'a', payload: '', qos: 3, retain: false, properties: '', delaySeconds: 0, stamp: '' } }],
] as const)
  test(`refuses a row with ${what}`, () => {
    const row: unknown = JSON.parse(encodeSession({ state: full, routedTo: 0, changesTo: 1 }).toString())
    const result = decodeSession(Buffer.from(JSON.stringify(Object.assign(Object(row), change))))
    assert.equal(result.ok ? 'taken' : result.error.code, 'broker/session-unreadable')
  })

test('the options byte is that of MQTT 5 section 3.8.3.1, and comes back', () => {
  const one: StoredSubscription = { filter: 'a', qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2, identifier: 3 }
  assert.equal(optionsByte(one), 0b101110)
  assert.deepEqual(subscriptionFrom('a', optionsByte(one), 3), one)
  for (const wrong of [3, 0x30, 0x40, 0x80]) assert.equal(subscriptionFrom('a', wrong, 0), undefined)
})
