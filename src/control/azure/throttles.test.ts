import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../../test/fake-clock.ts'
import { Throttle, defaultAzureThrottles } from './throttles.ts'

const rates = { ...defaultAzureThrottles, queries: { perSecond: 2, burst: 4 } }

test('a caller takes what fits at once, then waits; another caller and another kind do not (azure-wire 10)', () => {
  const clock = new FakeClock(0)
  const throttle = new Throttle(rates, clock)
  for (let at = 0; at < 4; at++) assert.equal(throttle.take('service:a', 'queries', 1), undefined)
  assert.equal(throttle.take('service:a', 'queries', 1), 1)
  assert.equal(throttle.take('service:b', 'queries', 1), undefined)
  assert.equal(throttle.take('service:a', 'registry', 1), undefined)
  clock.advance(500)
  assert.equal(throttle.take('service:a', 'queries', 1), undefined)
  assert.equal(throttle.take('service:a', 'queries', 1), 1)
})

test('what is more than fits at once is let through once and paid off afterwards', () => {
  const clock = new FakeClock(0)
  const throttle = new Throttle(rates, clock)
  assert.equal(throttle.take('service:a', 'queries', 10), undefined)
  assert.equal(throttle.take('service:a', 'queries', 1), 4)
  clock.advance(3_000)
  assert.equal(throttle.take('service:a', 'queries', 1), 1)
  clock.advance(1_000)
  assert.equal(throttle.take('service:a', 'queries', 1), undefined)
})

test('a hundred thousand callers are not all remembered', () => {
  const throttle = new Throttle(rates, new FakeClock(0))
  for (let at = 0; at < 4; at++) throttle.take('first', 'queries', 1)
  assert.equal(throttle.take('first', 'queries', 1), 1)
  for (let at = 0; at < 100_000; at++) throttle.take(`service:${at}`, 'queries', 1)
  assert.equal(throttle.take('first', 'queries', 1), undefined)
})
