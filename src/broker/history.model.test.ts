import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Subject } from '#base'
import { matches } from '#wire/mqtt'
import { FakeDoor, FakeLink, message, newBroker, open, subjectOf, subscribe } from '../../test/broker-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import type { Session } from './index.ts'

/*
 * Random histories of a few clients under policies that change, against a model of some lists. After each step every client must have been
 * given exactly what the model says: nothing that its policy of that moment denies, everything that it allows. The gateway's part (asking
 * before it subscribes or publishes) is played here.
 */

const names = ['a', 'b', 'c'] as const
const topics = ['t/1', 't/2', 'u', '$x']
const filters = ['t/1', 't/2', 't/+', '#', 'u', '+', '$x']
const window = 3

type Name = (typeof names)[number]
type Due = { readonly n: number; readonly topic: string; readonly qos: 1 | 2; sentOn: FakeLink | undefined; leaves: boolean }
type Client = {
  session: Session | undefined
  link: FakeLink | undefined
  isStored: boolean
  readonly subscriptions: Map<string, 0 | 1 | 2>
  queue: Due[]
  inflight: Due[]
  /** What must have come in this step: number and DUP. */
  expected: string[]
}

function runHistory(seed: number): void {
  // Neighbouring seeds would begin alike.
  const random = new SeededRandom(Math.imul(seed, 0x9e3779b1))
  const roll = (bound: number) => random.integer(bound)
  const pick = <T>(list: readonly T[]): T => {
    const one = list[roll(list.length)]
    assert.ok(one !== undefined)
    return one
  }
  const clock = new FakeClock()
  const rights = new Map(
    names.map((name) => [name as string, { receive: new Set(topics), publish: new Set(topics), subscribe: new Set(filters) }]),
  )
  const mayReceive = (who: string, topic: string) => rights.get(who)?.receive.has(topic) === true
  const mayPublish = (who: string, topic: string) => rights.get(who)?.publish.has(topic) === true
  // Apart from `receive`, as no real policy has it: so the check at delivery has to hold by itself.
  const maySubscribe = (who: string, filter: string) => rights.get(who)?.subscribe.has(filter) === true
  const broker = newBroker({
    now: () => clock.now(),
    mayReceive: (subject: Subject, topic) => mayReceive(subject.username, topic),
    mayPublish: (subject: Subject, topic) => mayPublish(subject.username, topic),
    maySubscribe: (subject: Subject, filter) => maySubscribe(subject.username, filter),
  })
  const door = new FakeDoor()
  broker.open(door)
  const clients = new Map<Name, Client>()
  for (const name of names)
    clients.set(name, {
      session: undefined,
      link: undefined,
      isStored: false,
      subscriptions: new Map(),
      queue: [],
      inflight: [],
      expected: [],
    })
  const retained = new Map<string, { readonly n: number; readonly by: Name; readonly qos: 0 | 1 | 2 }>()
  let n = 0

  const give = (client: Client, due: Due) => {
    const dup = due.sentOn !== undefined && !due.leaves
    due.leaves = false
    due.sentOn = client.link
    client.expected.push(`${due.n}${dup ? ' dup' : ''}`)
  }
  const pump = (client: Client) => {
    if (client.link === undefined) return
    for (const due of client.inflight)
      if (due.sentOn !== client.link && client.inflight.filter((one) => one.sentOn === client.link).length < window) give(client, due)
    while (
      client.inflight.filter((one) => one.sentOn === client.link).length < window &&
      client.inflight.every((one) => one.sentOn === client.link)
    ) {
      const due = client.queue.shift()
      if (due === undefined) return
      client.inflight.push(due)
      give(client, due)
    }
  }
  const send = (client: Client, what: { n: number; topic: string }, qos: 0 | 1 | 2) => {
    if (client.session === undefined) return
    if (qos === 0) {
      if (client.link !== undefined) client.expected.push(`${what.n}`)
      return
    }
    if (client.link === undefined && !client.isStored) return
    client.queue.push({ n: what.n, topic: what.topic, qos, sentOn: undefined, leaves: false })
    pump(client)
  }
  const end = (client: Client) => {
    client.session = undefined
    client.link = undefined
    client.subscriptions.clear()
    client.queue = []
    client.inflight = []
  }
  const judge = (name: Name, client: Client) => {
    for (const filter of client.subscriptions.keys()) if (!maySubscribe(name, filter)) client.subscriptions.delete(filter)
    const stays = (due: Due) => mayReceive(name, due.topic)
    client.inflight = client.inflight.filter((due) => stays(due) || (client.link !== undefined && due.sentOn === client.link))
    client.queue = client.queue.filter(stays)
    pump(client)
  }
  const disconnect = (client: Client) => {
    if (client.session === undefined || client.link === undefined) return
    broker.detach(client.session, client.link, 'publish')
    client.link = undefined
    if (!client.isStored) end(client)
  }

  const steps: Record<string, () => void> = {
    connect() {
      const name = pick(names)
      const client = clients.get(name)
      assert.ok(client !== undefined)
      const clean = roll(4) === 0
      const expiry = roll(3) === 0 ? 0 : 60
      if (client.link !== undefined) {
        const { link, session } = client
        link.takenOver = () => session !== undefined && broker.detach(session, link, 'publish')
        client.link = undefined
        if (!client.isStored) end(client)
      }
      if (clean) end(client)
      const link = new FakeLink()
      const { session, present } = open(broker, subjectOf(name), link, { clean, expiry, window })
      assert.equal(present, client.session !== undefined)
      client.session = session
      client.isStored = expiry > 0
      if (present) judge(name, client)
      client.link = link
      pump(client)
    },
    disconnect() {
      const client = clients.get(pick(names))
      if (client !== undefined) disconnect(client)
    },
    subscribe() {
      const name = pick(names)
      const client = clients.get(name)
      const filter = pick(filters)
      const qos = pick([0, 1, 2] as const)
      if (client?.session === undefined || client.link === undefined || !maySubscribe(name, filter)) return
      const found = subscribe(broker, client.session, filter, qos)
      client.subscriptions.set(filter, qos)
      for (const [topic, kept] of retained) {
        if (!matches(filter, topic) || !mayPublish(kept.by, topic) || !mayReceive(name, topic)) continue
        send(client, { n: kept.n, topic }, kept.qos < qos ? kept.qos : qos)
      }
      broker.sendRetained(client.session, found.retained)
    },
    unsubscribe() {
      const client = clients.get(pick(names))
      const filter = pick(filters)
      if (client?.session === undefined || client.link === undefined) return
      assert.deepEqual(broker.unsubscribe(client.session, [filter]).known, [client.subscriptions.delete(filter)])
    },
    publish() {
      const by = pick(names)
      const topic = pick(topics)
      if (!mayPublish(by, topic)) return
      const qos = pick([0, 1, 2] as const)
      const isRetained = roll(4) === 0
      n++
      const one = message(topic, `${n}`, { qos, offset: n, retain: isRetained, publisher: subjectOf(by) })
      if (isRetained) {
        assert.ok(broker.retained.set(one))
        retained.set(topic, { n, by, qos })
      }
      for (const [name, client] of clients) {
        const levels = [...client.subscriptions].filter(([filter]) => matches(filter, topic)).map(([, level]) => level)
        if (levels.length === 0 || !mayReceive(name, topic)) continue
        const highest = levels.reduce((a, b) => (a > b ? a : b))
        send(client, { n, topic }, qos < highest ? qos : highest)
      }
      broker.publish(one)
    },
    acknowledge() {
      const client = clients.get(pick(names))
      if (client?.session === undefined || client.link === undefined) return
      const [first] = client.inflight
      const found = [...client.session.outgoing.inflight()].find(
        ([, delivery]) => delivery.offset === first?.n && delivery.phase === 'sent',
      )
      if (first === undefined || found === undefined || first.sentOn !== client.link) return
      const [packetId] = found
      client.inflight.shift()
      if (first.qos === 1) client.session.outgoing.acknowledge(packetId)
      else {
        client.session.outgoing.received(packetId, 0)
        client.session.outgoing.completed(packetId)
      }
      pump(client)
    },
    policy() {
      const who = rights.get(pick(names))
      assert.ok(who !== undefined)
      for (const set of [who.receive, who.publish]) {
        set.clear()
        for (const topic of topics) if (roll(3) > 0) set.add(topic)
      }
      who.subscribe.clear()
      for (const filter of filters) if (roll(3) > 0) who.subscribe.add(filter)
      for (const [name, client] of clients) judge(name, client)
      broker.policyChanged()
    },
    time() {
      clock.advance(roll(2) === 0 ? 10_000 : 61_000)
      for (const client of clients.values())
        if (client.session !== undefined && client.link === undefined && isOver(client.session)) end(client)
      broker.tick()
    },
  }
  const isOver = (session: Session) => session.endedAt !== undefined && clock.now() >= session.endedAt + 60_000
  const weighted = [
    'connect',
    'connect',
    'subscribe',
    'subscribe',
    'publish',
    'publish',
    'publish',
    'publish',
    'acknowledge',
    'acknowledge',
    'disconnect',
    'unsubscribe',
    'policy',
    'time',
  ]
  const done: string[] = []
  for (let i = 0; i < 24; i++) {
    const name = pick(weighted)
    done.push(name)
    const links = new Map([...clients].map(([who, client]) => [who, client.link]))
    steps[name]?.()
    door.flush()
    for (const [who, client] of clients) {
      const got: string[] = []
      for (const link of new Set([links.get(who), client.link])) {
        if (link === undefined) continue
        for (const sent of link.log.splice(0)) if (sent.type === 'publish') got.push(`${sent.body}${sent.dup ? ' dup' : ''}`)
      }
      const expected = client.expected.splice(0)
      const why = () => `seed ${seed}, client ${who}, after ${done.join(', ')}`
      if (got.length !== expected.length || got.toSorted().join() !== expected.toSorted().join())
        assert.deepEqual(got.toSorted(), expected.toSorted(), why())
      if (client.session !== undefined && client.link !== undefined)
        assert.deepEqual([...client.session.subscriptions.keys()].toSorted(), [...client.subscriptions.keys()].toSorted(), why())
    }
  }
}

const histories = Number(process.env['THINGWALL_HISTORIES'] ?? 100_000)
const from = Number(process.env['THINGWALL_SEED'] ?? 1)

test(`${histories} histories from seed ${from}: nothing reaches whom the policy of that moment denies, and nothing allowed is lost`, () => {
  for (let seed = from; seed < from + histories; seed++) runHistory(seed)
})
