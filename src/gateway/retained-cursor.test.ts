import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { encodeTelemetry } from '#journal'
import { encodePropertyBytes } from '#wire/mqtt'
import { MemoryState, World, subjectOf } from './session-scene.test.ts'
import { retainedRow } from './retained-cursor.ts'

const record = (topic: string, body: string, retain = true, seconds?: number) =>
  encodeTelemetry({
    kind: 'telemetry',
    time: instant(Date.UTC(2026, 0, 1)),
    device: 'd',
    auth: '',
    generation: '',
    connection: 'c',
    transport: 'mqtts',
    topic,
    qos: 1,
    retain,
    dup: false,
    mqttVersion: 5,
    properties: encodePropertyBytes({ contentType: 'text/plain', ...(seconds === undefined ? {} : { messageExpiryInterval: seconds }) }),
    body: Buffer.from(body),
  })

const retainedIn = ({ broker }: World) =>
  broker.retained
    .matching('#')
    .map(({ topic, payload }) => `${topic}=${payload.toString()}`)
    .sort()

test('retained messages that were acknowledged and never copied come back from the journal, in order, deletions too', async () => {
  const { journal, ...rest } = (await World.open()).crash()
  for (const [topic, body] of [
    ['a', '1'],
    ['b', '1'],
    ['a', '2'],
    ['b', ''],
  ] as const)
    journal.append(record(topic, body))
  journal.append(record('not-retained', 'x', false))
  journal.append(record('devices/d/messages/events/', 'telemetry is never retained'))
  journal.flush()
  const world = await World.open({ ...rest, journal })
  assert.deepEqual(retainedIn(world), ['a=2'])
  const [kept] = world.broker.retained.matching('a')
  assert.deepEqual([kept?.publisher.identity, kept?.properties?.contentType, kept?.offset], ['d', 'text/plain', 2])
})

test('the copy and what the journal has after it make the state after a restart', async () => {
  const world = await World.open()
  world.publish('d', { topic: 'a', body: 'copied', qos: 1, retain: true })
  world.journal.flush()
  await world.checkpoint()
  assert.equal(world.rows.upTo, 1)
  world.publish('d', { topic: 'b', body: 'only in the journal', qos: 1, retain: true })
  world.journal.flush()
  const left = world.crash()
  left.journal.start = 1 // retention has dropped what the copy holds
  assert.deepEqual(retainedIn(await World.open(left)), ['a=copied', 'b=only in the journal'])
})

test('what was read from the journal is copied at once: a hub that is killed early does not read it again', async () => {
  const { journal, rows, clock } = (await World.open()).crash()
  journal.append(record('a', 'x'))
  journal.append(record('b', 'x', false))
  journal.flush()
  const world = await World.open({ journal, rows, clock })
  assert.deepEqual([world.rows.upTo, [...world.rows.retained.keys()]], [2, ['a']])
})

test('a copy that could not be written is owed, and the offset never passes it', async () => {
  const world = await World.open()
  world.rows.failAt = 1
  world.publish('d', { topic: 'a', body: 'x', qos: 1, retain: true })
  world.journal.flush()
  await world.checkpoint()
  assert.deepEqual([world.errors.length, world.rows.upTo, world.rows.retained.size], [1, 0, 0])
  await world.checkpoint()
  assert.deepEqual([world.rows.upTo, [...world.rows.retained.keys()]], [1, ['a']])
  const saves = world.rows.saves
  await world.checkpoint()
  assert.equal(world.rows.saves, saves, 'nothing new, nothing written')
})

test('the copy keeps who published it, where its record is, and when it expires; a restart does not lengthen its life [MQTT-3.3.2-5]', async () => {
  const world = await World.open()
  const publisher = { ...subjectOf('d'), username: 'D', attributes: { site: 'a' } }
  const expiresAt = instant(world.clock.now() + 60_000)
  const properties = { messageExpiryInterval: 60 }
  world.broker.retained.set({
    topic: 'a',
    payload: Buffer.from('x'),
    qos: 2,
    retain: true,
    properties,
    publisher,
    from: 'c',
    offset: 41,
    expiresAt,
  })
  world.publish('d', { topic: 'b', body: 'x', qos: 1 })
  world.journal.flush()
  await world.checkpoint()
  const again = await World.open(world.crash())
  const [kept] = again.broker.retained.matching('a')
  assert.deepEqual([kept?.publisher, kept?.offset, kept?.expiresAt, kept?.qos], [publisher, 41, expiresAt, 2])
  again.clock.advance(60_000)
  assert.deepEqual(again.broker.retained.matching('a'), [])
})

test('a copy of the first release, which says nothing about its publisher, is owned by the identity alone', async () => {
  const rows = new MemoryState()
  rows.retained.set('a', { record: record('a', 'old'), about: undefined })
  rows.retained.set('b', { record: record('b', 'hit'), about: '{"offset":' })
  rows.retained.set('c', { record: record('c', 'x').subarray(0, 20), about: undefined })
  const world = await World.open({ rows })
  const [kept] = world.broker.retained.matching('a')
  assert.deepEqual([kept?.publisher, kept?.offset], [{ ...subjectOf('d'), clientId: '' }, -1])
  assert.deepEqual(retainedIn(world), ['a=old', 'b=hit'])
})

test('what expires in the journal expires in memory, counted from when it was published', async () => {
  const { journal, ...rest } = (await World.open()).crash()
  journal.append(record('a', 'x', true, 30))
  journal.flush()
  const world = await World.open({ ...rest, journal })
  const [kept] = world.broker.retained.matching('a')
  assert.equal(kept?.expiresAt, Date.UTC(2026, 0, 1) + 30_000)
  if (kept !== undefined) assert.equal(JSON.parse(retainedRow(kept, world.clock).about ?? '{}').expiresAt, kept.expiresAt)
})
