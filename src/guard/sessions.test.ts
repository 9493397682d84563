import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceId, parseDeviceId } from '#base'
import type { Fact, FactOf } from '#journal'
import { FakeClock } from '../../test/fake-clock.ts'
import { SessionLog } from './sessions.ts'

const clockAt = () => new FakeClock(Date.UTC(2026, 5, 1, 12))

function id(name: string): DeviceId {
  const parsed = parseDeviceId(name)
  assert.ok(parsed.ok)
  return parsed.value
}

const connected = (clock: FakeClock, connection: string, address: string, version = 'TLSv1.3'): FactOf<'connected'> => ({
  kind: 'connected',
  time: clock.now(),
  device: 'pump-1',
  clientId: 'pump-1',
  connection,
  transport: 'mqtts',
  mqttVersion: 4,
  auth: { type: 'x509', scope: 'device', thumbprint: 'ab'.repeat(32) },
  address,
  tls: { version, cipher: 'TLS_AES_128_GCM_SHA256', resumed: false },
  connections: 1,
})

const takenOver = (clock: FakeClock, connection: string): Fact => ({
  kind: 'disconnected',
  time: clock.now(),
  device: 'pump-1',
  clientId: 'pump-1',
  connection,
  reason: 'taken-over',
  bytesIn: 0,
  bytesOut: 0,
  durationMs: 1,
})

test('sessions are counted by TLS version for 24 hours and no longer', () => {
  const clock = clockAt()
  const log = new SessionLog(clock)
  log.observe(connected(clock, 'a', '10.0.0.1'))
  log.observe(connected(clock, 'b', '10.0.0.1', 'TLSv1.1'))
  log.observe(connected(clock, 'c', '10.0.0.1', ''))
  assert.deepEqual(log.summary().byTlsVersion, { 'TLSv1.3': 1, 'TLSv1.1': 1 })
  assert.equal(log.summary().plaintext, 1, 'a session that names no TLS version ran without TLS')
  clock.advance(26 * 60 * 60_000)
  assert.deepEqual([log.summary().sessions, log.summary().plaintext], [0, 0])
})

test('the live view counts sessions older than the log, once', () => {
  const clock = clockAt()
  const log = new SessionLog(clock)
  const live = [
    {
      id: 'x',
      device: id('pump-2'),
      clientId: 'pump-2',
      address: '203.0.113.9',
      tls: { version: 'TLSv1.2' },
      auth: { type: 'x509', thumbprint: null },
    },
  ]
  log.look(live)
  log.look(live)
  assert.equal(log.summary().sessions, 1)
  assert.deepEqual(log.summary().publicPeers, ['203.0.113.9'])
  assert.equal(log.last(id('pump-2'))?.type, 'x509')
  assert.equal(log.last(id('pump-3')), undefined)
})

test('three takeovers in turn between two addresses within ten minutes are concurrent use [guard A-106]', () => {
  const clock = clockAt()
  const log = new SessionLog(clock)
  for (const [i, address] of ['10.0.0.1', '10.9.9.9', '10.0.0.1', '10.9.9.9'].entries()) {
    log.observe(connected(clock, `c${i}`, address))
    if (i > 0) log.observe(takenOver(clock, `c${i - 1}`))
    clock.advance(60_000)
    if (i < 3) assert.deepEqual(log.summary().concurrent, [])
  }
  const [use] = log.summary().concurrent
  assert.deepEqual([use?.device, use?.turns, use?.addresses], ['pump-1', 3, ['10.0.0.1', '10.9.9.9']])
  clock.advance(25 * 60 * 60_000)
  assert.deepEqual(log.summary().concurrent, [])
})

test('takeovers from one address, or slow ones, are a device that reconnects', () => {
  for (const [addresses, pauseMs] of [
    [['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.1'], 1_000],
    [['10.0.0.1', '10.9.9.9', '10.0.0.1', '10.9.9.9', '10.0.0.1'], 5 * 60_000],
  ] as const) {
    const clock = clockAt()
    const log = new SessionLog(clock)
    for (const [i, address] of addresses.entries()) {
      log.observe(connected(clock, `c${i}`, address))
      if (i > 0) log.observe(takenOver(clock, `c${i - 1}`))
      clock.advance(pauseMs)
    }
    assert.deepEqual(log.summary().concurrent, [])
  }
})

test('what a fleet can make the log hold is bounded', () => {
  const clock = clockAt()
  const log = new SessionLog(clock)
  for (let i = 0; i < 500; i++) log.observe(connected(clock, `c${i}`, `203.0.${i >> 8}.${i & 255}`))
  assert.equal(log.summary().publicPeers.length, 32)
  log.observe({ ...connected(clock, 'x', '10.0.0.1'), device: '#' })
})
