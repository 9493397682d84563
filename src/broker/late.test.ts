import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, plus } from '#base'
import { FakeDoor, FakeLink, bob, message, newBroker, open, subjectOf, subscribe } from '../../test/broker-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'

// What changes while the disk takes its time: each of these was found by a random history, and is kept by name.

const bodies = (link: FakeLink) => link.sent.map(({ body, qos }) => `${body} ${qos}`)

test('what is retained and waits for SUBACK is judged again when it is sent', () => {
  let allowed = true
  const broker = newBroker({ mayReceive: () => allowed })
  broker.retained.set(message('t', 'kept', { retain: true }))
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { expiry: 60 })
  const { retained } = subscribe(broker, session, 't')
  allowed = false
  broker.sendRetained(session, retained)
  allowed = true
  assert.deepEqual([retained.length, bodies(link)], [1, []])
  broker.sendRetained(session, retained)
  assert.deepEqual(bodies(link), ['kept 1'])
})

test('what is retained and waits for SUBACK goes nowhere, and holds nothing, when its session is over', () => {
  const broker = newBroker()
  const door = new FakeDoor()
  broker.open(door)
  broker.retained.set(message('t', 'kept', { retain: true, offset: 0 }))
  const { session } = open(broker, bob, new FakeLink(), { expiry: 60 })
  const { retained } = subscribe(broker, session, 't')
  open(broker, bob, new FakeLink(), { expiry: 60, clean: true })
  broker.sendRetained(session, retained)
  assert.equal(broker.queuedBytes, 0)
  // The key is that of the session of now: a crash must not give it what it never asked for.
  assert.ok(!door.kinds.includes('session-queued'))
})

test('a message that expired before the disk had it is not sent, at any QoS [MQTT-3.3.2-5]', () => {
  const clock = new FakeClock()
  const broker = newBroker({ now: () => clock.now() })
  const link = new FakeLink()
  const { session } = open(broker, bob, link)
  const late = { expiresAt: instant(clock.now()), qos: 2 } as const
  for (const qos of [0, 1, 2] as const) {
    subscribe(broker, session, 't', qos)
    broker.publish(message('t', 'late', late))
    broker.publish(message('t', 'in time', { qos: 2, expiresAt: plus(clock.now(), 1) }))
  }
  assert.deepEqual(bodies(link), ['in time 0', 'in time 1', 'in time 2'])
  assert.deepEqual(session.takeDrops(), [['expired', 3]])
})

test('a QoS 2 message that expired while its identifier was written is not sent, and what comes behind it is', () => {
  const clock = new FakeClock()
  const broker = newBroker({ now: () => clock.now() })
  const door = new FakeDoor()
  broker.open(door)
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { expiry: 60, window: 1 })
  subscribe(broker, session, 't', 2)
  broker.publish(message('t', 'late', { qos: 2, offset: 1, expiresAt: plus(clock.now(), 1_000) }))
  broker.publish(message('t', 'next', { qos: 1, offset: 2 }))
  clock.advance(2_000)
  door.flush()
  assert.deepEqual([bodies(link), session.backlog], [['next 1'], 1])
})

test('what a member may not have any more goes to another of its group; without one it is counted as lost [MQTT-4.8.2-5]', () => {
  const denied = new Set<string>()
  const broker = newBroker({ mayReceive: (subject) => !denied.has(subject.identity) })
  const carol = subjectOf('carol')
  const link = new FakeLink()
  const away = new FakeLink()
  const first = open(broker, bob, away, { expiry: 60 }).session
  subscribe(broker, first, '$share/g/t')
  broker.detach(first, away, 'discard')
  broker.publish(message('t', 'handed on'))
  const second = open(broker, carol, link).session
  subscribe(broker, second, '$share/g/t')
  denied.add(bob.identity)
  assert.equal(broker.policyChanged().messagesDropped, 0)
  assert.deepEqual([bodies(link), first.backlog], [['handed on 1'], 0])
  second.outgoing.acknowledge(1)
  denied.add(carol.identity)
  denied.delete(bob.identity)
  broker.forgetOwner(carol.identity)
  broker.publish(message('t', 'lost'))
  denied.add(bob.identity)
  assert.deepEqual([broker.policyChanged().messagesDropped, first.takeDrops()], [1, [['denied', 1]]])
})

test('what a member leaves behind is for another that asked for QoS 0 as well [MQTT-4.8.2-5]', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { window: 1 })
  subscribe(broker, session, '$share/g/t')
  broker.publish(message('t', 'left behind'))
  const other = new FakeLink()
  subscribe(broker, open(broker, subjectOf('carol'), other).session, '$share/g/t', 0)
  broker.detach(session, link, 'discard')
  assert.deepEqual(bodies(other), ['left behind 0'])
})
