import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceId, instant, parseDeviceId } from '#base'
import { Broker } from '#broker'
import { encodeTelemetry } from '#journal'
import { encodePropertyBytes } from '#wire/mqtt'
import { FakeClock } from '../../test/fake-clock.ts'
import { HeldJournal } from '../../test/held-journal.ts'
import { type RetainedStore, followRetained } from './retained-cursor.ts'

const owner = (): DeviceId => {
  const id = parseDeviceId('d')
  assert.ok(id.ok)
  return id.value
}
const record = (topic: string, body: string, retain = true) =>
  encodeTelemetry({
    kind: 'telemetry',
    time: instant(0),
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
    properties: encodePropertyBytes({ contentType: 'text/plain' }),
    body: Buffer.from(body),
  })

/** Rows in memory that fail when told to. */
class MemoryRows implements RetainedStore {
  readonly rows = new Map<string, Buffer>()
  upTo = 0
  fails = false
  saved = 0
  async load() {
    return { records: [...this.rows.values()], upTo: this.upTo }
  }
  async save(changes: Parameters<RetainedStore['save']>[0], upTo: number) {
    if (this.fails) throw new Error('the disk says no')
    this.saved += changes.length
    for (const [topic, row] of changes)
      if (row === undefined) this.rows.delete(topic)
      else this.rows.set(topic, row)
    this.upTo = upTo
  }
}

const open = async (journal: HeldJournal, rows: MemoryRows) => {
  const broker = new Broker({ messages: 100, bytes: 100_000 })
  const clock = new FakeClock()
  const errors: unknown[] = []
  const stop = await followRetained({ journal, broker, clock, store: rows, trouble: (error) => void errors.push(error) })
  const said = () =>
    broker.retained
      .matching('#')
      .map((message) => `${message.topic}=${message.payload.toString()}`)
      .sort()
  return { broker, clock, errors, stop, said }
}
const settle = () => new Promise<void>((resolve) => void setImmediate(resolve))

test('retained messages that were acknowledged and never copied come back from the journal, in order, deletions too', async () => {
  const journal = new HeldJournal()
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
  const { said, broker } = await open(journal, new MemoryRows())
  assert.deepEqual(said(), ['a=2'])
  const [kept] = broker.retained.matching('a')
  assert.deepEqual([kept?.owner, kept?.properties?.contentType], ['d', 'text/plain'])
})

test('the copy and what the journal has after it make the state after a restart', async () => {
  const journal = new HeldJournal()
  const rows = new MemoryRows()
  const first = await open(journal, rows)
  first.broker.retained.set({
    topic: 'a',
    payload: Buffer.from('copied'),
    qos: 1,
    retain: true,
    properties: undefined,
    owner: owner(),
    from: 'c',
  })
  journal.append(record('a', 'copied'))
  journal.flush()
  await first.stop()
  assert.equal(rows.upTo, 1)
  journal.append(record('b', 'only in the journal'))
  journal.flush()
  journal.start = 1 // retention has dropped what the copy holds
  assert.deepEqual((await open(journal, rows)).said(), ['a=copied', 'b=only in the journal'])
})

test('what was read from the journal is copied at once: a hub that is killed early does not read it again', async () => {
  const journal = new HeldJournal()
  journal.append(record('a', 'x'))
  journal.append(record('b', 'x', false))
  journal.flush()
  const rows = new MemoryRows()
  await open(journal, rows)
  assert.deepEqual([rows.upTo, [...rows.rows.keys()]], [2, ['a']])
})

test('a copy that could not be written is owed, and the offset never passes it', async () => {
  const journal = new HeldJournal()
  const rows = new MemoryRows()
  const { broker, clock, errors } = await open(journal, rows)
  rows.fails = true
  broker.retained.set({ topic: 'a', payload: Buffer.from('x'), qos: 1, retain: true, properties: undefined, owner: owner(), from: 'c' })
  journal.append(record('a', 'x'))
  journal.flush()
  clock.advance(5_000)
  await settle()
  assert.deepEqual([errors.length, rows.upTo, rows.rows.size], [1, 0, 0])
  rows.fails = false
  clock.advance(5_000)
  await settle()
  assert.deepEqual([rows.upTo, [...rows.rows.keys()]], [1, ['a']])
  journal.append(record('elsewhere', 'x', false))
  journal.flush()
  clock.advance(5_000)
  await settle()
  assert.deepEqual([rows.upTo, rows.saved], [2, 1])
})
