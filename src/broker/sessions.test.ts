import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeDoor, FakeLink, alice, bob, message, newBroker, open, subjectOf, subscribe } from '../../test/broker-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import type { StoredWill } from './index.ts'

const will = (delaySeconds: number): StoredWill => ({
  topic: 'w',
  payload: Buffer.from('gone'),
  qos: 1,
  retain: false,
  properties: undefined,
  delaySeconds,
  stamp: Buffer.alloc(0),
})

function scene() {
  const clock = new FakeClock()
  const broker = newBroker({ now: () => clock.now() })
  const door = new FakeDoor()
  broker.open(door)
  const wait = (ms: number) => {
    clock.advance(ms)
    broker.tick()
  }
  return { clock, broker, door, wait }
}

test('a will goes out at once, after its delay, or when the session ends, whichever is first [MQTT-3.1.2-8]', () => {
  const { broker, door, wait } = scene()
  for (const [clientId, delay, expiry] of [
    ['now', 0, 60],
    ['no session', 30, 0],
    ['delayed', 30, 60],
    ['session ends', 90, 60],
  ] as const) {
    const link = new FakeLink()
    const { session } = open(broker, subjectOf('alice', clientId), link, { clean: false, expiry, will: will(delay) })
    broker.detach(session, link, 'publish')
  }
  const sent = () => door.wills.map(({ session }) => session.clientId)
  assert.deepEqual(sent(), ['now', 'no session'])
  wait(29_999)
  assert.equal(sent().length, 2)
  wait(1)
  assert.deepEqual(sent().slice(2), ['delayed'])
  wait(30_000)
  assert.deepEqual(sent().slice(3), ['session ends'])
  wait(90_000)
  assert.equal(sent().length, 4)
  assert.equal(door.kinds.filter((kind) => kind === 'will-sent').length, 2)
})

test('a client that is back in time keeps its will to itself; with Clean Start its session ends, and the will is sent [MQTT-3.1.3-9]', () => {
  for (const [clean, wills] of [
    [false, 0],
    [true, 1],
  ] as const) {
    const { broker, door, wait } = scene()
    const link = new FakeLink()
    const { session } = open(broker, alice, link, { clean: false, expiry: 60, will: will(30) })
    broker.detach(session, link, 'publish')
    open(broker, alice, new FakeLink(), { clean, expiry: 60 })
    wait(60_000)
    assert.equal(door.wills.length, wills)
  }
})

test('a will that is discarded, or whose owner is forgotten, is never sent', () => {
  const { broker, door, wait } = scene()
  const links = [new FakeLink(), new FakeLink()]
  for (const [index, link] of links.entries()) {
    const { session } = open(broker, subjectOf('alice', `${index}`), link, { clean: false, expiry: 60, will: will(30) })
    broker.detach(session, link, index === 0 ? 'discard' : 'publish')
  }
  broker.forgetOwner(alice.identity)
  wait(60_000)
  assert.deepEqual([door.wills.length, broker.sessions], [0, 0])
})

test('a session that ended with its taken over connection is not present', () => {
  const { broker } = scene()
  const old = new FakeLink()
  const { session } = open(broker, alice, old, { expiry: 0 })
  old.takenOver = () => broker.detach(session, old, 'publish')
  const fresh = open(broker, alice, new FakeLink(), { clean: false, expiry: 60 })
  assert.deepEqual([fresh.present, fresh.session === session, broker.sessions], [false, false, 1])
})

test('what happens to a stored session is recorded; of another only what was granted', () => {
  const { broker, door, wait } = scene()
  const link = new FakeLink()
  const { session } = open(broker, alice, link, { clean: false, expiry: 60 })
  subscribe(broker, session, 't')
  broker.unsubscribe(session, ['t', 'never had'])
  broker.detach(session, link, 'publish')
  wait(60_000)
  assert.deepEqual(door.kinds, ['session-opened', 'subscribed', 'unsubscribed', 'session-left', 'session-ended'])
  door.changes.length = 0
  const brief = new FakeLink()
  const other = open(broker, bob, brief)
  subscribe(broker, other.session, 't')
  broker.publish(message('t', 'x', { offset: 1 }))
  other.session.outgoing.acknowledge(1)
  broker.detach(other.session, brief, 'publish')
  wait(1_000)
  assert.deepEqual(door.kinds, ['subscribed'])
})

test('a session that stops being stored says so once, and ends with its connection', () => {
  const { broker, door } = scene()
  const link = new FakeLink()
  const { session } = open(broker, alice, link, { clean: false, expiry: 60 })
  broker.detach(session, link, 'publish')
  const again = new FakeLink()
  open(broker, alice, again, { clean: false, expiry: 0 })
  broker.detach(session, again, 'publish')
  assert.deepEqual(door.kinds, ['session-opened', 'session-left', 'session-opened', 'session-ended'])
})

test('acknowledgements at QoS 1 are gathered: one record for a session and tick', () => {
  const { broker, door, wait } = scene()
  const { session } = open(broker, bob, new FakeLink(), { clean: false, expiry: 60 })
  subscribe(broker, session, 't')
  door.changes.length = 0
  for (let offset = 1; offset <= 5; offset++) broker.publish(message('t', 'x', { offset }))
  for (let packetId = 1; packetId <= 5; packetId++) session.outgoing.acknowledge(packetId)
  assert.deepEqual(door.changes, [])
  wait(250)
  assert.deepEqual(door.kinds, ['session-progress'])
})

test('overlapping subscriptions give one copy: the highest QoS, every identifier, RETAIN if one asks for it [MQTT-3.3.4-3]', () => {
  const { broker } = scene()
  const link = new FakeLink()
  const { session } = open(broker, bob, link)
  subscribe(broker, session, 'a/#', 0, { identifier: 7 })
  subscribe(broker, session, 'a/b', 1, { identifier: 9, retainAsPublished: true })
  subscribe(broker, session, '+/b', 1)
  broker.publish(message('a/b', 'x', { retain: true }))
  broker.publish(message('a/c', 'x', { retain: true }))
  assert.deepEqual(
    link.sent.map(({ qos, retain, identifiers }) => ({ qos, retain, identifiers: identifiers.toSorted((a, b) => a - b) })),
    [
      { qos: 1, retain: true, identifiers: [7, 9] },
      { qos: 0, retain: false, identifiers: [7] },
    ],
  )
})

test('of overlapping subscriptions only those without No Local bring back an own message, with their identifiers alone', () => {
  const { broker } = scene()
  const link = new FakeLink()
  const { session } = open(broker, alice, link)
  subscribe(broker, session, 't', 1, { noLocal: true, identifier: 1 })
  subscribe(broker, session, '+', 0, { identifier: 2 })
  broker.publish(message('t', 'mine', { publisher: alice }))
  broker.publish(message('t', 'other', { publisher: bob }))
  assert.deepEqual(
    link.sent.map(({ body, qos, identifiers }) => [body, qos, identifiers.toSorted((a, b) => a - b)]),
    [
      ['mine', 0, [2]],
      ['other', 1, [1, 2]],
    ],
  )
})

test('a retained message expires, and one that has makes room for another', () => {
  const { clock, broker, wait } = scene()
  for (const topic of ['1', '2', '3']) broker.retained.set(message(topic))
  const expiresAt = new FakeClock(clock.now() + 5_000).now()
  broker.retained.set(message('4', 'x', { expiresAt }))
  const { session } = open(broker, bob)
  assert.equal(subscribe(broker, session, '#').retained.length, 4)
  assert.equal(broker.retained.set(message('5')), false)
  wait(5_000)
  assert.equal(subscribe(broker, session, '#').retained.length, 3)
  assert.equal(broker.retained.set(message('5')), true)
  assert.deepEqual(
    broker.retained.takeChanges().map(([topic, kept]) => [topic, kept !== undefined]),
    [
      ['1', true],
      ['2', true],
      ['3', true],
      ['4', false],
      ['5', true],
    ],
  )
})
