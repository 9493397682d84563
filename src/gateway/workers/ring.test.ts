import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ChannelEnd, type Wake } from './channel.ts'
import { type TakeFrame, RingReader, RingWriter, frameBytes, frameHeadBytes, maxSlots, ringMemory } from './ring.ts'
import { Slots } from './slots.ts'

type Frame = { readonly kind: number; readonly slot: number; readonly generation: number; readonly bytes: Buffer }

const frame = (mostBytes: number) =>
  fc.record(
    {
      kind: fc.integer({ min: 0, max: 255 }),
      slot: fc.integer({ min: 0, max: maxSlots - 1 }),
      generation: fc.nat({ max: 0xffff_ffff }),
      bytes: fc.uint8Array({ maxLength: mostBytes }).map((bytes) => Buffer.from(bytes)),
    },
    { noNullPrototype: true },
  )

function collector(): { readonly frames: Frame[]; readonly take: TakeFrame } {
  const frames: Frame[] = []
  return { frames, take: (kind, slot, generation, bytes) => frames.push({ kind, slot, generation, bytes }) }
}

test('what comes out of a ring is what went in, in order, however often it wraps around and however full it is', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(frame(700), fc.integer({ min: 0, max: 3 })), { maxLength: 300 }), (steps) => {
      const memory = ringMemory(1024)
      const [writer, reader] = [new RingWriter(memory), new RingReader(memory)]
      const { frames, take } = collector()
      const sent: Frame[] = []
      for (const [next, reads] of steps) {
        const fits = frameBytes(next.bytes.length) <= writer.free
        assert.equal(
          writer.write(next.kind, next.slot, next.generation, next.bytes),
          fits,
          'a frame is refused exactly when it does not fit',
        )
        if (fits) sent.push(next)
        for (let count = 0; count < reads; count++) reader.read(take, 1)
      }
      reader.read(take, Number.MAX_SAFE_INTEGER)
      assert.deepEqual(frames, sent)
      assert.equal(writer.free, writer.capacity)
    }),
  )
})

test('the counts of a ring pass 2^32 bytes without a trace', () => {
  const memory = ringMemory(1024)
  // As if that much had gone through already.
  const counts = new Int32Array(memory, 0, 64)
  counts[0] = -512
  counts[16] = -512
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)]
  const { frames, take } = collector()
  for (let at = 0; at < 100; at++) {
    assert.ok(writer.write(1, 2, at, Buffer.alloc(100, at)))
    reader.read(take, 1)
  }
  assert.deepEqual(
    frames.map(({ generation, bytes }) => [generation, bytes.every((byte) => byte === generation)]),
    Array.from({ length: 100 }, (_, at) => [at, true]),
  )
})

test('a frame as large as the ring passes; one byte more is a bug and not a hang', () => {
  const memory = ringMemory(1024)
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)]
  const whole = Buffer.alloc(1024 - frameHeadBytes, 7)
  for (let round = 0; round < 3; round++) {
    assert.ok(writer.write(1, 0, 0, whole))
    assert.equal(writer.write(1, 0, 0, Buffer.alloc(0)), false)
    const { frames, take } = collector()
    assert.equal(reader.read(take, 1), true)
    assert.ok(frames[0]?.bytes.equals(whole))
  }
  assert.throws(() => writer.write(1, 0, 0, Buffer.alloc(1025 - frameHeadBytes)), /bug/)
  assert.throws(() => writer.write(256, 0, 0, Buffer.alloc(0)), /bug/)
  assert.throws(() => writer.write(1, maxSlots, 0, Buffer.alloc(0)), /bug/)
  for (const capacity of [0, 1000, 512, 2 ** 31, -1024]) assert.throws(() => ringMemory(capacity), /bug/)
})

test('a reader that sleeps is woken once; one that is awake is not', () => {
  const memory = ringMemory(1024)
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)]
  assert.equal(writer.mustWake(), false)
  assert.equal(reader.sleep(), true)
  writer.write(1, 0, 0, Buffer.from('x'))
  assert.deepEqual([writer.mustWake(), writer.mustWake()], [true, false])
  assert.equal(reader.sleep(), false, 'there is something to read, so it may not sleep')
  assert.equal(writer.mustWake(), false)
  writer.askForRoom()
  assert.deepEqual([reader.mustTellRoom(), reader.mustTellRoom()], [true, false])
})

/** Two ends of a channel in one thread; wakes and later turns are run when the test says so. */
function channel(ringBytes: number) {
  const [there, back] = [ringMemory(ringBytes), ringMemory(ringBytes)]
  const due: (() => void)[] = []
  const { frames, take } = collector()
  const said = { room: 0, wakes: 0 }
  const right: ChannelEnd = new ChannelEnd(
    { out: back, in: there },
    { wake: (what: Wake) => due.push(() => left.woken(what)), again: (work) => due.push(work) },
    take,
  )
  const left: ChannelEnd = new ChannelEnd(
    { out: there, in: back },
    {
      wake: (what: Wake) => {
        said.wakes++
        due.push(() => right.woken(what))
      },
      again: (work) => due.push(work),
    },
    () => undefined,
    () => said.room++,
  )
  const settle = (): void => {
    for (let step = due.shift(); step !== undefined; step = due.shift()) step()
  }
  return { left, right, frames, said, settle, due }
}

test('a channel carries any frames in order, through a ring that is much smaller than they are together', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(frame(900), fc.boolean()), { maxLength: 200 }), (steps) => {
      const { left, frames, settle } = channel(1024)
      for (const [{ kind, slot, generation, bytes }, pause] of steps) {
        left.send(kind, slot, generation, bytes)
        if (pause) settle()
      }
      settle()
      assert.deepEqual(
        frames,
        steps.map(([sent]) => sent),
      )
      assert.equal(left.isFull, false)
    }),
  )
})

test('many frames cost one wake, and who had to wait for room is told when there is some', () => {
  const { left, frames, said, settle } = channel(64 * 1024)
  for (let at = 0; at < 100; at++) left.send(1, 0, at, Buffer.alloc(150))
  assert.equal(said.wakes, 1)
  settle()
  assert.equal(frames.length, 100)
  assert.equal(said.room, 0)
  for (let at = 0; at < 1000; at++) left.send(1, 0, at, Buffer.alloc(150))
  assert.equal(left.isFull, true)
  settle()
  assert.equal(frames.length, 1100)
  assert.ok(said.room > 0 && !left.isFull)
})

test('a stretch of bytes longer than a piece arrives as several frames, nothing lost', () => {
  const { left, frames, settle } = channel(1024 * 1024)
  const long = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251))
  left.send(3, 1, 1, long)
  settle()
  assert.equal(frames.length, 3)
  assert.ok(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(long))
})

test('one turn takes a bounded number of bytes, so that others get theirs', () => {
  const { left, frames, settle, due } = channel(1024 * 1024)
  for (let at = 0; at < 800; at++) left.send(1, 0, at, Buffer.alloc(1000))
  due.shift()?.()
  assert.ok(frames.length > 200 && frames.length < 300, `${frames.length} frames in the first turn`)
  settle()
  assert.equal(frames.length, 800)
})

test('a closed end takes nothing more', () => {
  const { left, right, frames, settle } = channel(1024)
  left.send(1, 0, 0, Buffer.from('x'))
  right.close()
  settle()
  assert.deepEqual(frames, [])
})

test('a slot is used again under a new generation, and the old one names nobody', () => {
  const slots = new Slots<string>(2)
  const first = slots.enter('first')
  const second = slots.enter('second')
  assert.ok(first !== undefined && second !== undefined)
  assert.equal(slots.enter('third'), undefined, 'there are two')
  slots.leave(first.slot)
  slots.leave(first.slot)
  assert.equal(slots.size, 1)
  const again = slots.enter('again')
  assert.equal(again?.slot, first.slot)
  assert.equal(slots.at(first.slot, first.generation), undefined)
  assert.equal(slots.at(first.slot, again?.generation ?? 0), 'again')
  assert.deepEqual(slots.clear(), ['again', 'second'])
  assert.equal(slots.size, 0)
})
