import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryState, World, WorldClient } from './session-scene.test.ts'

/** What a client got, as text: `body/qos`, with `+` for DUP. */
const gotBy = (client: WorldClient) => client.got.map(({ body, qos, dup }) => `${body}/${qos}${dup ? '+' : ''}`)

/** Lets a client answer, and the disk take it, until nothing moves. */
function drain(world: World, ...clients: readonly WorldClient[]): void {
  for (let round = 0; round < 50; round++) {
    for (const client of clients) for (const answer of client.owes.splice(0)) answer()
    world.journal.flush()
  }
}

/** A hub on which `sub` has subscribed to `a/#` at this QoS, and is away. */
async function withSubscriber(qos: 1 | 2): Promise<{ readonly world: World; readonly sub: WorldClient }> {
  const world = await World.open()
  const sub = new WorldClient('sub')
  world.connect(sub)
  world.subscribe(sub, { filter: 'a/#', qos })
  world.journal.flush()
  return { world, sub }
}

for (const [name, checkpoints] of [
  ['the journal alone', 0],
  ['rows and the journal after them', 1],
  ['rows alone', 2],
] as const)
  test(`what waited for an absent client comes back after a crash, from ${name} [MQTT-4.1.0-1]`, async () => {
    const { world, sub } = await withSubscriber(2)
    world.leave(sub)
    world.publish('pub', { topic: 'a/1', body: 'one', qos: 1 })
    world.journal.flush()
    if (checkpoints > 0) await world.checkpoint()
    world.publish('pub', { topic: 'a/2', body: 'two', qos: 2 })
    world.publish('pub', { topic: 'a/3', body: 'never', qos: 0 })
    world.publish('pub', { topic: 'b', body: 'elsewhere', qos: 1 })
    world.journal.flush()
    if (checkpoints > 1) await world.checkpoint()
    const again = await World.open(world.crash())
    assert.equal(again.connect(sub), true, 'session present')
    drain(again, sub)
    assert.deepEqual(gotBy(sub), ['one/1', 'two/2'])
    again.publish('pub', { topic: 'a/4', body: 'three', qos: 1 })
    drain(again, sub)
    assert.deepEqual(gotBy(sub), ['one/1', 'two/2', 'three/1'])
    assert.deepEqual([...world.errors, ...again.errors], [])
  })

test('subscriptions come back with all of their options, and those given back do not', async () => {
  const { world, sub } = await withSubscriber(1)
  world.subscribe(sub, { filter: '$share/g/s', qos: 2, identifier: 9 })
  world.subscribe(sub, { filter: 'x/+', qos: 0, noLocal: true, retainAsPublished: true, retainHandling: 2, identifier: 5 })
  world.unsubscribe(sub, 'a/#')
  world.journal.flush()
  const again = await World.open(world.crash())
  const session = again.broker.find(sub.subject.identity, 'c')
  assert.deepEqual(
    [...(session?.subscriptions.values() ?? [])],
    [
      { filter: '$share/g/s', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: 9 },
      { filter: 'x/+', qos: 0, noLocal: true, retainAsPublished: true, retainHandling: 2, identifier: 5 },
    ],
  )
})

test('what was acknowledged at QoS 1 and told does not come again; what was not told comes once more', async () => {
  const { world, sub } = await withSubscriber(1)
  for (const body of ['one', 'two', 'three']) world.publish('pub', { topic: 'a', body, qos: 1 })
  world.journal.flush()
  sub.owes.shift()?.()
  world.broker.tick()
  world.journal.flush()
  sub.owes.shift()?.()
  const again = await World.open(world.crash())
  sub.got.length = 0
  again.connect(sub)
  assert.deepEqual(gotBy(sub), ['two/1', 'three/1'])
})

test('a row keeps what was in flight under its identifier; it is sent again with DUP [MQTT-4.4.0-1]', async () => {
  const { world, sub } = await withSubscriber(1)
  world.publish('pub', { topic: 'a', body: 'one', qos: 1 })
  world.journal.flush()
  await world.checkpoint()
  const again = await World.open(world.crash())
  again.connect(sub)
  assert.deepEqual(gotBy(sub), ['one/1', 'one/1+'])
})

for (const [step, acts] of [
  ['before PUBLISH left', 0],
  ['after PUBLISH', 1],
  ['after PUBREC', 2],
  ['after PUBREL', 3],
  ['after PUBCOMP', 4],
] as const)
  for (const isDurable of [false, true])
    for (const hasRows of [false, true])
      test(`QoS 2 to a subscriber is exactly once over a crash ${step}, ${isDurable ? 'on' : 'not on'} disk, with${hasRows ? '' : 'out'} rows [MQTT-4.3.3-1]`, async () => {
        const { world, sub } = await withSubscriber(2)
        world.publish('pub', { topic: 'a', body: 'one', qos: 2 })
        world.journal.flush()
        if (acts >= 1) world.journal.flush()
        if (hasRows) await world.checkpoint()
        if (acts >= 2) sub.owes.shift()?.()
        if (acts >= 3) world.journal.flush()
        if (acts >= 4) sub.owes.shift()?.()
        const again = await World.open(world.crash(isDurable ? Infinity : 0))
        again.connect(sub)
        drain(again, sub)
        assert.deepEqual(
          sub.got.map(({ body }) => body),
          ['one'],
        )
        assert.equal(again.broker.find(sub.subject.identity, 'c')?.backlog, 0)
      })

for (const [where, more, hasRows] of [
  ['nothing of it on disk', 0, false],
  ['its record on disk', 1, false],
  ['its record in the rows', 1, true],
] as const)
  test(`a QoS 2 message whose PUBREC was lost with the hub is taken once, ${where} [MQTT-4.3.3-10]`, async () => {
    const { world, sub } = await withSubscriber(2)
    const pub = new WorldClient('pub')
    world.connect(pub)
    world.journal.flush()
    await world.checkpoint()
    const message = { topic: 'a', body: 'one', qos: 2 } as const
    world.publish('pub', message, undefined, { client: pub, packetId: 7 })
    if (hasRows) {
      world.journal.flush()
      await world.checkpoint()
      await world.checkpoint()
    }
    const again = await World.open(world.crash(more))
    again.connect(sub)
    again.connect(pub)
    assert.equal(again.publish('pub', { ...message, dup: true }, undefined, { client: pub, packetId: 7 }), more === 0)
    drain(again, sub)
    assert.deepEqual(
      sub.got.map(({ body }) => body),
      ['one'],
    )
    // Once released the identifier is free, also for the next life.
    again.release(pub, 7)
    again.journal.flush()
    const third = await World.open(again.crash())
    third.connect(pub)
    assert.equal(third.publish('pub', { ...message, body: 'two' }, undefined, { client: pub, packetId: 7 }), true)
  })

test('a retained message that waits for a subscriber comes after a crash, though it was published before', async () => {
  const world = await World.open()
  world.publish('pub', { topic: 'a', body: 'kept', qos: 1, retain: true })
  world.journal.flush()
  const sub = new WorldClient('sub')
  world.connect(sub)
  world.subscribe(sub, { filter: 'a' })
  world.journal.flush()
  world.journal.flush()
  const again = await World.open(world.crash())
  sub.got.length = 0
  again.connect(sub)
  assert.deepEqual(
    sub.got.map(({ body, retain }) => [body, retain]),
    [['kept', true]],
  )
})

test('a message of a shared subscription goes to one member that is stored, once it is settled to nobody', async () => {
  const world = await World.open()
  const members = [new WorldClient('m1'), new WorldClient('m2')]
  for (const member of members) {
    world.connect(member)
    world.subscribe(member, { filter: '$share/g/a', qos: 1 })
  }
  world.journal.flush()
  for (const body of ['one', 'two', 'three', 'four']) world.publish('pub', { topic: 'a', body, qos: 1 })
  world.journal.flush()
  for (const member of members) member.owes.shift()?.()
  world.broker.tick()
  world.journal.flush()
  const again = await World.open(world.crash())
  for (const member of members) member.got.length = 0
  for (const member of members) again.connect(member)
  drain(again, ...members)
  assert.deepEqual(members.flatMap(gotBy).sort(), ['four/1', 'three/1'])
  again.broker.tick()
  again.journal.flush()
  const third = await World.open(again.crash())
  for (const member of members) member.got.length = 0
  for (const member of members) third.connect(member)
  assert.deepEqual(members.flatMap(gotBy), [])
})

test('a delayed will comes in its time after a crash, once, and not when the client is back before [MQTT-3.1.3-9]', async () => {
  const world = await World.open()
  const [gone, back, lost] = [new WorldClient('gone'), new WorldClient('back'), new WorldClient('lost')]
  for (const client of [gone, back, lost]) world.connect(client, { will: `will/${client.subject.identity}`, delaySeconds: 60 })
  world.leave(gone)
  world.leave(back)
  world.journal.flush()
  world.clock.advance(30_000)
  await world.checkpoint()
  const again = await World.open(world.crash())
  again.connect(back)
  again.clock.advance(20_000)
  again.broker.tick()
  assert.deepEqual(again.wills, [])
  again.clock.advance(6_000)
  again.broker.tick()
  assert.deepEqual(again.wills, ['will/gone'])
  again.clock.advance(34_000)
  again.broker.tick()
  assert.deepEqual(again.wills, ['will/gone', 'will/lost'], 'a connection that the crash cut has been lost since the start')
  again.journal.flush()
  const third = await World.open(again.crash())
  third.clock.advance(100_000)
  third.broker.tick()
  assert.deepEqual(third.wills, [], 'what was sent or called off is not sent again')
})

test('sessions end by the wall clock while the hub is down', async () => {
  const { world, sub } = await withSubscriber(1)
  world.leave(sub)
  world.journal.flush()
  const left = world.crash()
  left.clock.advance(3_599_000)
  const again = await World.open(left)
  again.broker.tick()
  assert.equal(again.broker.sessions, 1)
  again.clock.advance(1_000)
  again.broker.tick()
  assert.equal(again.broker.sessions, 0)
  again.journal.flush()
  await again.checkpoint()
  assert.deepEqual([again.rows.sessions.size, (await World.open(again.crash())).broker.sessions], [0, 0])
})

test('a clean start, and a session that is not stored, leave nothing behind', async () => {
  const { world, sub } = await withSubscriber(1)
  await world.checkpoint()
  world.publish('pub', { topic: 'a', body: 'old', qos: 1 })
  world.connect(sub, { cleanStart: true })
  world.journal.flush()
  assert.equal((await World.open(world.crash())).broker.find(sub.subject.identity, 'c')?.subscriptions.size, 0)
  world.connect(sub, { expirySeconds: 0 })
  world.subscribe(sub, { filter: 'a' })
  world.journal.flush()
  assert.equal((await World.open(world.crash())).broker.sessions, 0)
  await world.checkpoint()
  assert.equal(world.rows.sessions.size, 0)
})

test('a row that is damaged, or is not the one of its key, costs that session alone, is told, and goes', async () => {
  const { world, sub } = await withSubscriber(1)
  const [other, third] = [new WorldClient('other'), new WorldClient('third')]
  for (const client of [other, third]) {
    world.connect(client)
    world.subscribe(client, { filter: 'a/#' })
  }
  world.journal.flush()
  await world.checkpoint()
  const rows = [...world.rows.sessions]
  const { rows: left, ...rest } = world.crash()
  for (const [key, row] of rows) {
    if (row.owner === 'sub') left.sessions.set(key, { ...row, row: row.row.subarray(0, row.row.length / 2) })
    if (row.owner === 'other') left.sessions.set(key, { ...row, row: rows.find(([, one]) => one.owner === 'third')?.[1].row ?? row.row })
  }
  const again = await World.open({ ...rest, rows: left })
  assert.deepEqual([again.broker.sessions, again.errors.length, [...left.sessions.values()].map(({ owner }) => owner)], [1, 2, ['third']])
  assert.equal(again.connect(sub), false)
})

test('what retention dropped before it was delivered is counted as lost, the rest is delivered', async () => {
  const { world, sub } = await withSubscriber(1)
  world.leave(sub)
  for (const body of ['one', 'two', 'three']) world.publish('pub', { topic: 'a', body, qos: 1 })
  world.journal.flush()
  await world.checkpoint()
  const left = world.crash()
  left.journal.start = world.journal.end - 1
  const again = await World.open(left)
  again.clock.advance(1_000)
  again.broker.tick()
  assert.deepEqual(again.errors, ['dropped 2 retention'])
  again.connect(sub)
  assert.deepEqual(gotBy(sub), ['three/1'])
})

test('rows of another journal keep subscriptions and lose what waited: no offset of theirs is believed', async () => {
  const { world, sub } = await withSubscriber(1)
  world.leave(sub)
  world.publish('pub', { topic: 'a', body: 'one', qos: 1 })
  world.journal.flush()
  await world.checkpoint()
  const again = await World.open({ clock: world.clock, rows: new MemoryState(world.rows) })
  assert.equal(again.errors.length, 1)
  again.publish('secret', { topic: 'x', body: 'not theirs', qos: 1 })
  again.journal.flush()
  again.connect(sub)
  assert.deepEqual([gotBy(sub), again.broker.subscriptions], [[], 1])
})

test('who may not receive a topic by the policy of now gets nothing of it from the journal [CVE-2021-34434]', async () => {
  const { world, sub } = await withSubscriber(1)
  world.leave(sub)
  world.publish('pub', { topic: 'a/secret', body: 'no', qos: 1 })
  world.publish('pub', { topic: 'a/open', body: 'yes', qos: 1 })
  world.journal.flush()
  const again = await World.open(world.crash(), (_, topic) => topic === 'a/secret')
  again.connect(sub)
  assert.deepEqual(gotBy(sub), ['yes/1'])
})

test('a queue that was full, with what was in flight before it, comes back whole', async () => {
  const { world, sub } = await withSubscriber(1)
  const full = world.limits.queueMessages + 5
  for (let i = 0; i < full; i++) world.publish('pub', { topic: 'a', body: `${i}`, qos: 1 })
  world.journal.flush()
  const again = await World.open(world.crash())
  assert.deepEqual([again.broker.find(sub.subject.identity, 'c')?.backlog, again.errors], [full, []])
})

test('a QoS 2 message that retention took while it was in flight is ended by PUBREL, and its identifier is not given away before', async () => {
  const { world, sub } = await withSubscriber(2)
  world.publish('pub', { topic: 'a', body: 'gone', qos: 2 })
  world.journal.flush()
  world.journal.flush()
  assert.deepEqual(gotBy(sub), ['gone/2'])
  await world.checkpoint()
  const left = world.crash()
  left.journal.start = world.journal.end
  const again = await World.open(left)
  again.connect(sub)
  again.publish('pub', { topic: 'a', body: 'next', qos: 2 })
  drain(again, sub)
  assert.deepEqual(gotBy(sub), ['gone/2', 'next/2'])
  assert.equal(again.broker.find(sub.subject.identity, 'c')?.backlog, 0)
})

test('many rows are written in several commits, and a crash between two of them doubles nothing and loses nothing', async () => {
  const world = await World.open()
  const clients = Array.from({ length: 600 }, (_, i) => new WorldClient(`s${i}`))
  for (const client of clients) {
    world.connect(client)
    world.subscribe(client, { filter: 'a', qos: 2 })
    world.leave(client)
  }
  world.journal.flush()
  await world.checkpoint()
  world.publish('pub', { topic: 'a', body: 'one', qos: 2 })
  world.journal.flush()
  const before = world.rows.upTo
  world.rows.failAt = 2
  await world.checkpoint()
  assert.deepEqual([world.rows.upTo, world.errors.length], [before, 1])
  const again = await World.open(world.crash())
  for (const client of clients) again.connect(client)
  drain(again, ...clients)
  assert.ok(clients.every(({ got }) => got.length === 1))
})

test('an orderly end writes everything, and a start after it reads nothing of the journal', async () => {
  const { world, sub } = await withSubscriber(1)
  world.leave(sub)
  world.publish('pub', { topic: 'a', body: 'one', qos: 1 })
  world.journal.flush()
  await world.stop()
  assert.equal(world.rows.upTo, world.journal.end)
  const again = await World.open(world.crash())
  again.connect(sub)
  assert.deepEqual(gotBy(sub), ['one/1'])
})

test('rows that could not be written are owed, and the cursor does not pass them', async () => {
  const { world, sub } = await withSubscriber(1)
  world.leave(sub)
  world.publish('pub', { topic: 'a', body: 'one', qos: 1 })
  world.journal.flush()
  world.rows.failAt = 1
  const before = world.rows.upTo
  await world.checkpoint()
  assert.deepEqual([world.rows.upTo, world.errors.length], [before, 1])
  const again = await World.open(world.crash())
  again.connect(sub)
  assert.deepEqual(gotBy(sub), ['one/1'])
  await world.checkpoint()
  assert.equal(world.rows.upTo, world.journal.end)
  assert.equal(world.rows.sessions.size, 1)
})
