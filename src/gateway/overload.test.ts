import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Load, type LoadBounds, calm, levelOf, recoveryMs, stepLoad } from './overload.ts'

const bounds: LoadBounds = {
  loopDelayMs: { strained: 100, overloaded: 1_000 },
  journalPendingBytes: { strained: 1_000, overloaded: 2_000 },
  unsentBytes: { strained: 1_000, overloaded: 2_000 },
  memoryShare: { strained: 0.8, overloaded: 0.9 },
}
const idle: Load = { loopDelayMs: 0, journalPendingBytes: 0, unsentBytes: 0, memoryShare: 0.1 }

test('each number alone calls for a level, at its bound and not below', () => {
  const names = ['loopDelayMs', 'journalPendingBytes', 'unsentBytes', 'memoryShare'] as const
  for (const name of names) {
    const { strained, overloaded } = bounds[name]
    assert.equal(levelOf({ ...idle, [name]: strained * 0.99 }, bounds).level, 'normal')
    assert.equal(levelOf({ ...idle, [name]: strained }, bounds).level, 'strained')
    assert.equal(levelOf({ ...idle, [name]: overloaded }, bounds).level, 'overloaded')
  }
})

test('the reasons are those of the level, and a number that is none is no reason', () => {
  const { level, reasons } = levelOf({ loopDelayMs: 100, journalPendingBytes: 0, unsentBytes: 5_000, memoryShare: Number.NaN }, bounds)
  assert.equal(level, 'overloaded')
  assert.deepEqual(reasons, ['bytes that clients have not taken'])
})

test('the level rises at once, over both steps if need be', () => {
  assert.equal(stepLoad(calm, { ...idle, unsentBytes: 2_000 }, bounds, 0).level, 'overloaded')
})

test('the level falls one step at a time, when all has been well below its bound for five seconds', () => {
  let state = stepLoad(calm, { ...idle, memoryShare: 0.95 }, bounds, 0)
  state = stepLoad(state, idle, bounds, 1_000)
  assert.equal(state.level, 'overloaded')
  state = stepLoad(state, idle, bounds, 1_000 + recoveryMs - 1)
  assert.equal(state.level, 'overloaded')
  state = stepLoad(state, idle, bounds, 1_000 + recoveryMs)
  assert.equal(state.level, 'strained')
  state = stepLoad(state, idle, bounds, 2_000 + recoveryMs)
  assert.equal(state.level, 'strained', 'the next step waits as long again')
  state = stepLoad(state, idle, bounds, 2_000 + 2 * recoveryMs)
  assert.equal(state.level, 'normal')
})

test('just below the bound is not calm: the door does not open and shut with every sample', () => {
  let state = stepLoad(calm, { ...idle, loopDelayMs: 100 }, bounds, 0)
  for (let now = 500; now < 60_000; now += 500) {
    state = stepLoad(state, { ...idle, loopDelayMs: now % 1_000 === 0 ? 71 : 99 }, bounds, now)
    assert.equal(state.level, 'strained')
  }
  // One bad sample among good ones starts the wait again.
  state = stepLoad(state, idle, bounds, 60_000)
  state = stepLoad(state, { ...idle, loopDelayMs: 90 }, bounds, 64_000)
  state = stepLoad(state, idle, bounds, 65_001)
  assert.equal(state.level, 'strained')
})

test('whatever the numbers, the level never is below what they call for, and ends normal when they are small', () => {
  const load = fc.record({
    loopDelayMs: fc.double({ min: 0, max: 5_000, noNaN: true }),
    journalPendingBytes: fc.integer({ min: 0, max: 4_000 }),
    unsentBytes: fc.integer({ min: 0, max: 4_000 }),
    memoryShare: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  const height = { normal: 0, strained: 1, overloaded: 2 }
  fc.assert(
    fc.property(fc.array(load, { maxLength: 50 }), (loads) => {
      let [state, now] = [calm, 0]
      for (const each of loads) {
        const before = state
        state = stepLoad(state, each, bounds, (now += 500))
        assert.ok(height[state.level] >= height[levelOf(each, bounds).level])
        assert.ok(height[state.level] >= height[before.level] - 1)
      }
      for (let i = 0; i < 25; i++) state = stepLoad(state, idle, bounds, (now += 500))
      assert.equal(state.level, 'normal')
    }),
  )
})
