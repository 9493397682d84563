import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reasonCodes } from '#wire/mqtt'
import { gateway } from './gateway-scene.test.ts'
import { Admission, defaultAdmissionLimits } from './admission.ts'

test('sessions of one identity are bounded, stored ones too; one that is there can be resumed', async () => {
  const { connect } = gateway({ limits: { sessionsPerIdentity: 2, connectionsPerIdentity: 16 } })
  for (const clientId of ['one', 'two']) connect('pump-1', { clientId, cleanStart: false }).connection.lost()
  const third = connect('pump-1', { clientId: 'three', version: 5 })
  const [refused] = await third.received()
  assert.ok(refused?.type === 'connack')
  assert.equal(refused.reasonCode, reasonCodes['quota-exceeded'])
  assert.match(refused.properties?.reasonString ?? '', /^gateway\/too-many-sessions/)
  const [resumed] = await connect('pump-1', { clientId: 'one', cleanStart: false }).received()
  assert.ok(resumed?.type === 'connack' && resumed.sessionPresent)
  const [other] = await connect('pump-2', { clientId: 'three' }).received()
  assert.ok(other?.type === 'connack' && other.reasonCode === 0, 'another identity has its own bound')
})

test('an identity that publishes too fast is slowed down, on all of its connections together, and loses nothing', () => {
  const { connect, desk, clock } = gateway({ limits: { publishesPerSecondPerIdentity: 10 } })
  const pass = (ms: number) => {
    clock.advance(ms)
    desk.tick = clock.monotonic()
    for (const connection of desk.live()) connection.wake()
  }
  const [one, two] = [connect('pump-1', { clientId: 'a' }), connect('pump-1', { clientId: 'b' })]
  for (let i = 0; i < 20; i++) {
    one.publish('devices/pump-1/x', 0, undefined)
    two.publish('devices/pump-1/x', 0, undefined)
  }
  assert.deepEqual([desk.counters.messagesIn, one.transport.paused, two.transport.paused], [10, true, true])
  const free = connect('pump-2')
  free.publish('devices/pump-2/x', 0, undefined)
  assert.equal(desk.counters.messagesIn, 11, 'another identity is not held back')
  pass(1_000)
  assert.equal(desk.counters.messagesIn, 21)
  for (let i = 0; i < 10; i++) pass(1_000)
  assert.equal(desk.counters.messagesIn, 41, 'all forty came in the end')
  assert.equal(one.transport.paused, false)
})

test('an overloaded hub drops QoS 0 and counts it; QoS 1 goes through', () => {
  const { connect, desk, journal } = gateway()
  const client = connect('pump-1')
  const load = { loopDelayMs: 0, journalPendingBytes: 0, unsentBytes: 0, memoryShare: 0.95 }
  desk.overload.measured(load)
  const before = journal.records.length
  client.publish('devices/pump-1/x', 0, undefined)
  client.publish('devices/pump-1/x', 1, 1)
  assert.deepEqual([desk.counters.droppedQos0, journal.records.length - before], [1, 1])
})

test('a strained hub refuses CONNECT with 0x89, tells the journal, and takes clients again when it has recovered', async () => {
  const { connect, desk, clock, facts } = gateway()
  const load = { loopDelayMs: 0, journalPendingBytes: 0, unsentBytes: 0, memoryShare: 0.85 }
  desk.overload.measured(load)
  const [refused] = await connect('pump-1', { version: 5 }).received()
  assert.ok(refused?.type === 'connack' && refused.reasonCode === reasonCodes['server-busy'])
  assert.deepEqual(desk.overload.reasons, ['load strained: memory in use'])
  desk.overload.measured({ ...load, memoryShare: 0.1 })
  clock.advance(5_000)
  desk.overload.measured({ ...load, memoryShare: 0.1 })
  const [welcome] = await connect('pump-1', { version: 5 }).received()
  assert.ok(welcome?.type === 'connack' && welcome.reasonCode === 0)
  const told = facts().filter(({ kind }) => kind === 'overloaded' || kind === 'recovered')
  assert.deepEqual(
    told.map((fact) => (fact.kind === 'recovered' ? [fact.kind, fact.durationMs, fact.refusedConnections] : [fact.kind])),
    [['overloaded'], ['recovered', 5_000, 1]],
  )
})

test('a denied client waits for its answer when its address has guessed too often [edge 1.5]', async () => {
  const { connect, clock } = gateway()
  const admission = new Admission({ ...defaultAdmissionLimits, deniedConnects: 2 }, clock, { takesConnections: true })
  const answers: number[] = []
  for (let i = 0; i < 4; i++) {
    const ticket = admission.enter('192.0.2.1', false)
    assert.ok('leave' in ticket)
    const client = connect('stranger', { version: 5 }, ticket)
    let waited = 0
    while (client.transport.state === 'open') {
      clock.advance(50)
      waited += 50
    }
    answers.push(waited)
    assert.ok((await client.received()).some((packet) => packet.type === 'connack' && packet.reasonCode === 0x87))
    ticket.leave()
  }
  assert.deepEqual(answers, [0, 0, 100, 200])
})

test('a late ticket is answered with its own reason, before anybody is authenticated', async () => {
  const { connect, clock } = gateway()
  const admission = new Admission({ ...defaultAdmissionLimits, connectionsPerAddress: 0 }, clock, { takesConnections: true })
  const ticket = admission.enter('192.0.2.1', false)
  assert.ok('leave' in ticket)
  for (const [version, code] of [
    [5, reasonCodes['quota-exceeded']],
    [4, reasonCodes['server-unavailable']],
  ] as const) {
    const [refused] = await connect('stranger', { version }, ticket).received()
    assert.ok(refused?.type === 'connack')
    assert.equal(refused.reasonCode, code)
  }
})
