import assert from 'node:assert/strict'
import { decodePerformative } from './decode-performative.ts'
import { type Saying, encodeFrame } from './encode-performative.ts'
import { FrameReader, protocolHeader } from './frame.ts'
import { decodeMessage, encodeMessage } from './message.ts'
import { long, map, nothing, number, string, symbol } from './value.ts'

/** Whatever comes is a frame that says something, or a refusal; what is a message is the same message when it is written and read again. */
export function target(bytes: Buffer): void {
  const reader = new FrameReader(4_096)
  reader.push(bytes)
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    if (frame.kind === 'malformed') break
    if (frame.kind === 'header' || frame.body.length === 0) continue
    const said = decodePerformative(frame)
    if (said.kind === 'said') again(said.payload)
  }
  assert.ok(reader.waiting <= bytes.length)
  again(bytes)
}

function again(payload: Buffer): void {
  const first = decodeMessage(payload)
  if (!first.ok) return
  const written = encodeMessage(first.value)
  const second = decodeMessage(written)
  assert.ok(second.ok)
  assert.deepEqual(encodeMessage(second.value), written)
}

const source = { type: 'described', descriptor: { type: 'ulong', value: 0x28n }, value: { type: 'list', value: [string('a')] } } as const
const sayings: readonly Saying[] = [
  { type: 'open', containerId: 'c', maxFrameBytes: 65_536, channelMax: 255, idleTimeoutMs: 60_000 },
  { type: 'begin', remoteChannel: 0, nextOutgoingId: 0, incomingWindow: 100, outgoingWindow: 100, handleMax: 255 },
  {
    type: 'attach',
    name: 'l',
    handle: 0,
    role: 'sender',
    sndSettleMode: 0,
    rcvSettleMode: 0,
    source,
    target: nothing,
    initialDeliveryCount: 0,
  },
  {
    type: 'flow',
    nextIncomingId: 0,
    incomingWindow: 9,
    nextOutgoingId: 0,
    outgoingWindow: 9,
    link: { handle: 0, deliveryCount: 0, credit: 9, drain: false },
  },
  { type: 'disposition', role: 'receiver', first: 0, state: { kind: 'rejected', error: { condition: 'amqp:x', description: 'd' } } },
  { type: 'detach', handle: 0, closed: true, error: { condition: 'amqp:x' } },
  { type: 'close' },
  { type: 'sasl-challenge', challenge: Buffer.from([0]) },
]

const message = encodeMessage({
  annotations: new Map([
    ['operation', string('GET')],
    ['x', long(-5)],
  ]),
  properties: {
    messageId: string('m'),
    userId: Buffer.from('u'),
    to: '/x',
    correlationId: { type: 'uuid', value: Buffer.alloc(16, 1) },
    contentType: 'a/b',
    absoluteExpiryTime: 5,
  },
  application: new Map([
    ['a', string('b')],
    ['n', number('int', 7)],
    ['l', map('string', [['k', symbol('v')]])],
  ]),
  data: [Buffer.from('{"a":1}'), Buffer.from('b')],
})

/** What inputs are bred from: every frame, alone and together, and a message. */
export function seeds(): readonly Buffer[] {
  const frames = sayings.map((saying) => encodeFrame(0, saying))
  const transfer = encodeFrame(
    0,
    { type: 'transfer', handle: 0, deliveryId: 0, deliveryTag: Buffer.from('t'), settled: false, more: false },
    message,
  )
  return [...frames, transfer, message, Buffer.concat([protocolHeader('sasl'), protocolHeader('amqp'), ...frames, transfer])]
}
