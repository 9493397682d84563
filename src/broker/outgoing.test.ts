import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plus } from '#base'
import { FakeDoor, FakeLink, bob, message, newBroker, open, sessionLimits, subjectOf, subscribe } from '../../test/broker-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'

/** A stored subscriber at QoS 2, on a disk that waits for the test. */
function stored(more: { window?: number } = {}) {
  const broker = newBroker()
  const door = new FakeDoor()
  broker.open(door)
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { clean: false, expiry: 60, ...more })
  subscribe(broker, session, 't', 2)
  door.flush()
  door.changes.length = 0
  door.durableTo = 0
  const again = (window = 10) => {
    const next = new FakeLink()
    open(broker, bob, next, { clean: false, expiry: 60, window })
    return next
  }
  return { broker, door, link, session, again }
}

const bodies = (link: FakeLink) => link.sent.map((sent) => sent.body)
const two = (body: string, offset = 1) => message('t', body, { qos: 2, offset })

test('QoS 2 to a session that is not stored: PUBLISH, PUBREL on PUBREC, done on PUBCOMP [MQTT-4.3.3-1 to -7]', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, bob, link)
  subscribe(broker, session, 't', 2)
  broker.publish(two('x'))
  session.outgoing.received(1, 0)
  session.outgoing.received(1, 0)
  session.outgoing.completed(1)
  assert.deepEqual(
    link.log.map((sent) => (sent.type === 'publish' ? [sent.qos, sent.packetId] : ['pubrel', sent.packetId, sent.known])),
    [
      [2, 1],
      ['pubrel', 1, true],
      ['pubrel', 1, true],
    ],
  )
  assert.equal(session.backlog, 0)
})

test('a stored session: the identifier is on disk before PUBLISH leaves, PUBREC before PUBREL leaves', () => {
  const { broker, door, link, session } = stored()
  broker.publish(two('x', 7))
  assert.deepEqual([door.kinds, link.log.length], [['qos2-sent'], 0])
  door.flush()
  assert.deepEqual(bodies(link), ['x'])
  session.outgoing.received(1, 0)
  assert.deepEqual([door.kinds, link.log.length], [['qos2-sent', 'qos2-pubrec'], 1])
  door.flush()
  assert.deepEqual(link.log.at(-1), { type: 'pubrel', packetId: 1, known: true })
  session.outgoing.completed(1)
  assert.deepEqual(door.kinds, ['qos2-sent', 'qos2-pubrec', 'qos2-completed'])
})

test('PUBREC with an error ends the flow, PUBREC of an unknown identifier is answered as unknown [MQTT-4.3.3-4]', () => {
  const { broker, door, link, session } = stored()
  broker.publish(two('x'))
  door.flush()
  session.outgoing.received(1, 0x97)
  assert.deepEqual([door.kinds.at(-1), session.backlog], ['qos2-completed', 0])
  session.outgoing.received(1, 0)
  session.outgoing.received(9, 0x80)
  assert.deepEqual(link.log.slice(1), [{ type: 'pubrel', packetId: 1, known: false }])
})

test('resume sends PUBLISH again with DUP in the order of old, and PUBREL in the order of PUBREC [MQTT-4.4.0-1, MQTT-4.6.0-1]', () => {
  const { broker, door, link, session, again } = stored()
  for (const body of ['1', '2', '3', '4']) broker.publish(two(body))
  door.flush()
  session.outgoing.received(3, 0)
  session.outgoing.received(1, 0)
  door.flush()
  broker.detach(session, link, 'publish')
  const next = again()
  door.flush()
  assert.deepEqual(
    next.log.map((sent) => (sent.type === 'publish' ? `${sent.body}${sent.dup ? ' dup' : ''}` : `rel ${sent.packetId}`)),
    ['2 dup', '4 dup', 'rel 3', 'rel 1'],
  )
})

test('what was about to leave when the client went has no DUP on the next connection, and leaves once', () => {
  const { broker, door, link, session, again } = stored()
  broker.publish(two('x'))
  broker.detach(session, link, 'publish')
  const next = again()
  assert.deepEqual(next.log, [])
  door.flush()
  assert.deepEqual(
    next.sent.map((sent) => [sent.body, sent.dup]),
    [['x', false]],
  )
  assert.deepEqual(link.log, [])
})

test('a smaller Receive Maximum on the next connection holds for what is sent again, too [MQTT-3.3.4-9]', () => {
  const { broker, door, link, session, again } = stored()
  for (const body of ['1', '2', '3']) broker.publish(two(body))
  door.flush()
  broker.detach(session, link, 'publish')
  const next = again(1)
  assert.deepEqual(bodies(next), ['1'])
  session.outgoing.received(1, 0)
  door.flush()
  assert.deepEqual(bodies(next), ['1'])
  session.outgoing.completed(1)
  assert.deepEqual(bodies(next), ['1', '2'])
})

// CVE-2026-8741: two connections, duplicates and late answers in every order. The client counts what it was given as new.
test('CVE-2026-8741: however PUBREC, duplicates, takeover and the disk interleave, a QoS 2 message is handled once and the flow ends', () => {
  const steps = ['pubrec', 'pubcomp', 'takeover', 'flush', 'pubrec again'] as const
  let runs = 0
  const run = (order: readonly (typeof steps)[number][]) => {
    const { broker, door, session, link, again } = stored()
    let current = link
    const client = { held: new Set<number>(), handled: 0, seen: 0 }
    /** The client of method A's mirror: takes what was sent to its present connection, answers as the standard says. */
    const read = () => {
      for (const sent of current.log.splice(0)) {
        client.seen++
        if (sent.type === 'publish' && !client.held.has(sent.packetId)) {
          client.held.add(sent.packetId)
          client.handled++
        } else if (sent.type === 'pubrel') client.held.delete(sent.packetId)
      }
    }
    broker.publish(two('x'))
    for (const step of order) {
      read()
      if (step === 'flush') door.flush()
      else if (step === 'takeover') {
        broker.detach(session, current, 'publish')
        current = again()
      } else if (step === 'pubcomp') {
        // Only a client that has had PUBREL says PUBCOMP.
        if (client.handled > 0 && client.held.size === 0) session.outgoing.completed(1)
      } else if (client.held.has(1)) session.outgoing.received(1, 0)
    }
    for (let round = 0; round < 4; round++) {
      door.flush()
      read()
      if (client.held.has(1)) session.outgoing.received(1, 0)
      else session.outgoing.completed(1)
    }
    assert.deepEqual([client.handled, session.backlog], [1, 0], order.join(', '))
    runs++
  }
  const orders = (left: readonly (typeof steps)[number][], depth: number): (typeof steps)[number][][] =>
    depth === 0 ? [[]] : left.flatMap((first) => orders(left, depth - 1).map((rest) => [first, ...rest]))
  for (const order of orders(steps, 5)) run(order)
  assert.equal(runs, 3125)
})

test('a journal without room: nothing that rests on the record leaves, the connection is told to end, and the next one goes on', () => {
  const { broker, door, link, session, again } = stored()
  door.isFull = true
  broker.publish(two('x'))
  door.flush()
  assert.deepEqual([link.log, link.isStuck], [[], true])
  broker.detach(session, link, 'publish')
  door.isFull = false
  const next = again()
  door.flush()
  assert.deepEqual(bodies(next), ['x'])
})

test('a client that does not take large packets counts as having got them [MQTT-3.1.2-25], and they are counted', () => {
  const { broker, door, link, session } = stored()
  link.longest = 3
  broker.publish(two('large'))
  broker.publish(message('t', 'large', { offset: 2 }))
  broker.publish(message('t', 'ok', { offset: 3 }))
  door.flush()
  assert.deepEqual([bodies(link), session.backlog, session.drops], [['ok'], 1, 2])
})

test('an expired message goes when it reaches the head, and what is in flight is sent again all the same [MQTT-3.3.2-5]', () => {
  const clock = new FakeClock()
  const broker = newBroker({ now: () => clock.now() })
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { clean: false, expiry: 600, window: 1 })
  subscribe(broker, session, 't')
  const expiring = { expiresAt: plus(clock.now(), 5_000) }
  for (const body of ['sent', 'waits']) broker.publish(message('t', body, expiring))
  broker.publish(message('t', 'stays'))
  broker.detach(session, link, 'publish')
  clock.advance(5_000)
  const next = new FakeLink()
  open(broker, bob, next, { clean: false, expiry: 600, window: 5 })
  assert.deepEqual([bodies(next), session.drops], [['sent', 'stays'], 1])
})

test('a full queue gives up the new message, or with DropOldest the old ones; the door is told once a second, with counts', () => {
  for (const [queueStrategy, kept] of [
    ['None', ['0', '1', '2']],
    ['DropOldest', ['3', '4', '5']],
  ] as const) {
    const clock = new FakeClock()
    const broker = newBroker({ now: () => clock.now() })
    const door = new FakeDoor()
    broker.open(door)
    const link = new FakeLink()
    const limits = { ...sessionLimits, queueMessages: 3, queueStrategy }
    const { session } = open(broker, bob, link, { clean: false, expiry: 600, limits })
    subscribe(broker, session, 't')
    broker.detach(session, link, 'publish')
    for (let i = 0; i < 6; i++) broker.publish(message('t', `${i}`, { offset: i }))
    broker.tick()
    assert.deepEqual(door.drops, [{ clientId: 'c', reason: 'queue-full', count: 3 }])
    broker.publish(message('t', 'more'))
    broker.tick()
    assert.equal(door.drops.length, 1)
    clock.advance(1_000)
    broker.tick()
    assert.equal(door.drops.length, 2)
    const next = new FakeLink()
    open(broker, bob, next, { clean: false, expiry: 600, limits })
    assert.deepEqual(bodies(next).slice(0, 2), queueStrategy === 'None' ? kept.slice(0, 2) : ['4', '5'])
    assert.ok(door.changes.some((change) => change.kind === 'session-progress' && change.offsets.length === 3))
  }
})

test('all queues together are bounded in bytes, and what is taken out makes room', () => {
  const broker = newBroker({ totalQueueBytes: 1_000 })
  const sessions = ['a', 'b', 'c'].map((clientId) => {
    const link = new FakeLink()
    const { session } = open(broker, subjectOf('bob', clientId), link, { clean: false, expiry: 60 })
    subscribe(broker, session, 't')
    broker.detach(session, link, 'publish')
    return session
  })
  for (let i = 0; i < 4; i++) broker.publish(message('t', 'x'.repeat(100)))
  assert.equal(broker.queuedBytes, 197 * 5)
  assert.deepEqual(
    sessions.map((session) => session.backlog),
    [2, 2, 1],
  )
  broker.forgetOwner(bob.identity)
  assert.equal(broker.queuedBytes, 0)
})

test('bytes in flight are bounded like the queue: a wide window does not make a slow client hold more', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const limits = { ...sessionLimits, queueBytes: 1_000 }
  const { session } = open(broker, bob, link, { window: 65_535, limits })
  subscribe(broker, session, 't')
  for (let i = 0; i < 20; i++) broker.publish(message('t', 'x'.repeat(403)))
  assert.deepEqual([link.sent.length, session.backlog, session.drops], [2, 4, 16])
  for (let packetId = 1; packetId <= 4; packetId++) session.outgoing.acknowledge(packetId)
  assert.deepEqual([link.sent.length, session.backlog, broker.queuedBytes], [4, 0, 0])
})

test('CVE-2023-28366: QoS 2 identifiers that are repeated and never released stay as many as there are, in both directions', () => {
  const { broker, door, session } = stored({ window: 5 })
  for (let i = 0; i < 2_000; i++) {
    broker.publish(two('x', i))
    session.outgoing.received((i % 5) + 1, 0)
    door.flush()
  }
  assert.equal([...session.outgoing.inflight()].length, 5)
  assert.ok(session.backlog <= 5 + sessionLimits.queueMessages)
})

test('a snapshot and its restoration keep queue, flight, identifiers, will and time', () => {
  const { broker, door, link, session } = stored()
  const messages = new Map([5, 6, 7].map((offset) => [offset, two(`${offset}`, offset)]))
  for (const one of messages.values()) broker.publish(one)
  door.flush()
  session.outgoing.received(1, 0)
  session.received.add(77)
  broker.detach(session, link, 'publish')
  broker.publish(two('queued', 8))
  messages.set(8, two('queued', 8))
  const state = session.snapshot()
  const other = newBroker()
  const back = other.restore(state, (offset) => (offset === 7 ? undefined : messages.get(offset)))
  assert.deepEqual({ ...back.snapshot(), inflight: [] }, { ...state, inflight: [] })
  assert.deepEqual(
    back.snapshot().inflight.map(({ packetId, offset, phase }) => [packetId, offset, phase]),
    [
      [2, 6, 'sent'],
      [3, 7, 'released'],
      [1, 5, 'released'],
    ],
  )
  assert.deepEqual([back.drops, other.sessions, other.subscriptions], [1, 1, 1])
  const disk = new FakeDoor()
  other.open(disk)
  const again = new FakeLink()
  open(other, bob, again, { clean: false, expiry: 60 })
  disk.flush()
  assert.deepEqual(
    again.log.map((sent) => (sent.type === 'publish' ? sent.body : `rel ${sent.packetId}`)),
    ['6', 'rel 3', 'rel 1', 'queued'],
  )
})
