import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '#base'
import { FakeClock } from '../../test/fake-clock.ts'
import { sampleLoad } from './load-sampler.io.ts'
import type { Load } from './overload.ts'

test('the process is measured twice a second, until it is told to stop', () => {
  const clock = new FakeClock()
  const loads: Load[] = []
  const bytes = { journalPendingBytes: 1, unsentBytes: 2 }
  {
    using _ = sampleLoad(
      clock,
      undefined,
      () => bytes,
      (load) => loads.push(load),
    )
    clock.advance(2_000)
  }
  clock.advance(2_000)
  assert.equal(loads.length, 4)
  for (const load of loads) {
    assert.ok(load.loopDelayMs >= 0 && load.loopDelayMs < 60_000)
    assert.ok(load.memoryShare > 0 && load.memoryShare < 1, `${load.memoryShare}`)
    assert.deepEqual([load.journalPendingBytes, load.unsentBytes], [1, 2])
  }
})

test('the share counts against the memory that the settings allow', () => {
  const clock = new FakeClock()
  const loads: Load[] = []
  using _ = sampleLoad(
    clock,
    1024 * 1024,
    () => ({ journalPendingBytes: 0, unsentBytes: 0 }),
    (load) => loads.push(load),
  )
  clock.advance(500)
  assert.ok((loads[0]?.memoryShare ?? 0) > 10)
})

/** Holds the real event loop again and again, for so many turns of so many milliseconds, and gives what was measured meanwhile. */
async function delaysOf(turns: number, turnMs: number): Promise<readonly number[]> {
  const delays: number[] = []
  using _ = sampleLoad(
    systemClock,
    undefined,
    () => ({ journalPendingBytes: 0, unsentBytes: 0 }),
    (load) => delays.push(load.loopDelayMs),
  )
  for (let i = 0; i < turns; i++) {
    const end = performance.now() + turnMs
    while (performance.now() < end);
    // Timers run between two turns.
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return delays
}

test('a loop whose every turn takes long shows it', async () => {
  const delays = await delaysOf(4, 700)
  assert.ok((delays.at(-1) ?? 0) >= 500, delays.join())
})

test('one long turn alone is no delay', async () => {
  const delays = await delaysOf(1, 700)
  assert.deepEqual(delays, [0])
})
