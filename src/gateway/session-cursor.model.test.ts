import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matches } from '#wire/mqtt'
import { SeededRandom } from '../../test/seeded-random.ts'
import { World, WorldClient } from './session-scene.test.ts'

/*
 * Random histories of several clients on a hub that crashes, with rows at random moments and the journal cut at any offset behind the
 * durable one. What must hold after every one of them: each message whose acknowledgement left, and that a stored subscriber was
 * allowed to have when its SUBACK had left, was delivered to it; at QoS 2 on both sides once; and nothing was delivered that nobody
 * subscribed to or that the policy denies.
 */

/** Histories in one run; THINGWALL_HISTORIES for more, THINGWALL_SEED to repeat one. */
const histories = Number(process.env['THINGWALL_HISTORIES'] ?? 600)
const firstSeed = Number(process.env['THINGWALL_SEED'] ?? 1)
const steps = 60

const direct = ['t/#', 't/+', 't/1', 't/2']
const filters = [...direct, '$share/g/s/#']
const topics = ['t/1', 't/2', 't/deny', 's/1', 's/2']

type Sent = { readonly topic: string; readonly body: string; readonly qos: 1 | 2 }

/** A subscriber and what is owed to it. */
class Subscriber {
  readonly client: WorldClient
  readonly isStored: boolean
  /** Filters whose SUBACK left. */
  readonly granted = new Set<string>()
  /** SUBSCRIBEs and UNSUBSCRIBEs sent for a filter: a SUBACK that comes after the next one says nothing any more. */
  readonly turns = new Map<string, number>()
  /** Filters that it ever asked for. */
  readonly asked = new Set<string>()
  readonly owed = new Set<string>()
  /** Which of its sessions this is: what was published for an earlier one is owed to nobody. */
  life = 0

  constructor(name: string, isStored: boolean) {
    this.client = new WorldClient(name)
    this.isStored = isStored
  }

  turn(filter: string): number {
    const turn = (this.turns.get(filter) ?? 0) + 1
    this.turns.set(filter, turn)
    return turn
  }

  wants(topic: string): boolean {
    return [...this.granted].some((filter) => !filter.startsWith('$share') && matches(filter, topic))
  }

  isDenied(topic: string): boolean {
    return topic === 't/deny' && this.client.subject.identity === 'sub-2'
  }
}

/** Somebody who publishes at QoS 2 and does not forget what was not completed. */
class Publisher {
  readonly client = new WorldClient('pub')
  readonly flying = new Map<number, { readonly message: Sent; isReceived: boolean; readonly done: () => void }>()
  #next = 1

  publish(world: World, message: Sent, done: () => void): void {
    const packetId = this.#next++
    this.flying.set(packetId, { message, isReceived: false, done })
    this.#send(world, packetId)
  }

  connect(world: World): void {
    if (!world.connect(this.client)) this.flying.clear()
    for (const packetId of this.flying.keys()) this.#send(world, packetId)
  }

  /** Sends PUBREL for everything received. */
  release(world: World): void {
    for (const [packetId, { isReceived }] of this.flying)
      if (isReceived) world.release(this.client, packetId, () => void this.flying.delete(packetId))
  }

  #send(world: World, packetId: number): void {
    const one = this.flying.get(packetId)
    if (one === undefined || one.isReceived) return
    const answered = () => {
      one.isReceived = true
      one.done()
    }
    world.publish('pub', one.message, answered, { client: this.client, packetId })
  }
}

/** One random history; returns what is wrong. */
async function live(seed: number): Promise<readonly string[]> {
  const random = new SeededRandom(seed * 2_654_435_761)
  const some = <T>(list: readonly T[]): T => list[random.integer(list.length)] ?? assert.fail()
  const denied = (subject: { readonly identity: string }, topic: string) => topic === 't/deny' && subject.identity === 'sub-2'
  const subscribers = [
    new Subscriber('sub-1', true),
    new Subscriber('sub-2', true),
    new Subscriber('sub-3', true),
    new Subscriber('passing', false),
  ]
  const stored = subscribers.filter(({ isStored }) => isStored)
  const publisher = new Publisher()
  const group = new Set<string>()
  const topicOf = new Map<string, string>()
  let world = await World.open({}, denied)
  let count = 0

  const connect = (one: Subscriber, cleanStart: boolean) => {
    // What a group's member leaves may go to others, or nowhere if it was under way at QoS 2.
    if (cleanStart || !one.isStored) group.clear()
    const present = world.connect(one.client, { cleanStart, expirySeconds: one.isStored ? 3_600 : 0, window: 1 + random.integer(5) })
    // A clean start that the disk does not know yet may be undone by a crash: CONNACK does not wait for it.
    if (cleanStart) world.journal.flush()
    if (present) return
    one.life++
    if (cleanStart) one.owed.clear()
    one.granted.clear()
  }
  const settleDelivered = () => {
    for (const one of subscribers) {
      for (const { body } of one.client.got) {
        one.owed.delete(body)
        group.delete(body)
      }
    }
  }
  const publish = () => {
    const message: Sent = { topic: some(topics), body: `m${++count}`, qos: some([1, 2]) }
    topicOf.set(message.body, message.topic)
    const owedTo = new Map(stored.filter((one) => one.wants(message.topic) && !one.isDenied(message.topic)).map((one) => [one, one.life]))
    const isShared = message.topic.startsWith('s/') && stored.some(({ granted }) => granted.has('$share/g/s/#'))
    const shareEpoch = epoch
    const done = () => {
      for (const [one, life] of owedTo) if (one.life === life && one.wants(message.topic)) one.owed.add(message.body)
      if (isShared && shareEpoch === epoch) group.add(message.body)
    }
    if (message.qos === 2 && publisher.client.session !== undefined) publisher.publish(world, message, done)
    else world.publish('pub', message, done)
  }
  let epoch = 0
  const forgetGroup = () => {
    epoch++
    group.clear()
  }
  const crash = async () => {
    settleDelivered()
    for (const { client } of [...subscribers, publisher]) client.cut()
    world = await World.open(world.crash(random.integer(3) === 0 ? random.integer(8) : 0), denied)
    // SUBACKs that had left stand; the session of who is not stored is gone.
    for (const one of subscribers) {
      if (!one.isStored) one.granted.clear()
      const session = world.broker.find(one.client.subject.identity, 'c')
      for (const filter of one.granted)
        if (session?.subscriptions.has(filter) !== true) problems.push(`${one.client.subject.identity} lost ${filter}`)
    }
  }
  const problems: string[] = []
  const answer = (one: Subscriber) => {
    for (let owed = random.integer(one.client.owes.length + 1); owed > 0; owed--) one.client.owes.shift()?.()
  }

  for (const one of subscribers) {
    if (random.integer(4) === 0) continue
    connect(one, true)
    const filter = some(one.isStored ? filters : direct)
    one.asked.add(filter)
    world.subscribe(one.client, { filter, qos: 2, retainHandling: 2 }, () => void one.granted.add(filter))
    world.journal.flush()
  }
  for (let step = 0; step < steps; step++) {
    const one = some(subscribers)
    switch (random.integer(13)) {
      case 0:
        if (random.integer(5) === 0) {
          forgetGroup()
          connect(one, true)
        } else {
          if (!one.isStored) forgetGroup()
          connect(one, false)
        }
        break
      case 1:
        publisher.connect(world)
        break
      case 2:
        settleDelivered()
        if (!one.isStored) forgetGroup()
        world.leave(one.client)
        break
      case 3: {
        const filter = some(one.isStored ? filters : direct)
        if (one.client.session === undefined) break
        one.asked.add(filter)
        const { session } = one.client
        const turn = one.turn(filter)
        world.subscribe(one.client, { filter, qos: some([1, 2, 2]), retainHandling: 2 }, () => {
          if (one.client.session === session && one.turns.get(filter) === turn) one.granted.add(filter)
        })
        break
      }
      case 4: {
        const filter = some(one.isStored ? filters : direct)
        if (one.client.session === undefined) break
        if (filter.startsWith('$share')) forgetGroup()
        one.granted.delete(filter)
        one.turn(filter)
        world.unsubscribe(one.client, filter)
        break
      }
      case 5:
        await world.checkpoint()
        break
      case 6:
        if (random.integer(3) === 0) await crash()
        break
      case 7:
        publisher.release(world)
        break
      case 8:
        answer(one)
        world.broker.tick()
        break
      case 9:
        answer(one)
        break
      case 10:
        world.journal.flush()
        break
      default:
        publish()
    }
  }
  world.journal.flush()
  await crash()
  for (const one of stored) connect(one, false)
  publisher.connect(world)
  for (let round = 0; round < 400; round++) {
    for (const one of stored) for (const owed of one.client.owes.splice(0)) owed()
    publisher.release(world)
    world.journal.flush()
  }
  settleDelivered()
  for (const one of subscribers) {
    const { identity } = one.client.subject
    if (one.owed.size > 0) problems.push(`${identity} never got ${[...one.owed].join(' ')}`)
    const once = new Map<string, number>()
    for (const { body, qos } of one.client.got) {
      const topic = topicOf.get(body) ?? ''
      if (qos === 2) once.set(body, (once.get(body) ?? 0) + 1)
      if (one.isDenied(topic)) problems.push(`${identity} got ${body} of ${topic}, which is denied`)
      if (![...one.asked].some((filter) => matches(filter.replace('$share/g/', ''), topic)))
        problems.push(`${identity} got ${body}, never asked for`)
    }
    for (const [body, times] of once) if (times > 1) problems.push(`${identity} got ${body} ${times} times at QoS 2`)
  }
  if (group.size > 0) problems.push(`nobody of the group got ${[...group].join(' ')}`)
  problems.push(...world.errors)
  return problems
}

test(`${histories} histories with crashes: nothing acknowledged is missing, QoS 2 is exactly once, nothing is delivered to who may not have it`, async () => {
  for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
    const problems = await live(seed)
    assert.deepEqual(problems, [], `THINGWALL_SEED=${seed} THINGWALL_HISTORIES=1`)
  }
})
