import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matches } from '#wire/mqtt'
import { FakeDoor, FakeLink, message, newBroker, open, subjectOf, subscribe } from '../../test/broker-scene.ts'
import type { Broker } from './index.ts'

function member(broker: Broker, name: string, filter = '$share/g/t', more: { expiry?: number; window?: number } = {}) {
  const link = new FakeLink(name)
  const { session } = open(broker, subjectOf(name), link, { clean: false, ...more })
  subscribe(broker, session, filter)
  return { link, session }
}

const bodies = (link: FakeLink) => link.sent.map((sent) => sent.body)

test('each message goes to one member in turn, and to others who subscribed to the same filter without a share', () => {
  const broker = newBroker()
  const [a, b] = [member(broker, 'a'), member(broker, 'b')]
  const all = member(broker, 'all', 't')
  for (const body of ['1', '2', '3', '4']) broker.publish(message('t', body))
  assert.deepEqual(
    [bodies(a.link), bodies(b.link), bodies(all.link)],
    [
      ['1', '3'],
      ['2', '4'],
      ['1', '2', '3', '4'],
    ],
  )
})

test('groups with other names are other groups, and one who is in the group and subscribed besides gets two copies', () => {
  const broker = newBroker()
  const a = member(broker, 'a')
  subscribe(broker, a.session, '$share/h/t')
  subscribe(broker, a.session, 't')
  broker.publish(message('t'))
  assert.equal(a.link.sent.length, 3)
})

test('who has no room is passed over; then the connected ones queue; then a session that waits for its client', () => {
  const broker = newBroker()
  const [full, free] = [member(broker, 'full', undefined, { window: 1 }), member(broker, 'free', undefined, { window: 2 })]
  const away = member(broker, 'away', undefined, { expiry: 60 })
  broker.detach(away.session, away.link, 'publish')
  for (const body of ['1', '2', '3']) broker.publish(message('t', body))
  assert.deepEqual([full.link.sent.length, free.link.sent.length, away.session.backlog], [1, 2, 0])
  broker.publish(message('t', '4'))
  assert.deepEqual([full.session.backlog + free.session.backlog, away.session.backlog], [4, 0])
  for (const { session, link } of [full, free]) broker.detach(session, link, 'publish')
  assert.equal(away.session.backlog, 4)
})

test('a QoS 0 message is for a member that is connected and not too slow', () => {
  const broker = newBroker()
  const [slow, quick] = [member(broker, 'slow'), member(broker, 'quick')]
  slow.link.writable = false
  for (const body of ['1', '2']) broker.publish(message('t', body, { qos: 0 }))
  assert.deepEqual([bodies(slow.link), bodies(quick.link)], [[], ['1', '2']])
})

test('what a member leaves unacknowledged at QoS 1 goes to another; a QoS 2 message that was sent does not [MQTT-4.8.2-5, -6]', () => {
  const broker = newBroker()
  const door = new FakeDoor()
  broker.open(door)
  const a = member(broker, 'a', '$share/g/t')
  const two = new FakeLink('two')
  const { session } = open(broker, subjectOf('two'), two)
  subscribe(broker, session, '$share/g/t', 2)
  broker.publish(message('t', 'one', { offset: 1 }))
  broker.publish(message('t', 'two', { qos: 2, offset: 2 }))
  assert.deepEqual([bodies(a.link), bodies(two)], [['one'], ['two']])
  const b = member(broker, 'b', '$share/g/t', { expiry: 60 })
  broker.detach(session, two, 'publish')
  broker.detach(a.session, a.link, 'publish')
  assert.deepEqual(bodies(b.link), ['one'])
  assert.ok(door.changes.some((change) => change.kind === 'session-queued' && change.session.clientId === b.session.clientId))
})

test('each member is judged for itself: who may not have the topic is left out of its group', () => {
  const broker = newBroker({ mayReceive: (subject) => subject.username !== 'a' })
  const [a, b] = [member(broker, 'a'), member(broker, 'b')]
  for (const body of ['1', '2']) broker.publish(message('t', body))
  assert.deepEqual([bodies(a.link), bodies(b.link)], [[], ['1', '2']])
})

test('retained messages are not sent for a shared subscription', () => {
  const broker = newBroker()
  broker.retained.set(message('t', 'kept', { retain: true }))
  const { session } = open(broker, subjectOf('a'))
  assert.equal(subscribe(broker, session, '$share/g/t').retained.length, 0)
  assert.equal(subscribe(broker, session, 't').retained.length, 1)
})

test('members settle shared messages for their group, stored or not', () => {
  const broker = newBroker()
  const door = new FakeDoor()
  broker.open(door)
  const a = member(broker, 'a')
  broker.publish(message('t', 'x', { offset: 9 }))
  a.session.outgoing.acknowledge(1)
  broker.tick()
  assert.deepEqual(door.changes.at(-1), { kind: 'group-progress', filter: '$share/g/t', offsets: [9] })
})

// mosquitto 2.0.19 mixed up a shared and a normal subscription to the same filter.
test('mosquitto 2.0.19: any order of subscribe and unsubscribe, shared and not, leaves exactly what the model has', () => {
  const filter = fc.constantFrom('t', '+', '#', '$share/g/t', '$share/g/+', '$share/h/t', '$share/g/#')
  const act = fc.record({ who: fc.constantFrom('a', 'b'), filter, on: fc.boolean() })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
      const broker = newBroker()
      const members = new Map(
        ['a', 'b'].map((name) => [name, open(broker, subjectOf(name), new FakeLink(name), { window: 1_000 }).session]),
      )
      const model = new Map(['a', 'b'].map((name) => [name, new Set<string>()]))
      for (const { who, filter: text, on } of acts) {
        const session = members.get(who)
        const has = model.get(who)
        if (session === undefined || has === undefined) continue
        if (on) subscribe(broker, session, text)
        else assert.deepEqual(broker.unsubscribe(session, [text]).known, [has.has(text)])
        if (on) has.add(text)
        else has.delete(text)
      }
      assert.equal(
        broker.subscriptions,
        [...model.values()].reduce((sum, has) => sum + has.size, 0),
      )
      const route = broker.route('t')
      const direct = route.flatMap((one) => (one.group === undefined ? [one.subscriber.owner] : [])).sort()
      const normal = (has: ReadonlySet<string>) => [...has].some((text) => !text.startsWith('$share/') && matches(text, 't'))
      assert.deepEqual(
        direct,
        [...model].flatMap(([name, has]) => (normal(has) ? [name] : [])),
      )
      const groups = new Map(route.flatMap((one) => (one.group === undefined ? [] : [[one.group.text, one.members.length]])))
      const shared = new Map<string, number>()
      for (const has of model.values())
        for (const text of has) if (text.startsWith('$share/')) shared.set(text, (shared.get(text) ?? 0) + 1)
      assert.deepEqual(groups, shared)
    }),
    { numRuns: 2_000 },
  )
})
