import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../test/fake-clock.ts'
import { ConnectionNews } from './connection-news.ts'
import { gateway } from './gateway-scene.test.ts'

type State = 'connected' | 'disconnected'

function scene(everyMs = 60_000) {
  const clock = new FakeClock()
  /** What back ends hear, in order. */
  const heard: string[] = []
  const news = new ConnectionNews(everyMs, clock, ({ device, state, held }) => heard.push(`${device} ${state} +${held}`))
  const turn = (device: string, state: State) => {
    if (!news.holds(device, state, 'c')) heard.push(`${device} ${state}`)
  }
  return { clock, heard, news, turn }
}

test('of a device that flaps back ends hear the first change at once, and one a minute after it: the last state wins', () => {
  const { clock, heard, turn } = scene()
  for (let i = 0; i < 100; i++) {
    turn('a', i % 2 === 0 ? 'connected' : 'disconnected')
    clock.advance(1_000)
  }
  assert.deepEqual(heard, ['a connected', 'a disconnected +59'])
  clock.advance(60_000)
  assert.deepEqual(heard, ['a connected', 'a disconnected +59'], 'it is what they believe')
  turn('a', 'connected')
  assert.equal(heard.at(-1), 'a connected', 'quiet for a minute: at once again')
})

test('a change that was taken back is not told, and one device does not hold back another', () => {
  const { clock, heard, turn } = scene()
  for (const device of ['a', 'b']) for (const state of ['connected', 'disconnected', 'connected'] as const) turn(device, state)
  turn('b', 'disconnected')
  clock.advance(120_000)
  assert.deepEqual(heard, ['a connected', 'b connected', 'b disconnected +3'])
})

test('at the end of the hub what is held is told; without a limit nothing is ever held', () => {
  const held = scene()
  for (const state of ['connected', 'disconnected'] as const) held.turn('a', state)
  held.news.settle()
  held.news.settle()
  assert.deepEqual(held.heard, ['a connected', 'a disconnected +1'])
  const free = scene(0)
  for (const state of ['connected', 'disconnected'] as const) free.turn('a', state)
  assert.deepEqual(free.heard, ['a connected', 'a disconnected'])
})

test('a hundred thousand devices that flap are remembered, and those beyond are told one by one: memory is bounded', () => {
  const { heard, turn } = scene()
  for (let n = 0; n < 100_000; n++) turn(`d${n}`, 'connected')
  heard.length = 0
  for (let i = 0; i < 3; i++) turn('one more', 'connected')
  turn('d0', 'disconnected')
  assert.deepEqual(heard, ['one more connected', 'one more connected', 'one more connected'])
})

test('the journal has each connection of a device that flaps, and says of which routes are not to hear', () => {
  const { clock, connect, facts } = gateway({ connectionEventMs: 60_000 })
  for (let i = 0; i < 2; i++) connect('a').send({ type: 'disconnect', reasonCode: 0 })
  connect('b')
  clock.advance(61_000)
  const told = facts().flatMap((fact) => {
    if (fact.kind === 'connected' || fact.kind === 'disconnected')
      return [`${fact.device} ${fact.kind}${fact.quiet === true ? ', quiet' : ''}`]
    return fact.kind === 'connection-settled' ? [`${fact.device} is ${fact.state}`] : []
  })
  assert.deepEqual(told, [
    'a connected',
    'a disconnected, quiet',
    'a connected, quiet',
    'a disconnected, quiet',
    'b connected',
    'a is disconnected',
  ])
})
