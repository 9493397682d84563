import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { decodeRecord } from '#journal'
import { FakeClock } from '../../test/fake-clock.ts'
import { HeldJournal } from '../../test/held-journal.ts'
import { FactLog } from './fact-log.ts'

const refused = (code: string) =>
  ({ kind: 'refused', time: instant(0), code, message: '', address: '192.0.2.1', listener: 'mqtt' }) as const

function scene() {
  const clock = new FakeClock()
  const journal = new HeldJournal()
  const log = new FactLog(journal, clock)
  const written = () =>
    journal.records.map((bytes) => {
      const fact = decodeRecord(bytes)
      assert.ok(fact.ok && fact.value.kind === 'refused')
      return `${fact.value.code}${fact.value.count === undefined ? '' : ` +${fact.value.count}`}`
    })
  return { clock, log, written }
}

test('of repeats the first is written at once and the rest as one count; after the window it begins anew', () => {
  const { clock, log, written } = scene()
  for (let i = 0; i < 1_000; i++) log.tellLimited('a', refused('a'))
  assert.deepEqual(written(), ['a'])
  clock.advance(1_000)
  assert.deepEqual(written(), ['a', 'a +999'])
  log.tellLimited('a', refused('a'))
  clock.advance(1_000)
  assert.deepEqual(written(), ['a', 'a +999', 'a'])
})

test('a peer that is refused in ever new ways costs fifty records a second and a total', () => {
  const { clock, log, written } = scene()
  for (let i = 0; i < 10_000; i++) log.tellLimited(`sort ${i}`, refused(`r${i}`))
  assert.equal(written().length, 50)
  clock.advance(1_000)
  assert.deepEqual([written().length, written().at(-1)], [51, 'r50 +9949'])
})

test('a flood of refusals does not hide a takeover', () => {
  const clock = new FakeClock()
  const journal = new HeldJournal()
  const log = new FactLog(journal, clock)
  for (let i = 0; i < 1_000; i++) log.tellLimited(`sort ${i}`, refused(`r${i}`))
  const former = { device: 'pump-1', connection: 'c0', address: '192.0.2.1', thumbprint: 'ab' }
  const meeting = {
    time: instant(0),
    device: 'pump-1',
    clientId: 'pump-1',
    connection: 'c1',
    address: '192.0.2.2',
    thumbprint: 'ab',
    former,
  }
  log.tellLimited('clone', { kind: 'clone-suspected', ...meeting, certain: false, takeovers: 1 })
  const last = decodeRecord(journal.records.at(-1) ?? Buffer.alloc(0))
  assert.ok(last.ok && last.value.kind === 'clone-suspected')
})

test('observers see what is written, as it is written, until they stop', () => {
  const { log } = scene()
  const seen: string[] = []
  const stop = log.observed((fact) => void seen.push(fact.kind))
  log.tell(refused('a'))
  stop()
  log.tell(refused('b'))
  assert.deepEqual(seen, ['refused'])
})
