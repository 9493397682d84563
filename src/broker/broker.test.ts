import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits } from '#base'
import { matches } from '#wire/mqtt'
import { FakeLink, alice, bob, message, newBroker, open, subjectOf, subscribe } from '../../test/broker-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { SubscriptionTree } from './index.ts'

test('the tree finds exactly what the matcher says, for any subscriptions and topics', () => {
  const level = fc.constantFrom('a', 'b', '', '$x')
  const filter = fc
    .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  const topic = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'))
  const options = { qos: 0, noLocal: false, retainAsPublished: false } as const
  fc.assert(
    fc.property(fc.uniqueArray(filter, { maxLength: 12 }), fc.array(fc.nat(11), { maxLength: 6 }), topic, (filters, removed, name) => {
      const tree = new SubscriptionTree<string>()
      for (const text of filters) tree.add(text, text, options)
      tree.route(name)
      const gone = new Set(removed.map((index) => filters[index]))
      for (const text of gone) if (text !== undefined) tree.remove(text, text)
      const left = filters.filter((text) => !gone.has(text))
      assert.deepEqual(
        tree
          .route(name)
          .map((entry) => (entry.group === undefined ? entry.subscriber : 'a group'))
          .sort(),
        left.filter((text) => matches(text, name)).sort(),
      )
      assert.equal(tree.size, left.length)
    }),
    { numRuns: 3_000 },
  )
})

test('a subscriber with several matching filters gets one message at the highest QoS [MQTT-3.3.5-1]', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, bob, link)
  subscribe(broker, session, 'a/#', 0)
  subscribe(broker, session, 'a/b', 1)
  broker.publish(message('a/b'))
  assert.deepEqual(
    link.sent.map((sent) => [sent.qos, sent.packetId]),
    [[1, 1]],
  )
})

test('QoS 1 to a client stops at its Receive Maximum and goes on with each PUBACK [MQTT-3.3.4-9]', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { window: 2 })
  subscribe(broker, session, 't')
  for (const body of ['1', '2', '3', '4']) broker.publish(message('t', body))
  assert.deepEqual(
    link.sent.map((sent) => sent.body),
    ['1', '2'],
  )
  session.outgoing.acknowledge(2)
  session.outgoing.acknowledge(2)
  session.outgoing.acknowledge(999)
  assert.deepEqual(
    link.sent.map((sent) => sent.body),
    ['1', '2', '3'],
  )
  assert.equal(session.backlog, 3)
})

test('a resumed session gets what was not acknowledged again with DUP, then what came meanwhile, in order [MQTT-4.4.0-1]', () => {
  const broker = newBroker()
  const first = new FakeLink()
  const { session } = open(broker, bob, first, { clean: false, expiry: 60, window: 1 })
  subscribe(broker, session, 't')
  broker.publish(message('t', '1'))
  broker.detach(session, first, 'publish')
  broker.publish(message('t', '2'))
  const second = new FakeLink()
  const again = open(broker, bob, second, { clean: false, expiry: 60, window: 5 })
  assert.equal(again.present, true)
  assert.deepEqual(
    second.sent.map((sent) => [sent.body, sent.dup]),
    [
      ['1', true],
      ['2', false],
    ],
  )
})

test('mosquitto#3551: another identity with the same client id neither resumes nor erases the session', () => {
  const broker = newBroker()
  const victim = new FakeLink()
  const { session } = open(broker, subjectOf('alice', 'same'), victim, { clean: false, expiry: 60 })
  subscribe(broker, session, 't')
  const thief = new FakeLink()
  const stolen = open(broker, subjectOf('bob', 'same'), thief, { clean: false, expiry: 60 })
  assert.equal(stolen.present, false)
  open(broker, subjectOf('bob', 'same'), new FakeLink(), { clean: true })
  broker.publish(message('t', 'for alice'))
  assert.equal(victim.isTakenOver, false)
  assert.deepEqual(
    victim.sent.map((sent) => sent.body),
    ['for alice'],
  )
  assert.deepEqual(thief.sent, [])
})

test('the same identity takes its session over; the old connection cannot end the new one', () => {
  const broker = newBroker()
  const old = new FakeLink('old')
  const { session } = open(broker, alice, old, { clean: false, expiry: 60 })
  subscribe(broker, session, 't')
  const fresh = new FakeLink('fresh')
  open(broker, alice, fresh, { clean: false, expiry: 60 })
  assert.equal(old.isTakenOver, true)
  broker.detach(session, old, 'publish')
  broker.publish(message('t'))
  assert.equal(fresh.sent.length, 1)
})

test('clean start forgets subscriptions and queue; a session without expiry ends with its connection', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, alice, link, { clean: false, expiry: 60 })
  subscribe(broker, session, 't')
  assert.equal(open(broker, alice, new FakeLink(), { clean: true }).present, false)
  assert.equal(broker.subscriptions, 0)
  const brief = new FakeLink()
  const other = open(broker, subjectOf('bob', 'x'), brief)
  broker.detach(other.session, brief, 'publish')
  assert.equal(broker.sessions, 1)
})

test('sessions expire when their time is over by the wall clock, not before', () => {
  const clock = new FakeClock()
  const broker = newBroker({ now: () => clock.now() })
  const link = new FakeLink()
  const { session } = open(broker, alice, link, { clean: false, expiry: 60 })
  broker.detach(session, link, 'publish')
  clock.advance(59_999)
  broker.tick()
  assert.equal(broker.sessions, 1)
  clock.advance(1)
  broker.tick()
  assert.equal(broker.sessions, 0)
})

test('retained: replaced, sent on subscribe as asked, deleted by an empty payload, bounded', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, alice, link)
  assert.equal(broker.retained.set(message('s/1', 'old', { retain: true })), true)
  assert.equal(broker.retained.set(message('s/1', 'new', { retain: true })), true)
  const bodies = (filter: string, retainHandling: 0 | 1 | 2) =>
    subscribe(broker, session, filter, 1, { retainHandling }).retained.map((kept) => kept.message.payload.toString())
  assert.deepEqual(bodies('s/+', 0), ['new'])
  assert.deepEqual(bodies('s/+', 0), ['new'])
  assert.deepEqual(bodies('s/+', 1), [])
  assert.deepEqual(bodies('#', 1), ['new'])
  assert.deepEqual(bodies('s/1', 2), [])
  for (const topic of ['s/2', 's/3', 's/4']) assert.equal(broker.retained.set(message(topic)), true)
  assert.equal(broker.retained.set(message('s/5')), false)
  assert.equal(broker.retained.set(message('s/2', 'y'.repeat(20_000))), false)
  assert.deepEqual(bodies('s/2', 0), ['x'])
  assert.equal(broker.retained.set(message('s/1', '')), true)
  assert.deepEqual(bodies('s/1', 0), [])
})

test('a queue is bounded by messages and by bytes, and what is dropped is counted', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, alice, link, { clean: false, expiry: 60 })
  subscribe(broker, session, 't')
  broker.detach(session, link, 'publish')
  for (let i = 0; i < limits.clientQueueMessages + 5; i++) broker.publish(message('t', 'x'))
  assert.equal(session.drops, 5)
  const big = newBroker()
  const other = open(big, alice, link, { clean: false, expiry: 60 })
  subscribe(big, other.session, 't')
  big.detach(other.session, link, 'publish')
  for (let i = 0; i < 12; i++) big.publish(message('t', 'x'.repeat(200_000)))
  assert.equal(other.session.backlog, 5)
})

test('a slow client loses QoS 0 and nothing else', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, alice, link)
  subscribe(broker, session, 't')
  link.writable = false
  broker.publish(message('t', 'zero', { qos: 0 }))
  broker.publish(message('t', 'one'))
  assert.deepEqual(
    link.sent.map((sent) => sent.body),
    ['one'],
  )
  assert.equal(session.drops, 1)
})

test('a queued message does not keep its receive buffer alive', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, alice, link, { clean: false, expiry: 60 })
  subscribe(broker, session, 't')
  broker.detach(session, link, 'publish')
  const buffer = Buffer.from('....payload....')
  broker.publish({ ...message('t'), payload: buffer.subarray(4, 11) })
  buffer.fill(0)
  const again = new FakeLink()
  open(broker, alice, again, { clean: false, expiry: 60 })
  assert.deepEqual(
    again.sent.map((sent) => sent.body),
    ['payload'],
  )
})

test('No Local: a client does not get its own message back, from whatever connection it came [MQTT-3.8.3-3]', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, alice, link)
  subscribe(broker, session, 't', 1, { noLocal: true })
  broker.publish(message('t', 'mine', { publisher: alice, from: 'an earlier connection' }))
  broker.publish(message('t', 'another client of mine', { publisher: subjectOf('alice', 'other') }))
  broker.publish(message('t', 'of another identity', { publisher: bob }))
  assert.deepEqual(
    link.sent.map((sent) => sent.body),
    ['another client of mine', 'of another identity'],
  )
})

test('packet identifiers wrap around and never collide with one in flight', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, alice, link, { window: 3 })
  subscribe(broker, session, 't')
  broker.publish(message('t', 'stays'))
  for (let i = 0; i < 70_000; i++) {
    broker.publish(message('t'))
    const last = link.sent.at(-1)
    assert.ok(last !== undefined && last.packetId >= 1 && last.packetId <= 0xffff && (i === 0 || last.packetId !== 1))
    session.outgoing.acknowledge(last.packetId)
    link.log.length = 1
  }
})
