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

test('requests of a twin that are worked on are bounded, however many come over however many links', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const outs = []
  for (let n = 0; n < 10; n++) outs.push(await device.sender('/devices/pump-1/twin', { snd_settle_mode: 1 }))
  await device.receiver('/devices/pump-1/twin')
  world.hub.holdsTwins = true
  for (let n = 0; n < 100; n++) {
    for (const { link } of outs) link.send({ correlation_id: `${n}`, message_annotations: { operation: 'GET' }, body: data(' ') })
    await turns(3)
  }
  assert.ok(world.hub.mostPending > 0 && world.hub.mostPending <= amqpLimits.operations, `${world.hub.mostPending}`)
  world.hub.holdsTwins = false
  world.hub.release()
  await turns()
  assert.equal(world.hub.pending, 0)
  assert.equal(device.transport.state, 'open')
})

test('tokens that are judged at a time are bounded for whoever is known, who may send as much as he likes', async () => {
  let judged = 0
  const world = amqp({
    ticket: {
      late: undefined,
      proven() {},
      leave() {},
      denied: () => {
        judged++
        return 60_000
      },
    },
  })
  const device = await world.connect('pump-1')
  await device.sender('/devices/pump-1/messages/events')
  const token = `SharedAccessSignature ${'x'.repeat(10_000)}`
  for (let n = 0; n < 10; n++) {
    const cbs = await device.sender('$cbs', { snd_settle_mode: 1 })
    for (let k = 0; k < 200; k++)
      cbs.link.send({ message_id: `${k}`, application_properties: { operation: 'put-token', type: 't', name: 'n' }, body: token })
    await turns(3)
  }
  assert.ok(judged > 0 && judged <= amqpLimits.operations, `${judged}`)
  assert.equal(device.transport.state, 'open')
})

test('who holds as many tokens as may be can still renew them', async () => {
  const world = amqp()
  const gateway = await world.connect()
  const resourceOf = (n: number) => `hub.example/devices/d${n}`
  for (let n = 0; n < amqpLimits.tokens; n++) assert.equal(await gateway.putToken(resourceOf(n), tokenFor(resourceOf(n))), 200, `${n}`)
  assert.equal(await gateway.putToken(resourceOf(1), tokenFor(resourceOf(1))), 200, 'another one of the same device')
  assert.equal(await gateway.putToken('hub.example/devices/more', tokenFor('hub.example/devices/more')), 403)
})

test('a message that was written to a device whose connection then ends counts as delivered in vain [azure-wire 5.9]', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  world.hub.enqueue(pump, { body: 'kills whoever reads it' })
  const bound = await device.receiver('/devices/pump-1/messages/devicebound', { autoaccept: false })
  assert.equal(bound.heard.length, 1)
  device.client.close()
  await turns()
  assert.deepEqual(
    world.hub.log.filter((line) => line.includes('unlock')),
    ['pump-1 unlock-written 1'],
  )
})

test('an answer to a call that went out on one link is none to the call that another link was given', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const answers = await device.sender('/devices/pump-1/methods/devicebound')
  const first = await device.receiver('/devices/pump-1/methods/devicebound')
  world.hub.links.get(pump)?.[0]?.call('1', 'close', '{}')
  await turns()
  const second = await device.receiver('/devices/pump-1/methods/devicebound')
  world.hub.links.get(pump)?.at(-1)?.call('1', 'open', '{}')
  await turns()
  const answer = async (call: (typeof first.heard)[number] | undefined, status: number) =>
    answers.send({
      correlation_id: call?.message.correlation_id,
      application_properties: { 'IoThub-status': rhea.types.wrap_int(status) },
      body: data('{}'),
    })
  await answer(first.heard[0], 500)
  assert.deepEqual(
    world.hub.answers.filter(({ status }) => status === 500).map(({ body }) => body),
    [],
    'it is too late',
  )
  await answer(second.heard[0], 200)
  assert.deepEqual(
    world.hub.answers.map(({ rid, status }) => `${rid} ${status}`),
    ['1 200'],
  )
})

test('who sends faster than one identity may is slowed down, in order, and loses nothing', async () => {
  const world = amqp({ publishesPerSecond: 10 })
  const device = await world.connect('pump-1')
  const events = await device.sender('/devices/pump-1/messages/events')
  const arrived = () => world.facts().flatMap((fact) => (fact.kind === 'telemetry' ? [fact.body.toString()] : []))
  for (let n = 0; n < 25; n++) events.link.send({ body: data(`${n}`) })
  await turns()
  assert.equal(arrived().length, 10, 'a second of it at once')
  for (let ms = 0; ms < 1_500; ms += 50) {
    world.clock.advance(50)
    await turns(5)
  }
  assert.deepEqual(
    arrived(),
    Array.from({ length: 25 }, (_, at) => `${at}`),
  )
  const other = await world.connect('pump-2')
  assert.equal(
    await (await other.sender('/devices/pump-2/messages/events')).send({ body: data('x') }, () => world.journal.flush()),
    'accepted',
  )
})
