import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { HubProcess, type TestDevice, type WatchedFact } from './hub.ts'
import { Publishers } from './publishers.ts'

/*
 * What kill -9 takes is what the process had in memory: an acknowledgement that left before its write. What a power cut takes as
 * well, the page cache, is shown by the fault tests of the journal, on a disk that forgets what was not synced.
 */

/** Crashes in one run; THINGWALL_CRASHES=200 for the long one. */
const cycles = Number(process.env['THINGWALL_CRASHES'] ?? 12)
const clients = 50
const seed = Number(process.env['THINGWALL_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** Repeats a run by its seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test(
  `${cycles} times kill -9 under the load of ${clients} clients: nothing acknowledged is missing`,
  { timeout: cycles * 60_000 },
  async () => {
    const random = randomFrom(seed)
    console.log(`  seed ${seed} (THINGWALL_SEED)`)
    await using hub = await HubProcess.open()
    const devices: TestDevice[] = []
    for (let i = 1; i <= clients; i++) devices.push(await hub.addDevice(`load-${i}`))
    const sums = { acknowledged: 0, sent: 0, missing: 0 }
    const restartsMs: number[] = []
    const last = { offset: -1 }
    const lives: Life[] = []
    for (let cycle = 1; cycle <= cycles; cycle++) {
      const publishers = await Publishers.open(hub, devices, `cycle-${cycle}`)
      await pause(50 + Math.floor(random() * 900))
      await hub.kill()
      publishers.end()
      await pause(0)
      const started = performance.now()
      await hub.start()
      restartsMs.push(Math.round(performance.now() - started))
      const facts = await hub.watched(last.offset + 1)
      const missing = publishers.missingFrom(facts)
      assert.deepEqual(
        missing.slice(0, 5),
        [],
        `cycle ${cycle} of seed ${seed}: ${missing.length} of ${publishers.acknowledged.length} acknowledged messages are missing`,
      )
      last.offset = checkOffsets(facts, last.offset)
      sums.acknowledged += publishers.acknowledged.length
      sums.sent += publishers.sent
      sums.missing += missing.length
      lives.push(lifeOf(publishers))
    }
    await hub.eachWatched('start', (fact) => {
      const [, cycle, number] = /^cycle-(\d+)\/(\d+)\//.exec(fact.body ?? '') ?? []
      const life = lives[Number(cycle) - 1]
      if (life !== undefined) life[Number(number)] = 0
    })
    const gone = lives.map((life) => life.reduce((sum, owed) => sum + owed, 0))
    assert.deepEqual(
      gone,
      lives.map(() => 0),
      'what an earlier life acknowledged is still there after all later ones',
    )
    // A kill may come before the first acknowledgement, but not every time: then nothing would have been shown.
    assert.ok(sums.acknowledged > cycles * clients, `${sums.acknowledged} messages were acknowledged in all`)
    console.log(
      `  ${sums.acknowledged} acknowledged of ${sums.sent} sent, ${sums.missing} missing; restarts in ms: ${restartsMs.join(' ')}`,
    )
  },
)

/** What one life of the hub owes: 1 at the number of each acknowledged message. A byte each, for long runs have millions. */
type Life = Uint8Array

function lifeOf(publishers: Publishers): Life {
  const life = new Uint8Array(publishers.sent)
  for (const number of publishers.acknowledged) life[number] = 1
  return life
}

/** Offsets only grow and are never reused, not even after a crash. Numbers are missing where the hub's own probes spoke: nobody else sees those. */
function checkOffsets(facts: readonly WatchedFact[], last: number): number {
  let before = last
  for (const fact of facts) {
    assert.ok(fact.offset > before, `offset ${fact.offset} comes after ${before}`)
    before = fact.offset
  }
  return before
}
