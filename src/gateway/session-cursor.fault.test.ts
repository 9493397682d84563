import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Broker, type SessionChange } from '#broker'
import { type Journal, encodeFact, encodeTelemetry } from '#journal'
import { failEach } from '../../test/fail-each.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { openOn, turns } from '../../test/journal-fixture.ts'
import { changeRecord } from './change-record.ts'
import { followState } from './session-cursor.ts'
import { MemoryState, World, WorldClient, subjectOf } from './session-scene.test.ts'

/** A history with six checkpoints; `acknowledged` are the bodies whose acknowledgement left. */
async function history(world: World, sub: WorldClient, acknowledged: Set<string>): Promise<void> {
  world.connect(sub)
  world.subscribe(sub, { filter: 'a', qos: 2 })
  world.journal.flush()
  for (let i = 0; i < 6; i++) {
    const body = `m${i}`
    world.publish('pub', { topic: 'a', body, qos: 2, retain: i === 3 }, () => void acknowledged.add(body))
    world.journal.flush()
    if (i === 2) world.leave(sub)
    else sub.owes.shift()?.()
    await world.checkpoint()
  }
}

test('whichever write of the rows fails, nothing acknowledged is missing after a crash, and QoS 2 is exactly once', async () => {
  for (let n = 1; ; n++) {
    const world = await World.open()
    const sub = new WorldClient('sub')
    const acknowledged = new Set<string>()
    world.rows.failAt = n
    await history(world, sub, acknowledged)
    const hasFailed = world.errors.length > 0
    const again = await World.open(world.crash())
    again.connect(sub)
    for (let round = 0; round < 30; round++) {
      for (const answer of sub.owes.splice(0)) answer()
      again.journal.flush()
    }
    assert.deepEqual(
      sub.got.map(({ body }) => body),
      [...acknowledged],
      `save ${n} failed`,
    )
    assert.equal(again.broker.retained.matching('a')[0]?.payload.toString(), 'm3')
    if (!hasFailed) return
  }
})

/** Writes what a stored session and its publisher leave in the journal; adds the bodies that are on disk to `durable`. */
async function write(journal: Journal, durable: Set<string>): Promise<void> {
  const clock = new FakeClock()
  const subject = subjectOf('sub')
  const session = { owner: subject.identity, clientId: 'c' }
  const filter = { filter: 'a', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: undefined } as const
  const changes: readonly SessionChange[] = [
    { kind: 'session-opened', session, subject, connection: 'c-1', cleanStart: true, expirySeconds: 1e6, mqttVersion: 5, will: undefined },
    { kind: 'subscribed', session, connection: 'c-1', filters: [filter] },
    { kind: 'session-left', session, expirySeconds: 1e6, endedAt: clock.now(), willAt: undefined },
  ]
  for (const change of changes) {
    const record = changeRecord(change, clock.now())
    journal.append(Buffer.isBuffer(record) ? record : encodeFact(record))
  }
  const stamp = { device: 'pub', auth: '', generation: '', connection: 'c-2', transport: 'mqtts' }
  const rest = { topic: 'a', qos: 1, retain: false, dup: false, mqttVersion: 5, properties: Buffer.alloc(0) } as const
  for (let i = 0; i < 8; i++) {
    const body = `m${i}`
    const offset = journal.append(encodeTelemetry({ kind: 'telemetry', time: clock.now(), ...stamp, ...rest, body: Buffer.from(body) }))
    journal.onDurable((end) => void (end > offset && durable.add(body)))
    await turns(3)
  }
}

test('whichever operation of the disk fails, what was durable is in the queue of the stored session when the power is back', async () => {
  const durable = new Set<string>()
  const runs = await failEach(
    async (disk) => {
      durable.clear()
      const journal = await openOn(disk, { segmentBytes: 4_096 })
      await write(journal, durable)
      await turns(5)
    },
    async (survivor, n) => {
      const clock = new FakeClock()
      const journal = await openOn(survivor, { seed: n + 1 })
      const session = {
        queueMessages: 100,
        queueBytes: 1e6,
        queueStrategy: 'None',
        subscriptionsPerSession: 9,
        messageExpirySeconds: undefined,
      } as const
      const yes = () => true
      const ports = { now: () => clock.now(), mayReceive: yes, maySubscribe: yes, mayPublish: yes }
      const broker = new Broker({ retained: { messages: 9, bytes: 9_999 }, totalQueueBytes: 1e6, session }, ports)
      const troubles: string[] = []
      const bounds = { messageExpirySeconds: undefined, totalQueueBytes: 1e6 }
      const around = { routedTo: () => journal.durableEnd, trouble: (what: string) => void troubles.push(what) }
      await followState({ journal, broker, clock, store: new MemoryState(), mayReceive: yes, ...bounds, ...around })
      const waiting = [...(broker.find(subjectOf('sub').identity, 'c')?.outgoing.queued() ?? [])].map(({ message }) =>
        message?.payload.toString(),
      )
      for (const body of durable)
        assert.ok(waiting.includes(body), `operation ${n} failed: ${body} was durable, and only ${waiting.join(' ')} wait`)
      assert.deepEqual(new Set(waiting).size, waiting.length, 'each once')
      assert.deepEqual(troubles, [])
      await journal[Symbol.asyncDispose]()
    },
  )
  assert.ok(runs > 8, `${runs} runs`)
})
