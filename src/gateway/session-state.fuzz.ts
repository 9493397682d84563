import assert from 'node:assert/strict'
import { decodeSession, encodeSession } from '#broker'
import { FakeClock } from '../../test/fake-clock.ts'
import { HeldJournal } from '../../test/held-journal.ts'
import { MemoryState, World, WorldClient } from './session-scene.test.ts'
import { changeOf } from './recorded-change.ts'

/*
 * What an earlier life left on disk, damaged: rows of sessions, rows of retained messages, journal records, and the cursor. An input is a
 * list of damages; or, when it begins with an even byte, a row or record itself. A start on it may lose what is damaged. It may not throw,
 * and the hub that comes up serves clients old and new, and can write its state and read it back.
 */

type Left = { readonly journal: readonly Buffer[]; readonly rows: MemoryState }

let left: Promise<Left> | undefined

/** A hub with everything in it that is stored. */
async function live(): Promise<Left> {
  const world = await World.open()
  const [alice, bob, carol] = [new WorldClient('alice'), new WorldClient('bob'), new WorldClient('carol')]
  for (const client of [alice, bob, carol]) world.connect(client, { will: 'w/x' })
  world.subscribe(alice, { filter: 'a/#', qos: 2, identifier: 7 })
  world.subscribe(bob, { filter: '$share/g/a/+', qos: 1 })
  world.subscribe(carol, { filter: 'a/b', qos: 1, retainAsPublished: true })
  world.journal.flush()
  world.publish('p', { topic: 'a/b', body: 'kept', qos: 1, retain: true })
  world.publish('p', { topic: 'a/c', body: 'two', qos: 2 }, () => {}, { client: alice, packetId: 9 })
  world.journal.flush()
  world.leave(bob)
  await world.checkpoint()
  world.leave(carol, 'discard')
  for (let at = 0; at < 4; at++) world.publish('p', { topic: 'a/b', body: `${at}`, qos: at % 2 === 0 ? 1 : 2, retain: at === 3 })
  world.unsubscribe(alice, 'a/#')
  world.journal.flush()
  world.leave(alice)
  world.journal.flush()
  return { journal: world.journal.records.map((record) => Buffer.from(record)), rows: world.rows }
}

/** See above. */
export async function target(input: Buffer): Promise<void> {
  const choice = input[0] ?? 0
  const bytes = Buffer.from(input.subarray(1))
  const { journal: records, rows } = await (left ??= live())
  const journal = new HeldJournal()
  journal.records.push(...records.map((record) => Buffer.from(record)))
  const state = new MemoryState(rows)
  if ((choice & 1) === 0) {
    const decoded = decodeSession(bytes)
    if (decoded.ok) assert.deepEqual(decodeSession(encodeSession(decoded.value)), decoded)
    changeOf(bytes)
    state.sessions.set('alice\0c', { owner: 'alice', clientId: 'c', row: bytes })
    journal.records.push(bytes)
  } else damage(journal, state, bytes)
  journal.durableEnd = journal.records.length
  const clock = new FakeClock()
  const world = await World.open({ clock, journal, rows: state })
  await serves(world)
  const again = await World.open({ clock, journal, rows: state })
  await serves(again)
}

/** Each damage is four bytes: what, which, where, and the new byte. */
function damage(journal: HeldJournal, state: MemoryState, damages: Buffer): void {
  const sessions = [...state.sessions]
  const retained = [...state.retained]
  for (let at = 0; at + 4 <= damages.length && at < 200; at += 4) {
    const [what = 0, which = 0, where = 0, value = 0] = damages.subarray(at, at + 4)
    const session = sessions[which % sessions.length]
    const topic = retained[which % retained.length]
    const record = journal.records[which % journal.records.length]
    switch (what % 8) {
      case 0:
      case 1:
        if (session !== undefined)
          state.sessions.set(session[0], { ...session[1], row: overwritten(session[1].row, where * 4 + (what >> 5), value) })
        break
      case 2:
        if (session !== undefined) state.sessions.set(session[0], { ...session[1], row: session[1].row.subarray(0, where * 4) })
        break
      case 3:
        if (topic !== undefined) state.retained.set(topic[0], { ...topic[1], record: overwritten(topic[1].record, where, value) })
        break
      case 4:
        if (topic !== undefined)
          state.retained.set(topic[0], {
            ...topic[1],
            about: value % 2 === 0 ? undefined : `${topic[1].about ?? ''}${String.fromCodePoint(value)}`,
          })
        break
      case 5:
        state.upTo = value % 3 === 0 ? 1_000_000 : value
        break
      default:
        if (record !== undefined) journal.records[which % journal.records.length] = overwritten(record, where, value)
    }
  }
}

function overwritten(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) copy[at % copy.length] = value
  return copy
}

/** Old clients come back, whatever of their sessions is left, and a new one is served. */
async function serves(world: World): Promise<void> {
  for (const name of ['alice', 'bob', 'carol']) {
    const client = new WorldClient(name)
    world.connect(client)
    for (let round = 0; round < 3; round++) {
      world.journal.flush()
      for (const acknowledge of client.owes.splice(0)) acknowledge()
    }
    world.leave(client)
  }
  const fresh = new WorldClient('fresh')
  world.connect(fresh, { cleanStart: true, expirySeconds: 0 })
  world.subscribe(fresh, { filter: 'f', qos: 1 })
  world.journal.flush()
  world.publish('p', { topic: 'f', body: 'served', qos: 1 })
  world.journal.flush()
  assert.deepEqual(
    fresh.got.map(({ body }) => body),
    ['served'],
  )
  world.clock.advance(120_000)
  await world.checkpoint()
}

/** Rows and records as they are written, from which damaged ones are bred, and a list of damages. */
export async function seeds(): Promise<readonly Buffer[]> {
  const { journal, rows } = await (left ??= live())
  const whole = [...[...rows.sessions.values()].map(({ row }) => row), ...journal].map((bytes) => Buffer.concat([Buffer.of(0), bytes]))
  return [...whole, Buffer.from('0100010203020105'.repeat(4), 'hex'), Buffer.from('010600050706010305', 'hex')]
}
