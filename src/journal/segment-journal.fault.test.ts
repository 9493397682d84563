import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../test/fake-clock.ts'
import { failEach } from '../../test/fail-each.ts'
import { directory, openOn, readAll, say, show, turns } from '../../test/journal-fixture.ts'
import { DiskFault, MemoryDisk } from '../../test/memory-disk.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import type { Journal } from './index.ts'

/** Waits for `promise` while time passes, so that retries happen. Gives up, as a killed process would, after `patience` turns. */
async function patiently<T>(clock: FakeClock, promise: Promise<T>, patience = 200): Promise<T | undefined> {
  const waiting = { on: true }
  const stop = () => {
    waiting.on = false
  }
  promise.then(stop, stop)
  for (let i = 0; i < patience && waiting.on; i++) {
    await turns()
    if (i % 4 === 3) clock.advance(1_000)
  }
  return waiting.on ? undefined : promise
}

function words(count: number, seed = 5): string[] {
  const random = new SeededRandom(seed)
  return Array.from({ length: count }, (_, i) => `${i}:${random.bytes(1 + random.integer(60)).toString('hex')}`)
}

test('each disk operation failing in turn loses nothing that was acknowledged, and nothing is out of order', async () => {
  const said = words(40)
  let acknowledged = 0
  const runs = await failEach(
    async (disk) => {
      acknowledged = 0
      const clock = new FakeClock()
      const journal = await openOn(disk, { clock, segmentBytes: 9_000 })
      journal.onDurable((end) => {
        acknowledged = end
      })
      for (let i = 0; i < said.length; i += 4) {
        say(journal, ...said.slice(i, i + 4))
        await patiently(clock, journal.flushed())
      }
      assert.equal(acknowledged, said.length, 'the journal recovers without help')
      await journal[Symbol.asyncDispose]()
    },
    async (survivor) => {
      const journal = await openOn(survivor, { seed: 2 })
      assert.ok(journal.end >= acknowledged)
      assert.deepEqual(
        (await readAll(journal)).map(show),
        said.slice(0, journal.end).map((word, i) => `${i} ${word}`),
      )
      await journal[Symbol.asyncDispose]()
    },
  )
  assert.ok(runs > 30, `only ${runs} operations`)
})

test('each disk operation failing in turn while a crashed journal is opened loses nothing', async () => {
  const said = words(30)
  const crashed = async () => {
    const disk = new MemoryDisk(3)
    const journal = await openOn(disk, { segmentBytes: 9_000 })
    for (let i = 0; i < said.length; i += 5) {
      say(journal, ...said.slice(i, i + 5))
      await journal.flushed()
    }
    return disk.afterKill() // the last flush was acknowledged
  }
  const image = await crashed()
  await failEach(
    async (disk) => {
      const clock = new FakeClock()
      const journal = await patiently(clock, openOn(disk, { clock, seed: 2 }))
      if (journal === undefined) return
      say(journal, 'one more')
      await patiently(clock, journal.flushed())
      await journal[Symbol.asyncDispose]()
    },
    async (survivor) => {
      const journal = await openOn(survivor, { seed: 3 })
      assert.deepEqual(
        (await readAll(journal)).slice(0, said.length).map(show),
        said.map((word, i) => `${i} ${word}`),
      )
      await journal[Symbol.asyncDispose]()
    },
    () => image.clone(),
  )
})

for (let seed = 1; seed <= 60; seed++)
  test(`whatever happens, acknowledged records are there, dense, in order and the same for ever [seed ${seed}]`, () => anyLife(seed))

/** Many lives of one journal: appends, flushes, failing operations, full disks, kills and power cuts, at random. */
async function anyLife(seed: number): Promise<void> {
  const random = new SeededRandom(seed * 7919)
  let disk = new MemoryDisk(seed)
  const model: string[] = []
  /** Offsets of a flush that a crash interrupted: it may have been torn so that only its checks tell, or not even they. */
  const torn = new Set<number>()
  let acknowledged = 0
  for (let life = 0; life < 8; life++) {
    const clock = new FakeClock()
    disk.slowSyncs = true // so that lives end between a write and its sync
    const trouble = random.integer(3)
    if (trouble === 1) disk.failAt = 1 + random.integer(40)
    if (trouble === 2) disk.room = random.integer(60_000)
    const options = { clock, seed: seed * 100 + life, segmentBytes: 9_000 + random.integer(20_000) }
    const journal = await patiently(clock, openOn(disk, options).catch(onlyDiskFaults))
    if (journal !== undefined) {
      assert.ok(journal.end >= acknowledged, `life ${life}: ${journal.end} < ${acknowledged}`)
      model.length = journal.end
      for (let offset = acknowledged; offset < journal.end; offset++) torn.add(offset)
      acknowledged = Math.max(acknowledged, journal.durableEnd) // readers have it from now on, so it must never vanish
      journal.onDurable((end) => {
        assert.ok(end <= journal.end)
        acknowledged = Math.max(acknowledged, end)
      })
      await live(journal, clock, random, model, disk)
      disk.failAt = Infinity
      disk.room = Infinity
      if (journal.durableEnd > 0 && random.integer(2) === 0) await verify(journal, model, torn)
      if (random.integer(3) === 0) await patiently(clock, close(journal))
      else await turns(random.integer(3))
    }
    disk = random.integer(2) === 0 ? disk.afterCrash() : disk.afterKill()
  }
  const journal = await openOn(disk, { seed: seed * 100 + 99 })
  assert.ok(journal.end >= acknowledged)
  for (let offset = acknowledged; offset < journal.end; offset++) torn.add(offset)
  await verify(journal, model, torn)
  await journal[Symbol.asyncDispose]()
}

async function live(journal: Journal, clock: FakeClock, random: SeededRandom, model: string[], disk: MemoryDisk): Promise<void> {
  for (let step = random.integer(25); step > 0; step--) {
    const word = random.bytes(1 + random.integer(300)).toString('hex')
    const offset = journal.append(Buffer.from(word))
    if (offset >= 0) model[offset] = word
    if (random.integer(3) === 0) await turns(random.integer(3))
    if (random.integer(6) === 0) await patiently(clock, journal.flushed(), 20)
    if (random.integer(12) === 0) disk.room = Infinity
  }
}

async function close(journal: Journal): Promise<void> {
  await journal[Symbol.asyncDispose]()
}

async function verify(journal: Journal, model: readonly string[], torn: ReadonlySet<number>): Promise<void> {
  const records = await readAll(journal)
  assert.equal(records.length, journal.durableEnd - journal.start)
  for (const [i, record] of records.entries()) {
    const offset = journal.start + i
    const shown = show(record)
    if (torn.has(offset) && (shown === `${offset} !` || shown === `${offset} ${model[offset]}?`)) continue
    assert.equal(shown, `${offset} ${model[offset]}`)
  }
}

function onlyDiskFaults(error: unknown): undefined {
  if (error instanceof DiskFault || (error instanceof Error && error.cause instanceof DiskFault)) return undefined
  throw error
}

test('a failed sync is never trusted again, even when the next sync says yes', async () => {
  const disk = new MemoryDisk(9)
  const clock = new FakeClock()
  const journal = await openOn(disk, { clock })
  say(journal, 'safe')
  await journal.flushed()
  say(journal, 'doomed at first')
  disk.failAt = 2 // write, then sync
  const flushed = journal.flushed()
  await turns(3)
  assert.equal(journal.durableEnd, 1, 'not acknowledged')
  assert.equal(journal.state().kind, 'failing')
  assert.equal(journal.paused, true)
  await patiently(clock, flushed)
  assert.equal(journal.durableEnd, 2)
  assert.equal(journal.state().kind, 'open')
  const survivor = await openOn(disk.afterCrash(), { seed: 2 })
  assert.deepEqual((await readAll(survivor)).map(show), ['0 safe', '1 doomed at first'])
})

test('a full disk acknowledges nothing, says so, and goes on without a restart when there is room', async () => {
  const disk = new MemoryDisk()
  const clock = new FakeClock()
  await using journal = await openOn(disk, { clock })
  let resumed = 0
  journal.onResume(() => resumed++)
  say(journal, 'before')
  await journal.flushed()
  disk.room = 100
  const since = clock.now()
  say(journal, 'during')
  await turns(3)
  clock.advance(10_000)
  await turns(3)
  const state = journal.state()
  assert.deepEqual([state.kind, 'since' in state && state.since], ['full', since])
  assert.equal(journal.durableEnd, 1)
  assert.equal(journal.paused, true)
  say(journal, 'while paused')
  assert.deepEqual((await readAll(journal)).map(show), ['0 before'], 'reading goes on')
  disk.room = Infinity
  await patiently(clock, journal.flushed())
  assert.equal(journal.state().kind, 'open')
  assert.equal(journal.paused, false)
  assert.equal(resumed, 1)
  assert.deepEqual((await readAll(journal)).map(show), ['0 before', '1 during', '2 while paused'])
  assert.ok(disk.names(directory).length <= 2, 'failed attempts leave no files')
})

test('a disk that is full at the start still opens, and gives what was recovered once there is room', async () => {
  const first = new MemoryDisk()
  const before = await openOn(first)
  say(before, 'a', 'b')
  await before.flushed()
  const disk = first.afterKill()
  disk.room = 10
  const clock = new FakeClock()
  await using journal = await openOn(disk, { clock, seed: 2 })
  assert.equal(journal.state().kind, 'full')
  disk.room = Infinity
  await patiently(clock, journal.flushed())
  assert.deepEqual((await readAll(journal)).map(show), ['0 a', '1 b'])
})

test('closing while the disk refuses drops what was never acknowledged, without a hole', async () => {
  const disk = new MemoryDisk()
  const clock = new FakeClock()
  const journal = await openOn(disk, { clock })
  say(journal, 'kept')
  await journal.flushed()
  disk.failAt = 1
  disk.failAlways = true
  say(journal, 'dropped')
  const told = assert.rejects(journal.flushed(), { code: 'journal/closed' })
  await turns(3)
  say(journal, 'dropped too')
  await journal[Symbol.asyncDispose]()
  await told
  disk.failAlways = false
  const again = await openOn(disk, { seed: 2 })
  assert.deepEqual((await readAll(again)).map(show), ['0 kept'])
})

test('what was recovered is not removed before it is durable again', async () => {
  const before = new MemoryDisk()
  say(await openOn(before), 'only one flush')
  await turns(3)
  const disk = before.afterKill()
  const recovered = disk.names(directory)
  const clock = new FakeClock()
  const release = disk.stallSyncs(1) // the header of the new segment is synced, its first flush hangs
  const opening = openOn(disk, { clock, seed: 2 })
  await turns(5)
  clock.advance(120_000) // retention looks around
  await turns(5)
  assert.equal(disk.names(directory).length, 2)
  assert.ok(recovered.every((name) => disk.names(directory).includes(name)))
  const survivor = disk.afterCrash()
  release()
  opening.catch(onlyDiskFaults)
  const journal = await openOn(survivor, { seed: 3 })
  assert.deepEqual((await readAll(journal)).map(show), ['0 only one flush'])
})

test('a superseded segment that comes back after a crash is known for a ghost', async () => {
  const disk = new MemoryDisk()
  const other = new MemoryDisk()
  for (const [where, words] of [
    [disk, ['a', 'b', 'c']],
    [other, ['a', 'b', 'c', 'ghost']],
  ] as const)
    for (const [i, word] of words.entries()) {
      const journal = await openOn(where, { seed: i + 1, segmentBytes: 8_200 })
      say(journal, word)
      await journal.flushed()
      if (i < words.length - 1) await journal[Symbol.asyncDispose]()
    }
  const ghost = other.names(directory).find((name) => name.endsWith('-0000000000000003.twj'))
  assert.ok(ghost)
  for (let restart = 0; restart < 6; restart++) await (await openOn(disk, { seed: restart + 10 }))[Symbol.asyncDispose]()
  const newest = disk.names(directory).toSorted().at(-1) ?? ''
  assert.ok(newest > ghost, `${newest} was made after ${ghost}`)
  disk.plant(`${directory}/${ghost}`, other.content(`${directory}/${ghost}`))
  const journal = await openOn(disk, { seed: 99 })
  assert.deepEqual((await readAll(journal)).map(show), ['0 a', '1 b', '2 c'])
  assert.equal(journal.end, 3)
})
