import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../../test/fake-clock.ts'
import { KeyedRates } from '../keyed-rates.ts'
import { paced } from './pace.ts'

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** Two links of one back end, which may send 10 a second and 2 at once. */
function scene() {
  const clock = new FakeClock()
  const rates = new KeyedRates<string>({ perSecond: 10, burst: 2 }, clock.monotonic())
  const passed: string[] = []
  const links: readonly { isOpen: boolean }[] = [{ isOpen: true }, { isOpen: true }]
  const take = () => rates.take('billing', clock.monotonic())
  const paces = links.map((link) => paced(clock, link, take))
  const send = (link: 0 | 1, name: string) => void paces[link]?.(1).then(() => passed.push(name))
  return { clock, links, passed, send }
}

test('who sends too fast waits, and its messages keep their order', async () => {
  const { clock, passed, send } = scene()
  for (const name of ['a1', 'a2', 'a3', 'a4']) send(0, name)
  await turns()
  assert.deepEqual(passed, ['a1', 'a2'])
  clock.advance(100)
  await turns()
  assert.deepEqual(passed, ['a1', 'a2', 'a3'])
  clock.advance(100)
  await turns()
  assert.deepEqual(passed, ['a1', 'a2', 'a3', 'a4'])
})

test('another link of the same back end gives it nothing more', async () => {
  const { passed, send } = scene()
  for (const name of ['a1', 'a2', 'a3']) send(0, name)
  for (const name of ['b1', 'b2']) send(1, name)
  await turns()
  assert.equal(passed.length, 2)
})

test('a link that has gone waits for nothing', async () => {
  const { clock, links, passed, send } = scene()
  for (const name of ['a1', 'a2', 'a3', 'a4']) send(0, name)
  await turns()
  if (links[0]) links[0].isOpen = false
  clock.advance(50)
  await turns()
  assert.deepEqual(passed, ['a1', 'a2', 'a3', 'a4'])
})
