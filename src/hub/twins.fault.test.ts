import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { Fault, type Result } from '#base'
import type { Journal } from '#journal'
import type { Store } from '#store'
import { DeviceRows, identity } from '../../test/device-rows.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { openOn, turns } from '../../test/journal-fixture.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { hubMigrations } from './migrations.ts'
import { type OpenTwins, openTwins } from './twins.ts'
import type { TwinObject } from './twin.ts'

const { signal } = new AbortController()
const write = systemGrant('twin.write', 'devices')
const names = ['a', 'b', 'c']
const rounds = 12

/** What a device and its back end do in a round, and what its twin holds after so many of them. */
const reported = (name: string, round: number): TwinObject => ({ name, round, [`k${round % 3}`]: round % 2 === 0 ? round : null })
const desired = (round: number): TwinObject => ({ round })

function expected(
  name: string,
  changes: number,
): { readonly reported: TwinObject; readonly desired: TwinObject; readonly version: number } {
  const state = { reported: new Map<string, unknown>(), desired: new Map<string, unknown>() }
  for (let change = 0; change < changes; change++) {
    const round = Math.floor(change / 2)
    const [part, patch] = change % 2 === 0 ? [state.reported, reported(name, round)] : [state.desired, desired(round)]
    for (const [key, value] of Object.entries(patch))
      if (value === null) part.delete(key)
      else part.set(key, value)
  }
  return JSON.parse(
    JSON.stringify({ reported: Object.fromEntries(state.reported), desired: Object.fromEntries(state.desired), version: 2 + changes }),
  )
}

type World = { isOver: boolean; commits: number }

/** A store that is gone from its nth commit on, which it still does (`after`) or does not. */
function cut(store: Store, world: World, n: number, when: 'before' | 'after'): Store {
  return {
    query: (sql, ...args) => store.query(sql, ...args),
    async commit(statements) {
      if (world.isOver) throw new Fault('store/closed', 'The store is closed.')
      if (++world.commits < n) return await store.commit(statements)
      world.isOver = true
      if (when === 'after') await store.commit(statements)
      throw new Fault('store/disk', 'The plug was pulled.')
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function open(store: Store, journal: Journal, clock: FakeClock, trouble: string[] = []): Promise<OpenTwins> {
  const rows = await new DeviceRows(store).load()
  return await openTwins(
    {
      journal,
      store,
      clock,
      registered: (id) => rows.find(id),
      audit: async () => undefined,
      trouble: (what) => void trouble.push(what),
    },
    signal,
  )
}

/** Devices and back ends change twins, as fast as they are answered; gives how many changes of each were answered before the end. */
async function live(twins: OpenTwins, clock: FakeClock, world: World): Promise<ReadonlyMap<string, number>> {
  const answered = new Map<string, number>()
  const running = { count: names.length }
  const act = async (name: string) => {
    for (let change = 0; change < 2 * rounds && !world.isOver; change++) {
      const round = Math.floor(change / 2)
      const outcome: Result<unknown> =
        change % 2 === 0
          ? await twins.patchReported(identity(name), reported(name, round))
          : await twins.patch(write, identity(name), { desired: desired(round) })
      if (world.isOver) return
      assert.ok(outcome.ok, outcome.ok ? '' : outcome.error.code)
      answered.set(name, change + 1)
      if (round % 3 === 2) await twins.flushed().catch(() => undefined)
    }
  }
  for (const name of names) void act(name).finally(() => running.count--)
  for (let i = 0; running.count > 0 && !world.isOver; i++) {
    await turns()
    if (i % 50 === 49) clock.advance(500)
  }
  return answered
}

for (const when of ['before', 'after'] as const)
  test(`the plug pulled just ${when} any commit of the rows loses no change that was answered, and applies none twice`, async () => {
    for (let n = 1; ; n++) {
      await using held = await openTestStore(hubMigrations)
      await new DeviceRows(held.store).add(...names)
      const disk = new MemoryDisk(n)
      const clock = new FakeClock()
      const world = { isOver: false, commits: 0 }
      const journal = await openOn(disk, { clock, segmentBytes: 9_000 })
      const twins = await open(cut(held.store, world, n, when), journal, clock)
      const answered = await live(twins, clock, world)
      const wasCut = world.isOver
      world.isOver = true
      const survivor = disk.afterCrash()
      const trouble: string[] = []
      for (const _start of [1, 2]) {
        await using again = await openOn(survivor, { clock, seed: 2 })
        await using after = await open(await held.reopen(), again, clock, trouble)
        for (const name of names) {
          const twin = await after.get(identity(name))
          assert.ok(twin)
          const changes = twin.version - 2
          assert.ok(changes >= (answered.get(name) ?? 0), `${name} has ${changes} changes, ${answered.get(name)} were answered (cut ${n})`)
          assert.deepEqual(
            JSON.parse(JSON.stringify({ reported: twin.reported.properties, desired: twin.desired.properties, version: twin.version })),
            expected(name, changes),
          )
        }
      }
      assert.deepEqual(trouble, [])
      if (!wasCut) {
        assert.ok(n > 10, `only ${n} commits`)
        return
      }
    }
  })

test('rows that cannot be written for a while are written later, and nothing is refused meanwhile', async () => {
  await using held = await openTestStore(hubMigrations)
  await new DeviceRows(held.store).add(...names)
  const clock = new FakeClock()
  await using journal = await openOn(new MemoryDisk(), { clock })
  const state = { isBroken: true }
  const store: Store = {
    query: (sql, ...args) => held.store.query(sql, ...args),
    async commit(statements) {
      if (state.isBroken) throw new Fault('store/disk', 'The disk is full.')
      return await held.store.commit(statements)
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
  const trouble: string[] = []
  const twins = await open(store, journal, clock, trouble)
  for (let n = 0; n < 5; n++) {
    assert.ok((await twins.patchReported(identity('a'), { n })).ok)
    clock.advance(1_000)
    await turns(20)
  }
  await assert.rejects(twins.flushed(), { code: 'store/disk' })
  assert.ok(trouble.length > 0)
  state.isBroken = false
  await twins.flushed()
  const [row] = await held.store.query("SELECT reported FROM twins WHERE identity = 'a'")
  assert.equal(row?.['reported'], '{"n":4}')
})

test('a journal that is not the one the rows were made of is said, and rows stay', async () => {
  await using held = await openTestStore(hubMigrations)
  await new DeviceRows(held.store).add(...names)
  const clock = new FakeClock()
  {
    await using journal = await openOn(new MemoryDisk(), { clock })
    await using twins = await open(held.store, journal, clock)
    for (let n = 0; n < 5; n++) assert.ok((await twins.patchReported(identity('a'), { n })).ok)
  }
  const trouble: string[] = []
  await using journal = await openOn(new MemoryDisk(), { clock })
  await using twins = await open(held.store, journal, clock, trouble)
  assert.match(trouble.join(), /older than the twins/)
  assert.deepEqual((await twins.get(identity('a')))?.reported.properties, { n: 4 })
  assert.ok((await twins.patchReported(identity('a'), { n: 5 })).ok)
})

test('rows wait for the journal: they must not know of a change that a crash can take back', async () => {
  await using held = await openTestStore(hubMigrations)
  await new DeviceRows(held.store).add(...names)
  const clock = new FakeClock()
  const disk = new MemoryDisk()
  await using journal = await openOn(disk, { clock })
  await using twins = await open(held.store, journal, clock)
  await twins.get(identity('a'))
  const release = disk.stallSyncs(0)
  const answers: string[] = []
  const report = twins.patchReported(identity('a'), { n: 1 }).then(() => answers.push('report'))
  const flush = twins.flushed().then(() => answers.push('flush'))
  await turns(20)
  const rows = () => held.store.query("SELECT reported FROM twins WHERE identity = 'a'")
  assert.deepEqual([answers, (await rows())[0]?.['reported']], [[], '{}'])
  release()
  await Promise.all([report, flush])
  assert.deepEqual([answers, (await rows())[0]?.['reported']], [['report', 'flush'], '{"n":1}'])
})
