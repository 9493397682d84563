import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant } from '#base'
import {
  type JsonFact,
  type TelemetryFact,
  decodeRecord,
  encodeFact,
  encodeTelemetry,
  isQueuedTelemetry,
  isRetainedTelemetry,
  peekTelemetry,
  recordKind,
} from './index.ts'

const time = instant(Date.UTC(2026, 0, 1))

const telemetry: TelemetryFact = {
  kind: 'telemetry',
  time,
  device: 'pump-1',
  auth: '{"scope":"device","type":"x509Certificate"}',
  generation: '638',
  connection: 'c-1',
  transport: 'mqtts',
  topic: 'devices/pump-1/messages/events/temperature=höch',
  qos: 1,
  retain: false,
  dup: true,
  mqttVersion: 5,
  properties: Buffer.from([0x26, 0, 1, 0x61, 0, 1, 0x62]),
  body: Buffer.from('{"bar":3.1}'),
}

const session = { device: 'pump-1', clientId: 'pump-1', connection: 'c-1' }
const meeting = {
  address: '192.0.2.7',
  thumbprint: 'cd',
  former: { device: 'pump-1', connection: 'c-0', address: '192.0.2.1', thumbprint: 'ab' },
}
const load = { loopDelayMs: 1.5, journalPendingBytes: 0, unsentBytes: 7, memoryShare: 0.25 }
const facts: readonly JsonFact[] = [
  {
    kind: 'connected',
    time,
    ...session,
    transport: 'wss',
    mqttVersion: 4,
    auth: { type: 'x509Certificate', scope: 'device', thumbprint: null },
    address: '192.0.2.1:5',
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', resumed: true },
    connections: 2,
  },
  { kind: 'disconnected', time, ...session, reason: 'peer-left', bytesIn: 10, bytesOut: 2, durationMs: 5.5, quiet: true },
  { kind: 'connection-settled', time, device: 'pump-1', connection: 'c-1', state: 'connected', held: 3 },
  {
    kind: 'denied',
    time,
    device: 'pump-1',
    clientId: 'x',
    action: 'publish',
    topic: 'a/b',
    rule: null,
    code: 'access/no-rule',
    decision: 'd-1',
  },
  { kind: 'refused', time, code: 'gateway/no-certificate', message: 'No certificate.', address: '192.0.2.1:5', listener: 'mqtts' },
  {
    kind: 'refused',
    time,
    code: 'pki/unknown-issuer',
    message: 'Unknown issuer.',
    address: '192.0.2.1:5',
    listener: 'mqtts',
    certificate: { subject: 'CN=x', fingerprint: 'ab', issuer: 'CN=y' },
    device: 'x',
  },
  { kind: 'device-created', time, device: 'pump-1', actor: 'anna' },
  { kind: 'device-changed', time, device: 'pump-1', actor: 'anna', changes: ['disabled'] },
  { kind: 'device-deleted', time, device: 'pump-1', actor: 'anna' },
  {
    kind: 'certificate-issued',
    time,
    device: 'pump-1',
    actor: 'anna',
    serial: '01',
    thumbprint: 'ab',
    issuer: 'CN=i',
    notBefore: 1,
    notAfter: 2,
  },
  { kind: 'revoked', time, device: 'pump-1', actor: 'anna', reason: 'stolen', thumbprint: null },
  { kind: 'session-closed', time, device: 'pump-1', actor: 'anna', reason: 'revoked', sessions: 3, closed: 3, durationMs: 41 },
  { kind: 'journal-damage', time, segment: '1', first: 3, last: 3, reason: 'checksum' },
  { kind: 'finding', time, check: 'TW-DAR-01', severity: 'high', status: 'fail', message: 'Keys are plain files.' },
  { kind: 'reconnected', time, ...session, ...meeting, why: 'same-place', keyChanged: false, takeovers: 1 },
  { kind: 'clone-suspected', time, ...session, ...meeting, certain: true, takeovers: 4, count: 2 },
  {
    kind: 'theft-suspected',
    time,
    ...session,
    ...meeting,
    former: { device: 'pump-2', connection: null, address: null, thumbprint: null },
    why: 'other-identity',
    refused: false,
  },
  { kind: 'overloaded', time, level: 'strained', from: 'normal', reasons: ['loop delay'], ...load },
  { kind: 'recovered', time, durationMs: 5_000, refusedConnections: 3, droppedMessages: 0, ...load },
  { kind: 'subscribed', time, ...session, filters: ['a/+', '$share/g/b'], options: [1, 2], identifiers: [0, 5] },
  { kind: 'unsubscribed', time, ...session, filters: ['a/+'] },
  {
    kind: 'twin-reported',
    time,
    device: 'pump-1/vision',
    generation: '638',
    twinVersion: 4,
    patch: { fw: '1.2', gone: null, deep: { list: [1, 'x', { a: true }] } },
    version: 3,
  },
  {
    kind: 'twin-changed',
    time,
    device: 'pump-1',
    generation: '638',
    twinVersion: 5,
    actor: 'operator:ann',
    replaces: false,
    desiredVersion: 2,
    etag: 'AAAAAAAAAAI=',
    desired: { interval: 5 },
    configurations: { slow: 'Applied', old: null },
    cause: { kind: 'configuration', id: 'slow' },
  },
  { kind: 'configuration-changed', time, actor: 'operator:ann', action: 'create', id: 'slow' },
  { kind: 'configurations-evaluated', time, configurations: 2, changed: 100, durationMs: 12.5 },
  { kind: 'configuration-content-applied', time, device: 'pump-1', actor: 'operator:ann', twins: 2 },
  { kind: 'model-announced', time, device: 'pump-1', generation: '638', modelId: 'dtmi:com:example:Pump;1' },
  { kind: 'c2d-enqueued', time, device: 'a/m', messageId: 'm1', sequenceNumber: 7, actor: 'service:erp', bytes: 12, expiresAt: 1_000 },
  { kind: 'c2d-completed', time, device: 'a', messageId: null, sequenceNumber: 7, deliveryCount: 2 },
  { kind: 'c2d-dead-lettered', time, device: 'a', messageId: 'm1', sequenceNumber: 7, deliveryCount: 10, reason: 'delivery-count' },
  { kind: 'c2d-purged', time, device: 'a', actor: 'operator:ann', count: 3 },
  {
    kind: 'method-called',
    time,
    device: 'a',
    actor: 'job:j',
    method: 'reboot',
    status: null,
    code: 'hub/method-timeout',
    durationMs: 30_000,
  },
  { kind: 'file-upload-started', time, device: 'a', correlationId: 'c', blobName: 'a/b.txt' },
  { kind: 'file-uploaded', time, device: 'a', correlationId: 'c', blobName: 'a/b.txt', bytes: null, succeeded: false },
  { kind: 'service-messages-dropped', time, queue: 'feedback', reason: 'full', count: 64 },
  { kind: 'import-started', time, import: 'i', actor: 'operator:o', create: 1, update: 2, delete: 3, same: 4, refused: 5 },
  { kind: 'import-ended', time, import: 'i', status: 'completed', done: 9, failed: 1 },
  { kind: 'routes-changed', time, actor: 'operator:o', version: 2, digest: 'ab', what: 'put route hot' },
  { kind: 'endpoint-changed', time, actor: 'operator:o', action: 'change', endpoint: 'lake', type: 'file' },
  { kind: 'egress-failed', time, endpoint: 'lake', reason: 'answered 503', since: 1, tries: 3 },
  { kind: 'egress-recovered', time, endpoint: 'lake', durationMs: 9 },
  { kind: 'egress-lost', time, endpoint: 'lake', first: 4, last: 9 },
  { kind: 'egress-dead-lettered', time, endpoint: 'lake', reason: 'answered 400', count: 1, first: 7, trimmed: 1 },
  { kind: 'job-started', time, job: 'j', jobType: 'scheduleUpdateTwin', actor: 'operator:o' },
  {
    kind: 'job-device-ended',
    time,
    job: 'j',
    jobType: 'scheduleDeviceMethod',
    device: 'a/m',
    status: 'failed',
    createdTime: 1,
    startTime: 2,
    code: 'hub/device-offline',
    description: 'x',
  },
  {
    kind: 'job-ended',
    time,
    job: 'j',
    jobType: 'scheduleDeviceMethod',
    status: 'completed',
    devices: 3,
    succeeded: 2,
    failed: 1,
    canceled: 0,
  },
  { kind: 'hub-started', time, version: '0.1.0', listeners: ['mqtts://127.0.0.1:8883'] },
]

test('telemetry comes back as it was written', () => {
  assert.deepEqual(decodeRecord(encodeTelemetry(telemetry)), { ok: true, value: telemetry })
})

test('a QoS 2 message and its packet identifier are one record, which everyone reads as telemetry', () => {
  const received: TelemetryFact = { ...telemetry, qos: 2, retain: true, packetId: 0xffff }
  const record = encodeTelemetry(received)
  assert.deepEqual(decodeRecord(record), { ok: true, value: received })
  assert.deepEqual([recordKind(record), isRetainedTelemetry(record), isQueuedTelemetry(record)], ['telemetry', true, true])
  assert.equal(isQueuedTelemetry(encodeTelemetry({ ...telemetry, qos: 0 })), false)
  const { topic, connection } = telemetry
  assert.deepEqual(peekTelemetry(record), { topic, connection, qos: 2, retain: true, packetId: 0xffff })
  assert.deepEqual(peekTelemetry(encodeTelemetry(telemetry)), { topic, connection, qos: 1, retain: false, packetId: 0 })
  assert.equal(peekTelemetry(encodeTelemetry({ ...telemetry, qos: 0 })), undefined)
  for (let length = 0; length < record.length - received.body.length; length++)
    assert.equal(decodeRecord(record.subarray(0, length)).ok, false)
})

test('any telemetry comes back as it was written', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
  const words = fc.string({ unit: 'binary', maxLength: 40 })
  fc.assert(
    fc.property(
      fc.record({
        topic: words,
        device: words,
        auth: words,
        properties: bytes,
        body: bytes,
        qos: fc.constantFrom(0, 1, 2),
        dup: fc.boolean(),
        retain: fc.boolean(),
      }),
      (part) => {
        const fact: TelemetryFact = { ...telemetry, ...part }
        assert.deepEqual(decodeRecord(encodeTelemetry(fact)), { ok: true, value: fact })
      },
    ),
  )
})

for (const fact of facts)
  test(`a fact of kind ${fact.kind} comes back as it was written`, () => {
    assert.deepEqual(decodeRecord(encodeFact(fact)), { ok: true, value: fact })
    assert.equal(recordKind(encodeFact(fact)), fact.kind)
  })

test('a fact with more fields than we know is read, without them', () => {
  const wider = { kind: 'device-created', time, device: 'pump-1', actor: 'anna', colour: 'red' } as const
  assert.deepEqual(decodeRecord(encodeFact(wider)), { ok: true, value: { kind: 'device-created', time, device: 'pump-1', actor: 'anna' } })
})

test('records of a later release are refused as unknown, not as damaged', () => {
  const record = encodeTelemetry(telemetry)
  for (const [at, value] of [
    [0, 2],
    [1, 200],
  ] as const) {
    const other = Buffer.from(record)
    other[at] = value
    const result = decodeRecord(other)
    assert.equal(result.ok ? 'ok' : result.error.code, 'journal/record-unknown')
  }
})

test('only a fact or a refusal comes out, whatever the bytes', () => {
  const seeds = [encodeTelemetry(telemetry), ...facts.map(encodeFact)]
  for (const record of seeds)
    for (let length = 0; length < record.length; length++) {
      const cut = decodeRecord(record.subarray(0, length))
      if (record[1] !== 1) assert.equal(cut.ok, false)
    }
  fc.assert(
    fc.property(fc.constantFrom(...seeds), fc.nat(), fc.nat({ max: 255 }), (record, at, value) => {
      const hit = Buffer.from(record)
      hit[at % hit.length] = value
      assert.equal(typeof decodeRecord(hit).ok, 'boolean')
    }),
    { numRuns: 2_000 },
  )
})
