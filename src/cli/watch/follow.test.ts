import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok } from '#base'
import { exit, stop } from '../exit.ts'
import type { Hub } from '../hub.ts'
import type { SseEvent } from '../sse.ts'
import { follow } from './follow.ts'

type Connection = { readonly events: readonly SseEvent[]; readonly last: 'end' | 'close' | 'cut' } | 'unreachable' | 'denied'

/** A hub whose event stream answers connection by connection as told. */
function scripted(connections: readonly Connection[]) {
  const asked: string[] = []
  const rest = [...connections]
  const hub: Hub = {
    url: '',
    rootPem: '',
    ask: () => Promise.reject(new Error('not asked')),
    lines: () => Promise.reject(new Error('not asked')),
    bytes: () => Promise.reject(new Error('not here')),
    close: () => undefined,
    async events(path) {
      asked.push(new URL(path, 'https://x').searchParams.get('from') ?? '')
      const next = rest.shift()
      if (next === undefined || next === 'unreachable') return stop(exit.unreachable, 'away')
      if (next === 'denied') return stop(exit.denied, 'no')
      return ok(stream(next))
    },
  }
  return { hub, asked }
}

async function* stream({ events, last }: Exclude<Connection, string>): AsyncGenerator<SseEvent> {
  yield* events
  if (last === 'end') yield { id: '', event: 'end', data: '' }
  if (last === 'cut') throw new Error('ECONNRESET')
}

const fact = (id: number): SseEvent => ({ id: String(id), event: 'message', data: `f${id}` })

async function run(connections: readonly Connection[], from = 'start', patience = 3) {
  const { hub, asked } = scripted(connections)
  const [facts, told]: [string[], string[]] = [[], []]
  const outcome = await follow(
    () => ok(hub),
    { from, until: undefined, device: undefined, kind: undefined },
    {
      fact: async (_, data) => void facts.push(data),
      notice: async (name, data) => void facts.push(`${name} ${data}`),
      broke: (at) => void told.push(`broke ${at}`),
      back: () => void told.push('back'),
    },
    async (attempt) => attempt <= patience,
  )
  return { facts, told, asked, outcome }
}

test('ends where the hub says the end is', async () => {
  const { facts, outcome, asked } = await run([{ events: [fact(1), fact(2)], last: 'end' }])
  assert.deepEqual([facts, outcome, asked], [['f1', 'f2'], ok(undefined), ['start']])
})

test('a broken stream goes on after the last fact, none lost and none twice, whether or not the hub counts the offset in', async () => {
  for (const overlap of [[fact(2)], []]) {
    const { facts, asked, told } = await run([
      { events: [fact(1), fact(2)], last: 'cut' },
      'unreachable',
      { events: [...overlap, fact(3)], last: 'close' },
      { events: [fact(3), fact(4)], last: 'end' },
    ])
    assert.deepEqual(facts, ['f1', 'f2', 'f3', 'f4'])
    assert.deepEqual(asked, ['start', '2', '2', '3'])
    assert.deepEqual(told, ['broke 2', 'back', 'broke 3', 'back'])
  }
})

test('a hub that was never there is told at once', async () => {
  const { outcome, asked } = await run(['unreachable'])
  assert.equal(outcome.ok ? 0 : outcome.error.exit, exit.unreachable)
  assert.equal(asked.length, 1)
})

test('a hub that was started again is looked for anew: its old credential is refused for a moment', async () => {
  const { facts, outcome } = await run([
    { events: [fact(1)], last: 'cut' },
    'denied',
    'unreachable',
    { events: [fact(1), fact(2)], last: 'end' },
  ])
  assert.deepEqual([facts, outcome], [['f1', 'f2'], ok(undefined)])
})

test('a refusal that stays is final', async () => {
  const { outcome, asked } = await run(
    [{ events: [fact(1)], last: 'cut' }, ...Array.from({ length: 9 }, () => 'denied' as const)],
    'start',
    99,
  )
  assert.equal(outcome.ok ? 0 : outcome.error.exit, exit.denied)
  assert.equal(asked.length, 6)
})

test('a refusal of the first connection is told at once', async () => {
  const { outcome, asked } = await run(['denied'])
  assert.equal(outcome.ok ? 0 : outcome.error.exit, exit.denied)
  assert.equal(asked.length, 1)
})

test('offsets are compared as numbers: 10 comes after 9', async () => {
  const { facts } = await run([
    { events: [fact(9)], last: 'cut' },
    { events: [fact(10)], last: 'end' },
  ])
  assert.deepEqual(facts, ['f9', 'f10'])
})

test('a failure of the reader itself is not taken for a broken stream', async () => {
  const { hub } = scripted([{ events: [fact(1)], last: 'end' }])
  const full = new Error('disk full')
  const told = { fact: () => Promise.reject(full), notice: async () => undefined, broke: () => undefined, back: () => undefined }
  await assert.rejects(
    follow(
      () => ok(hub),
      { from: 'start', until: undefined, device: undefined, kind: undefined },
      told,
      async () => false,
    ),
    full,
  )
})

test('a damaged record and a gap are told in their place, also right after a break', async () => {
  const damaged = { id: '2', event: 'damaged', data: '{"offset":2}' }
  const gap = { id: '2', event: 'gap', data: '{"from":3,"to":9}' }
  const { facts } = await run([
    { events: [fact(1), damaged], last: 'cut' },
    { events: [damaged, gap, fact(9)], last: 'end' },
  ])
  assert.deepEqual(facts, ['f1', 'damaged {"offset":2}', 'gap {"from":3,"to":9}', 'f9'])
})
