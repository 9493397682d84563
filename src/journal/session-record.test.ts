import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant } from '#base'
import { type SessionRecord, decodeRecord, decodeSessionRecord, encodeSessionRecord, isSessionRecord, recordKind } from './index.ts'

const time = instant(Date.UTC(2026, 0, 1))
const session = { owner: 'pump-1', clientId: 'höch' }
const subject = { identity: 'pump-1', username: 'pump-1', clientId: 'höch', attributes: { site: 'a', constructor: 'b' } }
const will = { topic: 'devices/pump-1/gone', payload: 'eA==', qos: 2, retain: true, properties: '', delaySeconds: 60, stamp: '' }
const opened = {
  kind: 'session-opened',
  session,
  subject,
  connection: 'c-1',
  cleanStart: false,
  expirySeconds: 60,
  mqttVersion: 5,
} as const

const records: readonly SessionRecord[] = [
  { ...opened, will: null },
  { ...opened, will },
  { kind: 'session-left', session, expirySeconds: 60, endedAt: 5, willAt: 6 },
  { kind: 'session-left', session, expirySeconds: 60, endedAt: 5, willAt: null },
  { kind: 'will-sent', session },
  { kind: 'session-ended', session, reason: 'expired' },
  { kind: 'qos2-released', session, packetId: 1 },
  { kind: 'qos2-sent', session, packetId: 0xffff, offset: 2 ** 48 - 1 },
  { kind: 'qos2-pubrec', session, packetId: 2 },
  { kind: 'qos2-completed', session, packetId: 3 },
  { kind: 'session-queued', session, deliveries: [] },
  {
    kind: 'session-queued',
    session,
    deliveries: [
      { offset: 9, qos: 2, retain: true, identifiers: [1, 268_435_455] },
      { offset: 2 ** 52, qos: 1, retain: false, identifiers: [] },
    ],
  },
  { kind: 'session-progress', session, offsets: [] },
  { kind: 'group-progress', filter: '$share/g/a/+', offsets: [4, 9] },
  { kind: 'session-progress', session, offsets: [0, 1, 2, 7, 2 ** 45, 2 ** 45 + 1] },
]

for (const record of records)
  test(`a record of kind ${record.kind} comes back as it was written, and is no fact`, () => {
    const bytes = encodeSessionRecord(record, time)
    assert.deepEqual(decodeSessionRecord(bytes), { ok: true, value: record })
    assert.deepEqual([isSessionRecord(bytes), recordKind(bytes)], [true, undefined])
    const fact = decodeRecord(bytes)
    assert.equal(fact.ok ? 'ok' : fact.error.code, 'journal/record-unknown')
  })

test('settled offsets come back in order, each once, however they were gathered', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(200)), (offsets) => {
      const back = decodeSessionRecord(encodeSessionRecord({ kind: 'session-progress', session, offsets }, time))
      assert.deepEqual(
        back.ok && back.value.kind === 'session-progress' && back.value.offsets,
        [...new Set(offsets)].sort((a, b) => a - b),
      )
    }),
  )
})

test('a thousand acknowledgements in a row cost a few bytes', () => {
  const offsets = Array.from({ length: 1_000 }, (_, i) => 2 ** 40 + i)
  assert.ok(encodeSessionRecord({ kind: 'session-progress', session, offsets }, time).length < 50)
})

test('only a change or a refusal comes out, whatever the bytes', () => {
  for (const record of records) {
    const bytes = encodeSessionRecord(record, time)
    for (let length = 0; length < bytes.length; length++) {
      const cut = decodeSessionRecord(bytes.subarray(0, length))
      if (!['session-progress', 'session-queued', 'group-progress'].includes(record.kind)) assert.equal(cut.ok, false)
    }
  }
  const seeds = records.map((record) => encodeSessionRecord(record, time))
  fc.assert(
    fc.property(fc.constantFrom(...seeds), fc.nat(), fc.nat({ max: 255 }), (record, at, value) => {
      const hit = Buffer.from(record)
      hit[at % hit.length] = value
      assert.equal(typeof decodeSessionRecord(hit).ok, 'boolean')
    }),
    { numRuns: 3_000 },
  )
})

test('a damaged length does not become a long loop', () => {
  const bytes = encodeSessionRecord({ kind: 'session-progress', session, offsets: [1] }, time)
  const hostile = Buffer.concat([bytes.subarray(0, -1), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07])])
  assert.equal(decodeSessionRecord(hostile).ok, false)
})
