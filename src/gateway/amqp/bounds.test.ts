import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import { encodeFrame } from '#wire/amqp'
import { amqp, idOf, tokenFor, turns } from './amqp-scene.test.ts'
import { amqpLimits } from './limits.ts'

/*
 * What one peer that has proven who it is may make us hold and do.
 */

const { message } = rhea
const data = (text: string) => message.data_section(Buffer.from(text))
const pump = idOf('pump-1')
const pieceOf = (handle: number, payload: Buffer, deliveryId = 0) =>
  encodeFrame(0, { type: 'transfer', handle, deliveryId, deliveryTag: Buffer.from('t'), settled: false, more: true }, payload)

test('pieces of a message that hold nothing, or next to nothing, are bounded as those that hold much', async () => {
  for (const bytes of [0, 1]) {
    const world = amqp()
    const device = await world.connect('pump-1')
    const events = await device.sender('/devices/pump-1/messages/events')
    const piece = pieceOf(0, Buffer.alloc(bytes))
    for (let n = 0; n < 200_000 && events.closed.length === 0; n++) {
      device.connection.receive(Buffer.from(piece))
      if (n % 10_000 === 0) await turns(2)
    }
    assert.deepEqual(events.closed, ['amqp:resource-limit-exceeded'])
    assert.equal(device.transport.state, 'open')
  }
})

test('what a connection holds of messages that have not come whole is bounded, however many links it has', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const links = []
  for (let n = 0; n < 40; n++) links.push(await device.sender('/devices/pump-1/messages/events'))
  const half = Buffer.alloc(60_000)
  for (const [handle] of links.entries()) for (let n = 0; n < 10; n++) device.connection.receive(Buffer.from(pieceOf(handle, half, handle)))
  await turns()
  const ended = links.filter(({ closed }) => closed.length > 0)
  assert.ok(ended.length >= 40 - amqpLimits.partialBytes / 600_000 && ended.length < 40, `${ended.length}`)
  assert.ok(ended.every(({ closed: [why] }) => why === 'amqp:resource-limit-exceeded'))
  // What ended gave back what it held, and the others come to their end.
  for (const [, { link, closed }] of links.entries()) if (closed.length === 0) link.close()
  await turns()
  const fresh = await device.sender('/devices/pump-1/messages/events')
  assert.equal(await fresh.send({ body: data('x'.repeat(200_000)) }, () => world.journal.flush()), 'accepted')
})
