import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../../../test/fake-clock.ts'
import type { KeyStoreState } from '../signing-key.ts'
import { FrameReader, encodeFrame, frameLimits } from './frames.ts'
import { type ChildEvents, SignerSupervisor, supervisorLimits } from './supervisor.ts'
import { answerHeader, readQuestion } from './words.ts'

type Child = { readonly events: ChildEvents; readonly written: Buffer[]; killed: boolean }

function scene(pin = { stamp: '1' }) {
  const clock = new FakeClock()
  const children: Child[] = []
  const states: KeyStoreState[] = []
  const supervisor = new SignerSupervisor({
    clock,
    spawn(events) {
      const child: Child = { events, written: [], killed: false }
      children.push(child)
      return { write: (bytes) => void child.written.push(bytes), kill: () => (child.killed = true) }
    },
    pinStamp: () => pin.stamp,
    changed: (state) => states.push(state),
  })
  return { clock, children, states, supervisor, last: () => children.at(-1) ?? assert.fail('no child') }
}

/** Answers the latest question of a child. */
function answer(child: Child, body?: Buffer): void {
  const read = new FrameReader().push(child.written.at(-1) ?? assert.fail('nothing asked'))
  assert.ok(read.ok)
  const question = readQuestion(read.value[0] ?? assert.fail('no frame'))
  assert.ok(question.ok)
  child.events.data(encodeFrame(answerHeader({ id: question.value.id, ok: true }), body))
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const sign = { op: 'sign', handle: Buffer.from('key') } as const

test('a process that says it can sign makes the place ready; its answers reach who asked', async () => {
  const { supervisor, last, states } = scene()
  answer(last())
  await supervisor.settled()
  const signed = supervisor.ask(sign, Buffer.from('x'))
  answer(last(), Buffer.from('signature'))
  assert.equal((await signed).body.toString(), 'signature')
  assert.deepEqual(
    states.map(({ kind }) => kind),
    ['ready'],
  )
})

for (const [what, bytes] of [
  ['a length beyond every bound', Buffer.from('ffffffff00', 'hex')],
  ['a header longer than its frame', Buffer.from('04000000ffff0000', 'hex')],
  ['no JSON', encodeFrameOf('{')],
  ['a key that pollutes', encodeFrameOf('{"id":1,"ok":true,"__proto__":{}}')],
  ['an answer to nothing', encodeFrameOf('{"id":77,"ok":true}')],
  ['a trouble that is none', encodeFrameOf('{"id":1,"ok":false,"trouble":"x","message":"y"}')],
  ['a list', encodeFrameOf('[1]')],
] as const)
  test(`a process that says ${what} is killed, and what waits fails`, async () => {
    const { supervisor, last, clock, children } = scene()
    answer(last())
    await turn()
    const first = last()
    const waiting = assert.rejects(supervisor.ask(sign), { code: 'pki/key-unavailable' })
    first.events.data(bytes)
    await waiting
    assert.ok(first.killed)
    assert.equal(supervisor.state().kind, 'away')
    clock.advance(supervisorLimits.restartMs)
    assert.equal(children.length, 2)
    answer(last())
    await turn()
    assert.equal(supervisor.state().kind, 'ready')
    first.events.ended('late')
    assert.equal(supervisor.state().kind, 'ready', 'the end of an old process concerns nobody')
  })

function encodeFrameOf(json: string): Buffer {
  const text = Buffer.from(json)
  const head = Buffer.alloc(6)
  head.writeUInt32LE(2 + text.length)
  head.writeUInt16LE(text.length, 4)
  return Buffer.concat([head, text])
}

test('a process that hangs is replaced after its time, and questions while it is away fail at once', async () => {
  const { supervisor, last, clock } = scene()
  answer(last())
  await turn()
  const waiting = assert.rejects(supervisor.ask(sign), /no answer within 15 s/)
  clock.advance(supervisorLimits.answerMs)
  await waiting
  await assert.rejects(supervisor.ask(sign), { code: 'pki/key-unavailable' })
})

test('pauses between starts double up to a bound, and begin anew once it was ready', async () => {
  const { last, clock, children } = scene()
  for (let pause: number = supervisorLimits.restartMs; pause < supervisorLimits.restartMaxMs; pause *= 2) {
    last().events.ended('code 1')
    const before = children.length
    clock.advance(pause - 1)
    assert.equal(children.length, before)
    clock.advance(1)
    assert.equal(children.length, before + 1)
    await turn()
  }
  answer(last())
  await turn()
  last().events.ended('code 1')
  const before = children.length
  clock.advance(supervisorLimits.restartMs)
  assert.equal(children.length, before + 1)
})

test('a refused PIN starts no process until its file changes', async () => {
  const pin = { stamp: '1' }
  const { supervisor, last, clock, children } = scene(pin)
  last().events.data(encodeFrame({ id: 1, ok: false, trouble: 'pin', message: 'The token refused the PIN.' }))
  await supervisor.settled()
  clock.advance(10 * 60_000)
  assert.equal(children.length, 1)
  pin.stamp = '2'
  clock.advance(supervisorLimits.restartMaxMs)
  assert.equal(children.length, 2)
})

test('a frame in single bytes is read like a whole one, and one beyond its bound is never collected', () => {
  const reader = new FrameReader()
  const frames = [...encodeFrame({ id: 1, ok: true }, Buffer.from('body'))].flatMap((byte) => {
    const read = reader.push(Buffer.from([byte]))
    assert.ok(read.ok)
    return read.value
  })
  assert.deepEqual(frames, [{ header: { id: 1, ok: true }, body: Buffer.from('body') }])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(frameLimits.bodyBytes + frameLimits.headerBytes + 3)
  assert.equal(new FrameReader().push(length).ok, false)
})
