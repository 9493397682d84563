import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Subject } from '#base'
import { FakeDoor, FakeLink, alice, bob, message, newBroker, open, subscribe } from '../../test/broker-scene.ts'

/** An engine under a policy that the test takes topics out of. */
function scene() {
  const denied = new Set<string>()
  const may = (_: Subject, topic: string) => !denied.has(topic)
  const broker = newBroker({ mayReceive: may, mayPublish: may, maySubscribe: may })
  const door = new FakeDoor()
  broker.open(door)
  return { broker, door, denied }
}

const bodies = (link: FakeLink) => link.sent.map((sent) => sent.body)

test('mochi#286: what a wildcard brings is checked at delivery, for each topic', () => {
  const { broker, denied } = scene()
  const link = new FakeLink()
  const { session } = open(broker, bob, link)
  denied.add('secret')
  subscribe(broker, session, '#')
  for (const topic of ['open', 'secret']) broker.publish(message(topic, topic))
  assert.deepEqual(bodies(link), ['open'])
})

test('a policy that changes counts from the next message on, and routes that were remembered are forgotten', () => {
  const { broker, denied } = scene()
  const link = new FakeLink()
  const { session } = open(broker, bob, link)
  subscribe(broker, session, '#')
  broker.publish(message('t', 'before'))
  denied.add('t')
  broker.policyChanged()
  broker.publish(message('t', 'after'))
  denied.clear()
  broker.policyChanged()
  broker.publish(message('t', 'again'))
  assert.deepEqual(bodies(link), ['before', 'again'])
})

test('CVE-2021-34434: a stored session loses subscriptions that the policy no longer covers, at the change and when it is resumed', () => {
  for (const isTold of [true, false]) {
    const { broker, door, denied } = scene()
    const link = new FakeLink()
    const { session } = open(broker, bob, link, { clean: false, expiry: 60 })
    for (const filter of ['t', 'u']) subscribe(broker, session, filter)
    broker.detach(session, link, 'publish')
    denied.add('t')
    if (isTold) assert.equal(broker.policyChanged().subscriptionsRemoved, 1)
    const next = new FakeLink()
    open(broker, bob, next, { clean: false, expiry: 60 })
    assert.deepEqual([...session.subscriptions.keys()], ['u'])
    assert.ok(door.changes.some((change) => change.kind === 'unsubscribed' && change.filters.join() === 't'))
  }
})

test('queued messages that may not be had any more are dropped, counted and settled', () => {
  const { broker, door, denied } = scene()
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { clean: false, expiry: 60 })
  subscribe(broker, session, '#')
  broker.detach(session, link, 'publish')
  broker.publish(message('t', 'denied', { offset: 1 }))
  broker.publish(message('u', 'allowed', { offset: 2 }))
  denied.add('t')
  assert.equal(broker.policyChanged().messagesDropped, 1)
  broker.tick()
  assert.deepEqual(door.drops, [{ clientId: 'c', reason: 'denied', count: 1 }])
  assert.ok(door.changes.some((change) => change.kind === 'session-progress' && change.offsets.includes(1)))
  const next = new FakeLink()
  open(broker, bob, next, { clean: false, expiry: 60 })
  assert.deepEqual(bodies(next), ['allowed'])
})

test('mosquitto 2.0.12: what is in flight at QoS 2 is judged again before it is sent again', () => {
  const { broker, door, denied } = scene()
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { clean: false, expiry: 60 })
  subscribe(broker, session, '#', 2)
  for (const topic of ['t', 'u']) broker.publish(message(topic, topic, { qos: 2, offset: 1 }))
  door.flush()
  assert.deepEqual(bodies(link), ['t', 'u'])
  broker.detach(session, link, 'publish')
  denied.add('t')
  const next = new FakeLink()
  open(broker, bob, next, { clean: false, expiry: 60 })
  door.flush()
  assert.deepEqual(bodies(next), ['u'])
  // The client may hold the identifier, so it is released before another message gets it.
  assert.deepEqual(next.log.at(-1), { type: 'pubrel', packetId: 1, known: true })
  session.outgoing.completed(1)
  assert.deepEqual([session.backlog, session.drops], [1, 1])
})

test('CVE-2018-12546: a retained message is hidden when its publisher may not publish there any more, and shown when it may again', () => {
  const { broker, denied } = scene()
  broker.retained.set(message('t', 'kept', { retain: true }))
  const { session } = open(broker, bob)
  const found = () => subscribe(broker, session, '+').retained.length
  assert.equal(found(), 1)
  denied.add('t')
  assert.deepEqual(broker.policyChanged().retainedHidden, 1)
  assert.equal(found(), 0)
  denied.clear()
  assert.equal(found(), 1)
})

test('a retained message is not for a subscriber who may not have its topic', () => {
  const broker = newBroker({ mayReceive: (subject) => subject.username === 'alice' })
  broker.retained.set(message('t', 'kept', { retain: true }))
  const counts = [alice, bob].map((subject) => subscribe(broker, open(broker, subject).session, '#').retained.length)
  assert.deepEqual(counts, [1, 0])
})

test('an identity with other attributes is judged by them: routes, subscriptions and what waits', () => {
  const broker = newBroker({
    mayReceive: (subject, topic) => subject.attributes['site'] === topic,
    maySubscribe: (subject, filter) => subject.attributes['site'] === filter,
  })
  const link = new FakeLink()
  const at = (site: string): Subject => ({ ...bob, attributes: { site } })
  const { session } = open(broker, at('north'), link)
  subscribe(broker, session, 'north')
  broker.publish(message('north', '1'))
  broker.becomes(session, at('south'))
  broker.publish(message('north', '2'))
  // What this very connection was sent needs no protection any more.
  assert.deepEqual([bodies(link), session.subscriptions.size, session.backlog], [['1'], 0, 1])
})

test('a session that is resumed with other attributes gets what they allow, at once', () => {
  const broker = newBroker({ mayReceive: (subject, topic) => subject.attributes['site'] === topic })
  const at = (site: string): Subject => ({ ...bob, attributes: { site } })
  const first = new FakeLink()
  const { session } = open(broker, at('north'), first, { clean: false, expiry: 60 })
  subscribe(broker, session, '+')
  for (const topic of ['north', 'south']) broker.publish(message(topic, topic))
  broker.detach(session, first, 'publish')
  const next = new FakeLink()
  open(broker, at('south'), next, { clean: false, expiry: 60 })
  for (const topic of ['north', 'south']) broker.publish(message(topic, topic))
  assert.deepEqual([bodies(first), bodies(next)], [['north'], ['south']])
})
