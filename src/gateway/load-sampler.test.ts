import assert from 'node:assert/strict'
import { test } from 'node:test'
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

test('one long turn of the event loop is no overload, two are', async () => {
  const clock = new FakeClock()
  const loads: Load[] = []
  using _ = sampleLoad(
    clock,
    undefined,
    () => ({ journalPendingBytes: 0, unsentBytes: 0 }),
    (load) => loads.push(load),
  )
  const hold = async (ms: number) => {
    const end = performance.now() + ms
    await new Promise((resolve) => setImmediate(resolve))
    while (performance.now() < end);
    // The timer that measures runs when the loop is free again.
    await new Promise((resolve) => setTimeout(resolve, 60))
    clock.advance(500)
  }
  await hold(300)
  await hold(300)
  assert.ok((loads[0]?.loopDelayMs ?? Infinity) < 100, `first: ${loads[0]?.loopDelayMs}`)
  assert.ok((loads[1]?.loopDelayMs ?? 0) > 100, `second: ${loads[1]?.loopDelayMs}`)
})
