import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DirectDeliveries, Session } from './index.ts'
import { FakeLink, bob, message, newBroker, open, subscribe } from '../../test/broker-scene.ts'
import { noIdentifiers } from './delivery.ts'

const never = () => assert.fail('nobody waited for a place')

function direct(session: Session): DirectDeliveries {
  const deliveries = session.direct()
  assert.ok(deliveries !== undefined)
  return deliveries
}

/** Sends one message if there is room, and says what the client answers. */
function send(session: Session, body: string, answers: number[] = []): boolean {
  const deliveries = direct(session)
  return (
    deliveries.takePlace(() => {}) && deliveries.send(message('m', body), false, noIdentifiers, (code) => answers.push(code)) === 'sent'
  )
}

test('a direct message shares the window with the others, and who waits for a place gets the next one, before the queue', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { window: 2 })
  subscribe(broker, session, 't')
  broker.publish(message('t', 'a'))
  assert.ok(send(session, 'first'))
  broker.publish(message('t', 'b'))
  const deliveries = direct(session)
  const got: string[] = []
  assert.ok(
    !deliveries.takePlace(
      () => void (deliveries.takePlace(never) && got.push(deliveries.send(message('m', 'second'), false, noIdentifiers, () => {}))),
    ),
  )
  session.acknowledge(1, 0)
  assert.deepEqual(got, ['sent'])
  assert.deepEqual(
    link.sent.map(({ body }) => body),
    ['a', 'first', 'second'],
  )
  session.acknowledge(link.sent[1]?.packetId ?? 0, 0)
  assert.equal(link.sent.at(-1)?.body, 'b', 'then the queue goes on')
})

test('PUBACK of a direct message reaches who sent it, once, with its reason code; it meets no other message', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, bob, link)
  subscribe(broker, session, 't')
  broker.publish(message('t', 'a'))
  const answers: number[] = []
  assert.ok(send(session, 'x', answers))
  const [a, x] = link.sent
  assert.notEqual(a?.packetId, x?.packetId)
  session.acknowledge(x?.packetId ?? 0, 0x83)
  session.acknowledge(x?.packetId ?? 0, 0)
  assert.deepEqual(answers, [0x83])
  assert.equal(session.backlog, 1, 'the other message is still in flight')
  session.acknowledge(a?.packetId ?? 0, 0)
  assert.equal(session.backlog, 0)
})

test('a direct message is in no checkpoint, is not sent again, and nobody is told of it when the connection ends', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { clean: false, expiry: 60 })
  const answers: number[] = []
  assert.ok(send(session, 'x', answers))
  assert.deepEqual([session.snapshot().inflight, session.snapshot().queue, session.backlog], [[], [], 0])
  const deliveries = direct(session)
  broker.detach(session, link, 'discard')
  assert.equal(session.direct(), undefined)
  assert.ok(!deliveries.takePlace(never))
  deliveries.givePlace()
  assert.equal(deliveries.send(message('m', 'y'), false, noIdentifiers, never), 'gone')
  const next = new FakeLink()
  open(broker, bob, next, { clean: false, expiry: 60, window: 1 })
  session.acknowledge(link.sent[0]?.packetId ?? 0, 0)
  assert.deepEqual([next.sent, answers], [[], []])
  assert.ok(send(session, 'z') && !send(session, 'more'), 'the new window is whole')
})

test('a message that the client does not take gives its place back', () => {
  const broker = newBroker()
  const link = new FakeLink()
  link.longest = 1
  const { session } = open(broker, bob, link, { window: 1 })
  const deliveries = direct(session)
  assert.ok(deliveries.takePlace(never))
  assert.equal(deliveries.send(message('m', 'long'), false, noIdentifiers, never), 'too-large')
  assert.ok(send(session, 'x'))
})

test('at most 128 are in flight however large the window is, each with an identifier of its own', () => {
  const broker = newBroker()
  const link = new FakeLink()
  const { session } = open(broker, bob, link, { window: 65_535 })
  for (let i = 0; i < 128; i++) assert.ok(send(session, String(i)))
  assert.ok(!send(session, 'more'))
  const ids = link.sent.map(({ packetId }) => packetId)
  assert.equal(new Set(ids).size, 128)
  for (const id of ids) session.acknowledge(id, 0)
  for (let i = 0; i < 300; i++) {
    assert.ok(send(session, 'again'))
    session.acknowledge(link.sent.at(-1)?.packetId ?? 0, 0)
  }
  assert.ok(link.sent.every(({ packetId }) => packetId >= 0xff00 && packetId <= 0xffff))
})

test('QoS 0 goes to a session that has this very filter and takes it now, and to no other that has it [azure-wire 2.6]', () => {
  const broker = newBroker()
  const [mine, other] = [new FakeLink(), new FakeLink()]
  const { session } = open(broker, bob, mine)
  const { session: neighbour } = open(broker, { ...bob, clientId: 'other' }, other)
  assert.ok(!session.sendDirect('$iothub/twin/res/#', message('$iothub/twin/res/200/?$rid=1')))
  subscribe(broker, session, '$iothub/twin/res/#', 0, { identifier: 7 })
  subscribe(broker, neighbour, '$iothub/twin/res/#', 0)
  assert.ok(session.sendDirect('$iothub/twin/res/#', message('$iothub/twin/res/200/?$rid=1')))
  assert.deepEqual(
    mine.sent.map(({ topic, qos, identifiers }) => [topic, qos, identifiers]),
    [['$iothub/twin/res/200/?$rid=1', 0, [7]]],
  )
  assert.deepEqual(other.sent, [])
  mine.writable = false
  assert.ok(!session.sendDirect('$iothub/twin/res/#', message('$iothub/twin/res/200/?$rid=2')))
  mine.writable = true
  mine.longest = 0
  assert.ok(!session.sendDirect('$iothub/twin/res/#', message('$iothub/twin/res/200/?$rid=3')))
  assert.equal(session.drops, 2)
  broker.detach(session, mine, 'discard')
  assert.ok(!session.sendDirect('$iothub/twin/res/#', message('$iothub/twin/res/200/?$rid=4')))
})
