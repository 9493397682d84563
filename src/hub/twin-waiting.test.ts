import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identity } from '../../test/device-rows.ts'
import { TwinWaiting } from './twin-waiting.ts'

test('who waits is told in order, when the disk has what they wait for and not before', () => {
  const waiting = new TwinWaiting()
  const told: number[] = []
  for (let offset = 0; offset < 3_000; offset++)
    waiting.add({
      offset,
      identity: identity(`d${offset % 2}`),
      settle: () => void told.push(offset),
      abandon: () => void told.push(-offset),
    })
  waiting.durable(0)
  assert.equal(told.length, 0)
  waiting.durable(1)
  assert.deepEqual([told, waiting.newestOf(identity('d0')), waiting.size], [[0], 2_998, 2_999])
  waiting.durable(2_999)
  assert.deepEqual([told.length, waiting.newestOf(identity('d0')), waiting.newestOf(identity('d1'))], [2_999, undefined, 2_999])
  assert.deepEqual(
    told,
    Array.from({ length: 2_999 }, (_, offset) => offset),
  )
  waiting.abandon(new Error('closed'))
  assert.deepEqual([told.at(-1), waiting.size], [-2_999, 0])
})
