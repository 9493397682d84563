import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../../test/fake-clock.ts'
import { Breaker, breakerLimits } from './breaker.ts'

test('a dead server holds a few, and everybody after that is told at once', async () => {
  const clock = new FakeClock()
  const breaker = new Breaker(clock)
  const { promise: dead, resolve } = Promise.withResolvers<undefined>()
  let asked = 0
  const all = Array.from({ length: 10_000 }, () =>
    breaker.ask(async () => {
      asked++
      return dead
    }),
  )
  await Promise.resolve()
  assert.equal(asked, breakerLimits.running)
  resolve(undefined)
  assert.deepEqual(new Set(await Promise.all(all)), new Set([undefined]))
  assert.ok(asked <= breakerLimits.running + breakerLimits.failures, `asked ${asked} times`)
  assert.ok(breaker.isOpen)
})

test('after a pause one is asked alone; a success lets everybody in, a failure makes the pause longer', async () => {
  const clock = new FakeClock()
  const breaker = new Breaker(clock)
  const fail = () => breaker.ask(async () => undefined)
  for (let n = 0; n < breakerLimits.failures; n++) await fail()
  let asked = 0
  const succeed = () =>
    breaker.ask(async () => {
      asked++
      return 'yes'
    })
  assert.equal(await succeed(), undefined)
  clock.advance(breakerLimits.firstPauseMs)
  assert.equal(await fail(), undefined)
  clock.advance(breakerLimits.firstPauseMs)
  assert.equal(await succeed(), undefined, 'twice as long now')
  clock.advance(breakerLimits.firstPauseMs)
  const both = await Promise.all([succeed(), succeed()])
  assert.deepEqual(both, ['yes', undefined], 'one goes first')
  assert.equal(asked, 1)
  assert.deepEqual(await Promise.all([succeed(), succeed()]), ['yes', 'yes'])
})

test('work that throws counts as a failure, frees its place, and its error passes', async () => {
  const breaker = new Breaker(new FakeClock())
  for (let n = 0; n < breakerLimits.failures; n++)
    await assert.rejects(
      breaker.ask(async () => {
        throw new Error('bug')
      }),
      /bug/,
    )
  assert.ok(breaker.isOpen)
})

test('successes in between keep it closed', async () => {
  const breaker = new Breaker(new FakeClock())
  for (let n = 0; n < 50; n++) await breaker.ask(async () => (n % 3 === 0 ? 'yes' : undefined))
  assert.ok(!breaker.isOpen)
})
