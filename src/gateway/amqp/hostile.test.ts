import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '#base'
import { type Saying, encodeFrame, protocolHeader } from '#wire/amqp'
import { amqp, bodyText, tokenFor, turns } from './amqp-scene.test.ts'
import { amqpLimits } from './limits.ts'

const header = protocolHeader('amqp')
const frame = (body: readonly number[], channel = 0) => {
  const bytes = Buffer.alloc(8 + body.length)
  bytes.writeUInt32BE(bytes.length)
  bytes[4] = 2
  bytes.writeUInt16BE(channel, 6)
  bytes.set(body, 8)
  return bytes
}
const open = encodeFrame(0, { type: 'open', containerId: 'c', maxFrameBytes: 65_536, channelMax: 10, idleTimeoutMs: 60_000 })
const begin = encodeFrame(0, {
  type: 'begin',
  remoteChannel: 0,
  nextOutgoingId: 0,
  incomingWindow: 100,
  outgoingWindow: 100,
  handleMax: 10,
})
// As a client begins: without a remote channel.
const begun = frame(
  [0x00, 0x53, 0x11, 0xc0, 0x06, 0x05, 0x40, 0x43, 0x52, 0x64, 0x52, 0x64, 0x40].map((byte, at, all) => (at === 4 ? all.length - 5 : byte)),
)

function peer(certificate = '') {
  const world = amqp()
  const { transport, connection } = world.raw(certificate)
  const said = () => Buffer.concat(transport.written.splice(0)).toString('latin1')
  return { ...world, transport, connection, said }
}

/** What each does to the connection: it ends, with a word of AMQP, and nothing is thrown. */
const ends: readonly (readonly [string, readonly Buffer[], RegExp])[] = [
  ['HTTP', [Buffer.from('GET / HTTP/1.1\r\n\r\n')], /AMQP/],
  ['AMQP 0.9.1', [Buffer.from('AMQP\x00\x00\x09\x01')], /AMQP/],
  ['a frame of four gigabytes', [header, Buffer.from([0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0])], /resource-limit-exceeded/],
  ['a frame that is shorter than its header', [header, Buffer.from([0, 0, 0, 7, 2, 0, 0, 0])], /framing-error/],
  ['a frame whose header lies beyond its end', [header, Buffer.from([0, 0, 0, 8, 200, 0, 0, 0])], /framing-error/],
  [
    'an array of four billion nulls in a frame',
    [header, frame([0x00, 0x53, 0x10, 0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40])],
    /decode-error|resource-limit/,
  ],
  ['a list of four billion items', [header, frame([0x00, 0x53, 0x10, 0xd0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff])], /decode-error/],
  ['lists in lists in lists', [header, frame(Array.from({ length: 200 }, () => [0xc0, 200, 1]).flat())], /decode-error|resource-limit/],
  ['descriptors of descriptors', [header, frame(Array.from({ length: 500 }, () => 0x00))], /resource-limit|decode-error/],
  ['something that is no performative', [header, frame([0x40])], /decode-error/],
  ['a begin before open', [header, begun], /illegal-state/],
  ['open twice', [header, open, open], /illegal-state/],
  [
    'a frame size that nobody can live with',
    [header, encodeFrame(0, { type: 'open', containerId: 'c', maxFrameBytes: 60, channelMax: 1, idleTimeoutMs: 0 })],
    /not-allowed/,
  ],
  [
    'a sign of life every millisecond',
    [header, encodeFrame(0, { type: 'open', containerId: 'c', maxFrameBytes: 512, channelMax: 1, idleTimeoutMs: 1 })],
    /not-allowed/,
  ],
  ['a channel beyond channel-max', [header, open, Buffer.from(begun).fill(0x7f, 6, 8)], /framing-error/],
  ['an answer to a begin of ours', [header, open, begin], /framing-error/],
  ['a transfer on no session', [header, open, encodeFrame(3, transfer())], /framing-error/],
  ['a transfer on no link', [header, open, begun, encodeFrame(0, transfer())], /unattached-handle/],
  [
    'a flow on no link',
    [
      header,
      open,
      begun,
      encodeFrame(0, {
        type: 'flow',
        nextIncomingId: 0,
        incomingWindow: 1,
        nextOutgoingId: 0,
        outgoingWindow: 1,
        link: { handle: 9, deliveryCount: 0, credit: 1, drain: false },
      }),
    ],
    /unattached-handle/,
  ],
  ['a detach of no link', [header, open, begun, encodeFrame(0, { type: 'detach', handle: 3, closed: true })], /unattached-handle/],
  ['SASL in the middle', [header, open, protocolHeader('sasl')], /framing-error/],
]

function transfer(): Saying {
  return { type: 'transfer', handle: 0, deliveryId: 0, deliveryTag: Buffer.from('t'), settled: false, more: false }
}

for (const [name, bytes, expected] of ends) {
  test(`ends the connection for ${name}, and says why`, async () => {
    const { connection, transport, said, troubles } = peer()
    for (const chunk of bytes) connection.receive(chunk)
    await turns()
    assert.match(said(), expected)
    assert.equal(transport.state, 'ended')
    assert.deepEqual(troubles, [])
    connection.receive(Buffer.from('more'))
  })
}

test('what a stranger may send is bounded, however small the pieces', async () => {
  const { connection, transport, said } = peer()
  connection.receive(header)
  connection.receive(open)
  const piece = encodeFrame(0, { type: 'end' })
  connection.receive(begun)
  for (let n = 0; n < amqpLimits.strangerBytes / 8 && transport.state === 'open'; n++)
    connection.receive(Buffer.from([0, 0, 0, 8, 2, 0, 0, 0]))
  assert.equal(transport.state, 'ended')
  await turns()
  assert.match(said(), /resource-limit-exceeded/)
  connection.receive(piece)
})

test('whoever proves nothing is gone after twenty seconds, and whoever is silent after five minutes [azure-wire 4.1]', async () => {
  const world = amqp()
  const stranger = await world.connect()
  const device = await world.connect('pump-1')
  await device.sender('/devices/pump-1/messages/events')
  world.clock.advance(amqpLimits.strangerMs + 1)
  world.door.sweep()
  assert.deepEqual([stranger.transport.state, device.transport.state], ['ended', 'open'])
  world.clock.advance(amqpLimits.idleTimeoutMs * 1.25)
  world.door.sweep()
  assert.equal(device.transport.state, 'ended')
})

test('a peer gets a sign of life in time, if it asked for one', async () => {
  const world = amqp()
  const device = await world.connect('pump-1', { idle_time_out: 60_000 })
  await device.sender('/devices/pump-1/messages/events')
  world.door.sweep()
  await turns()
  world.clock.advance(15_000)
  device.transport.written.length = 0
  world.door.sweep()
  await turns()
  assert.deepEqual(device.transport.written, [Buffer.from([0, 0, 0, 8, 2, 0, 0, 0])])
})

test('a message beyond its limit ends its link alone; one without credit ends the connection', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const events = await device.sender('/devices/pump-1/messages/events')
  const bound = await device.receiver('/devices/pump-1/messages/devicebound')
  assert.equal(await events.send({ body: 'x'.repeat(amqpLimits.messageBytes + 1) }), 'closed')
  assert.deepEqual([events.closed, bound.closed], [['amqp:link:message-size-exceeded'], []])
})

test('guessing tokens takes time, and tells nothing [azure-wire 1.2]', async () => {
  const delays: number[] = []
  const world = amqp({
    ticket: {
      late: undefined,
      proven() {},
      leave() {},
      denied: () => {
        delays.push(1_000)
        return 1_000
      },
    },
  })
  const guess = await world.connect()
  const first = guess.putToken('hub.example', 'SharedAccessSignature nonsense')
  assert.equal(await first, undefined, 'no answer yet')
  world.clock.advance(1_000)
  await turns()
  assert.equal(delays.length, 1)
  assert.ok(world.facts().some((fact) => fact.kind === 'refused' && fact.code === 'access/service-refused'))
  const link = await guess.sender('/there/is/no/such/address')
  assert.deepEqual(link.closed, ['amqp:unauthorized-access'], 'not even which addresses there are')
})

test('a listener that is full says so when the peer opens', async () => {
  const late = { code: 'gateway/too-many-strangers', message: 'Too many.', reasonCode: 0 }
  const world = amqp({ ticket: { late, proven() {}, leave() {}, denied: () => 0 } })
  const client = await world.connect()
  assert.ok(client.events.some((event) => event.includes('amqp:resource-limit-exceeded')))
  assert.equal(client.transport.state, 'ended')
})

test('SASL PLAIN proves who sends its own token, and nobody else [azure-wire 4.1]', async () => {
  const world = amqp()
  const resource = 'hub.example/devices/pump-1'
  const good = await world.connect('', { username: 'pump-1@sas.hub', password: tokenFor(resource) })
  assert.deepEqual((await good.sender('/devices/pump-1/messages/events')).closed, [])
  const service = await world.connect('', { username: 'service@sas.root.hub', password: tokenFor('hub.example', 'service') })
  assert.deepEqual((await service.sender('/messages/devicebound')).closed, [])
  for (const [username, password] of [
    ['pump-2@sas.hub', tokenFor(resource)],
    ['pump-1', tokenFor(resource)],
    ['pump-1@sas.hub', 'nonsense'],
    ['x@sas.root.hub', tokenFor(resource)],
  ] as const) {
    const bad = await world.connect('', { username, password })
    assert.equal(bad.transport.state, 'ended', username)
  }
  const anonymous = await world.connect('pump-1', { username: 'anonymous' })
  assert.deepEqual((await anonymous.sender('/devices/pump-1/messages/events')).closed, [], 'the certificate proves it')
})

test('a failure inside is told to the log, not to the peer, and costs the peer one message', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const out = await device.sender('/devices/pump-1/twin')
  const back = await device.receiver('/devices/pump-1/twin')
  world.hub.twinFault = new Fault('store/failed', 'secret')
  await out.send({ message_annotations: { operation: 'GET' }, correlation_id: 'c', body: 'x' })
  await turns()
  assert.equal(world.troubles.length, 1)
  assert.equal(back.heard[0]?.message.message_annotations?.['status'], 500)
  assert.doesNotMatch(bodyText(back.heard[0]?.message), /secret/)
  assert.equal(device.transport.state, 'open')
})

test('when the hub goes down everybody is told', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  await device.sender('/devices/pump-1/messages/events')
  world.door.close()
  await turns()
  assert.ok(device.events.some((event) => event.includes('amqp:connection:forced')))
  assert.equal(world.desk.open, 0)
})
