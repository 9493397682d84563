import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedRates } from './keyed-rates.ts'

test('each key has a rate of its own, and gets it back with time', () => {
  const rates = new KeyedRates<string>({ perSecond: 10, burst: 2 }, 0)
  assert.deepEqual([rates.take('a', 0), rates.take('a', 0), rates.take('a', 0), rates.take('b', 0)], [true, true, false, true])
  assert.equal(rates.take('a', 100), true)
  assert.equal(rates.take('a', 100), false)
})

test('several are counted all or none', () => {
  const rates = new KeyedRates<string>({ perSecond: 1, burst: 5 }, 0)
  assert.equal(rates.take('a', 0, 3), true)
  assert.equal(rates.take('a', 0, 3), false)
  assert.equal(rates.take('a', 0, 2), true)
})

test('more at once than the rate ever has passes when all of it is there', () => {
  const rates = new KeyedRates<string>({ perSecond: 1, burst: 5 }, 0)
  assert.equal(rates.take('a', 0, 1_000), true)
  assert.equal(rates.take('a', 4_000, 1_000), false)
  assert.equal(rates.take('a', 5_000, 1_000), true)
})

test('ten thousand strangers are remembered and no more; the next ones share', () => {
  const rates = new KeyedRates<string>({ perSecond: 1, burst: 1 }, 0)
  for (let at = 0; at < 10_000; at++) assert.equal(rates.take(`k${at}`, 0), true)
  let taken = 0
  for (let at = 0; at < 1_000; at++) if (rates.take(`late${at}`, 0)) taken++
  assert.equal(taken, 100)
  assert.equal(rates.take('fresh', 1_000), true)
})
