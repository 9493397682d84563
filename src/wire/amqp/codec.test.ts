import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import rhea from 'rhea'
import { replay } from '../../../test/fuzz.ts'
import { seeds, target } from './codec.fuzz.ts'
import { Cursor } from './cursor.ts'
import { decodePerformative } from './decode-performative.ts'
import { readValue } from './decode-value.ts'
import { type Saying, encodeFrame } from './encode-performative.ts'
import { type Frame, FrameReader, protocolHeader } from './frame.ts'
import { decodeMessage, encodeMessage } from './message.ts'
import type { Value } from './value.ts'
import { encodeValue } from './writer.ts'

const ascii = fc.string({ unit: 'binary-ascii', maxLength: 300 })
const simple: fc.Arbitrary<Value> = fc.oneof(
  fc.constant<Value>({ type: 'null' }),
  fc.boolean().map((value): Value => ({ type: 'boolean', value })),
  fc.integer({ min: 0, max: 255 }).map((value): Value => ({ type: 'ubyte', value })),
  fc.integer({ min: 0, max: 65_535 }).map((value): Value => ({ type: 'ushort', value })),
  fc.integer({ min: 0, max: 0xffff_ffff }).map((value): Value => ({ type: 'uint', value })),
  fc.integer({ min: -128, max: 127 }).map((value): Value => ({ type: 'byte', value })),
  fc.integer({ min: -32_768, max: 32_767 }).map((value): Value => ({ type: 'short', value })),
  fc.integer().map((value): Value => ({ type: 'int', value })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): Value => ({ type: 'ulong', value })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Value => ({ type: 'long', value })),
  fc.double({ noNaN: true }).map((value): Value => ({ type: 'double', value })),
  fc.integer({ min: -8.64e15, max: 8.64e15 }).map((value): Value => ({ type: 'timestamp', value })),
  fc.string({ unit: 'binary', maxLength: 300 }).map((value): Value => ({ type: 'string', value })),
  ascii.map((value): Value => ({ type: 'symbol', value })),
  fc.uint8Array({ maxLength: 300 }).map((value): Value => ({ type: 'binary', value: Buffer.from(value) })),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((value): Value => ({ type: 'uuid', value: Buffer.from(value) })),
)
const values: fc.Arbitrary<Value> = fc.oneof(
  simple,
  fc.array(simple, { maxLength: 5 }).map((value): Value => ({ type: 'list', value })),
  fc.array(fc.tuple(simple, simple), { maxLength: 5 }).map((value): Value => ({ type: 'map', value })),
  fc
    .array(
      ascii.map((value): Value => ({ type: 'symbol', value })),
      { minLength: 1, maxLength: 5 },
    )
    .map((value): Value => ({ type: 'array', value })),
  fc.tuple(simple, simple).map(([descriptor, value]): Value => ({ type: 'described', descriptor, value })),
)

test('what is written is read back as it was, and ends where it ends [AMQP 1.0 part 1]', () => {
  fc.assert(
    fc.property(values, (value) => {
      const cursor = new Cursor(encodeValue(value))
      assert.deepEqual(readValue(cursor), value)
      assert.equal(cursor.failure, undefined)
      assert.equal(cursor.left, 0)
    }),
  )
})

test('a value that is cut off anywhere is refused', () => {
  fc.assert(
    fc.property(values, fc.nat(), (value, at) => {
      const bytes = encodeValue(value)
      const cursor = new Cursor(bytes.subarray(0, at % bytes.length))
      readValue(cursor)
      assert.ok(cursor.failure !== undefined)
    }),
  )
})

test('frames do not depend on how TCP cut the bytes', () => {
  const sent = Buffer.concat([protocolHeader('sasl'), protocolHeader('amqp'), ...seeds().slice(0, 7)])
  const read = (chunks: readonly Buffer[]) => {
    const reader = new FrameReader(65_536)
    const frames: unknown[] = []
    for (const chunk of chunks) {
      reader.push(chunk)
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(structuredClone(frame))
    }
    return frames
  }
  const whole = read([sent])
  assert.equal(whole.length, 9)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      const chunks: Buffer[] = []
      for (let at = 0, n = 0; at < sent.length; n++) {
        const size = sizes[n % sizes.length] ?? 1
        chunks.push(sent.subarray(at, at + size))
        at += size
      }
      assert.deepEqual(read(chunks), whole)
    }),
  )
})

test('the library that Azure’s SDKs use reads what we write, and we read what it writes', () => {
  const { message, types } = rhea
  const ours = encodeMessage({
    annotations: new Map([['x-opt-offset', { type: 'string', value: '7' }]]),
    properties: { messageId: { type: 'string', value: 'm' }, contentType: 'application/json', absoluteExpiryTime: 1_000 },
    application: new Map<string, Value>([
      ['a', { type: 'string', value: 'b' }],
      ['n', { type: 'null' }],
    ]),
    data: [Buffer.from('body')],
  })
  const seen = message.decode(ours)
  assert.deepEqual(
    [seen['message_id'], seen['content_type'], seen['absolute_expiry_time'], seen['application_properties']],
    ['m', 'application/json', new Date(1_000), { a: 'b', n: null }],
  )
  assert.deepEqual(seen['message_annotations'], { 'x-opt-offset': '7' })
  const theirs = message.encode({
    message_id: 7,
    correlation_id: Buffer.alloc(16, 3),
    user_id: 'me',
    to: '/x',
    application_properties: { list: [1, 'two'], big: types.wrap_long(-5), nested: { a: true } },
    message_annotations: { operation: 'GET' },
    body: message.data_sections([Buffer.from('a'), Buffer.from('b')]),
  })
  const read = decodeMessage(theirs)
  assert.ok(read.ok)
  assert.deepEqual(read.value.properties.messageId, { type: 'ulong', value: 7n })
  assert.deepEqual(read.value.properties.correlationId, { type: 'uuid', value: Buffer.alloc(16, 3) })
  assert.equal(read.value.properties.userId?.toString(), 'me')
  assert.deepEqual(read.value.application.get('big'), { type: 'long', value: -5n })
  assert.deepEqual(read.value.data.map(String), ['a', 'b'])
})

test('performatives are read back as they were said', () => {
  const saying: Saying = { type: 'transfer', handle: 3, deliveryId: 9, deliveryTag: Buffer.from('tag'), settled: true, more: true }
  const reader = new FrameReader(65_536)
  reader.push(encodeFrame(7, saying, Buffer.from('payload')))
  const frame = reader.next()
  assert.ok(frame?.kind === 'frame')
  assert.equal(frame.channel, 7)
  const said = decodePerformative(frame)
  assert.ok(said.kind === 'said')
  assert.deepEqual(said.performative, { ...saying, messageFormat: 0, aborted: false })
  assert.equal(said.payload.toString(), 'payload')
})

const frameWith = (body: Buffer): Extract<Frame, { kind: 'frame' }> => ({ kind: 'frame', protocol: 'amqp', channel: 0, body })

test('a mandatory field that is missing, or of a wrong type, is refused', () => {
  const say = (code: bigint, fields: readonly Value[]) =>
    decodePerformative(
      frameWith(encodeValue({ type: 'described', descriptor: { type: 'ulong', value: code }, value: { type: 'list', value: fields } })),
    )
  for (const [code, fields] of [
    [0x10n, []],
    [0x11n, []],
    [0x12n, [{ type: 'string', value: 'l' }]],
    [0x14n, [{ type: 'string', value: 'handle' }]],
    [0x15n, [{ type: 'boolean', value: true }]],
    [0x18n + 100n, []],
    [0x41n, [{ type: 'symbol', value: 'PLAIN' }]],
  ] as const)
    assert.equal(say(code, fields).kind, 'malformed', String(code))
  assert.equal(say(0x18n, []).kind, 'said')
})

test('what claims to be billions is refused before it costs anything', () => {
  const before = process.memoryUsage().heapUsed
  for (const bytes of [
    [0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40],
    [0xf0, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0x00, 0x40],
    [0xd0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff],
    [0xd1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1],
    [0xb0, 0xff, 0xff, 0xff, 0xff],
    [0xc0, 3, 1, 0x40, 0x40],
    [0xc1, 2, 1, 0x40],
  ]) {
    const cursor = new Cursor(Buffer.from(bytes))
    readValue(cursor)
    assert.ok(cursor.failure !== undefined, Buffer.from(bytes).toString('hex'))
  }
  assert.ok(process.memoryUsage().heapUsed - before < 16 * 1024 * 1024)
})

class CountingCursor extends Cursor {
  reads = 0
  override u8(): number {
    this.reads++
    return super.u8()
  }
}

test('descriptors of descriptors cost no more than their bytes', () => {
  const bytes = Buffer.from([0, 0, 0, 0, 0xb0, 0, 2, 0])
  const cursor = new CountingCursor(bytes)
  readValue(cursor)
  assert.ok(cursor.failure !== undefined)
  // Going on after a failure doubled the work at every level: thousands of reads for eight bytes.
  assert.ok(cursor.reads <= bytes.length + 1)
})

test('whatever comes is read or refused, and what is read is written and read again', () => {
  replay(target, seeds(), 4_000, 0xa390)
})
