import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import { instant } from '#base'
import { twinWith } from '../../../test/fake-gateway-hub.ts'
import { amqp, bodyText, idOf, tokenFor, turns } from './amqp-scene.test.ts'

const pump = idOf('pump-1')
const resource = 'hub.example/devices/pump-1'
const { message, types } = rhea
const data = (text: string) => message.data_section(Buffer.from(text))

test('a device proves itself by put-token and sends telemetry; it is accepted when the disk has it [azure-wire 4.2, 4.4]', async () => {
  const world = amqp()
  const device = await world.connect()
  assert.equal(await device.putToken(encodeURIComponent(resource), tokenFor(resource)), 200)
  assert.equal(device.transport.isKnown, true, 'no stranger any more')
  const events = await device.sender('/devices/pump-1/messages/events')
  const { length } = world.journal.records
  let isDurable = false
  const sent = {
    body: data('{"t":1}'),
    message_id: 'm/1',
    content_type: 'application/json',
    content_encoding: 'utf-8',
    application_properties: { 'a b': 'c&d=é', count: 7 },
  }
  const outcome = await events.send(sent, () => {
    assert.equal(world.journal.records.length, length + 1, 'it is in the journal')
    isDurable = true
    world.journal.flush()
  })
  assert.equal(outcome, 'accepted')
  assert.ok(isDurable, 'and was not accepted before')
  const fact = world.facts().at(-1)
  assert.ok(fact?.kind === 'telemetry')
  assert.equal(fact.body.toString(), '{"t":1}')
  assert.equal(fact.device, 'pump-1')
  assert.equal(fact.transport, 'amqps')
  assert.equal(
    fact.topic,
    'devices/pump-1/messages/events/%24.mid=m%2F1&%24.ct=application%2Fjson&%24.ce=utf-8&a%20b=c%26d%3D%C3%A9&count=7',
  )
  assert.ok(world.facts().some((one) => one.kind === 'connected' && one.transport === 'amqps' && one.mqttVersion === 0))
  assert.deepEqual(world.hub.log, ['pump-1 connected'])
  device.client.close()
  await turns()
  assert.deepEqual(world.hub.log, ['pump-1 connected', 'pump-1 disconnected'])
  assert.ok(world.facts().some((one) => one.kind === 'disconnected' && one.device === 'pump-1'))
  assert.deepEqual(world.troubles, [])
})

test('a batch of messages is taken apart, and all of it is accepted together [azure-wire 4.4]', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const events = await device.sender('/devices/pump-1/messages/events')
  const inner = ['one', 'two'].map((text) => message.encode({ body: data(text) }))
  const batch = message.encode({ body: message.data_sections(inner) })
  const outcome = await events.send(batch, () => world.journal.flush(), undefined, 0x80013700)
  assert.equal(outcome, 'accepted')
  const bodies = world.facts().flatMap((fact) => (fact.kind === 'telemetry' ? [fact.body.toString()] : []))
  assert.deepEqual(bodies, ['one', 'two'])
})

test('a device with a certificate needs no put-token, and a message of several frames arrives whole [azure-wire 4.2]', async () => {
  const world = amqp()
  const device = await world.connect('pump-1', { max_frame_size: 512 })
  const events = await device.sender('/devices/pump-1/messages/events')
  assert.deepEqual(events.closed, [])
  const large = 'x'.repeat(200_000)
  assert.equal(await events.send({ body: data(large) }, () => world.journal.flush()), 'accepted')
  const fact = world.facts().at(-1)
  assert.ok(fact?.kind === 'telemetry' && fact.body.length === 200_000)
  assert.equal(
    await events.send({ body: data('x'.repeat(300_000)) }, () => world.journal.flush()),
    'rejected amqp:link:message-size-exceeded',
  )
})

test('what the policy does not allow is rejected and recorded', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const events = await device.sender('/devices/pump-1/messages/events')
  world.applyPolicy(() => ({ connect: () => 'rule', publish: () => undefined, subscribe: () => 'rule', receive: () => 'rule' }))
  assert.equal(await events.send({ body: data('x') }), 'rejected amqp:unauthorized-access')
  assert.ok(world.facts().some((fact) => fact.kind === 'denied' && fact.device === 'pump-1'))
})

test('messages come to a device with their annotations; what it makes of them is their fate [azure-wire 4.4, 5.9]', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  world.hub.enqueue(pump, {
    body: 'one',
    messageId: 'm1',
    to: '/devices/pump-1/messages/devicebound',
    properties: { a: 'b', c: null },
    ack: 'full',
  })
  world.hub.enqueue(pump, { body: 'two', enqueuedAt: instant(5_000) })
  world.hub.enqueue(pump, { body: 'three' })
  const bound = await device.receiver('/devices/pump-1/messages/deviceBound', { autoaccept: false })
  assert.deepEqual(
    bound.heard.map(({ message }) => bodyText(message)),
    ['one', 'two', 'three'],
  )
  const [first, second, third] = bound.heard
  assert.equal(first?.message.message_id, 'm1')
  assert.equal(first?.message.to, '/devices/pump-1/messages/devicebound')
  assert.deepEqual(first?.message.application_properties, { a: 'b', c: null, 'iothub-ack': 'full' })
  assert.equal(first?.message.message_annotations?.['iothub-deliverycount'], 0)
  assert.equal(Number(first?.message.message_annotations?.['x-opt-sequence-number']), 1)
  assert.deepEqual(second?.message.message_annotations?.['iothub-enqueuedtime'], new Date(5_000))
  // One after the other: the library joins what is settled in one turn, whatever it is.
  first?.context.delivery?.accept()
  await turns()
  second?.context.delivery?.reject({ condition: 'x' })
  await turns()
  third?.context.delivery?.release({ undeliverable_here: false })
  await turns()
  const fates = world.hub.log.filter((line) => /complete|reject|abandon/.test(line))
  assert.deepEqual(fates, ['pump-1 complete 1', 'pump-1 reject 2', 'pump-1 abandon 3'])
  assert.equal(bodyText(bound.heard[3]?.message), 'three', 'what was given back comes again')
  assert.equal(bound.heard[3]?.message.message_annotations?.['iothub-deliverycount'], 1)
  device.client.close()
  await turns()
  assert.ok(world.hub.log.includes('pump-1 unlock-written 3'), 'and what has no answer is free again')
})

test('messages come no faster than the device asks for them', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  for (let n = 0; n < 5; n++) world.hub.enqueue(pump, { body: `${n}` })
  const bound = await device.receiver('/devices/pump-1/messages/devicebound', { credit_window: 0, autoaccept: true })
  assert.deepEqual(bound.heard, [])
  bound.link.add_credit(2)
  await turns()
  assert.deepEqual(
    bound.heard.map(({ message }) => bodyText(message)),
    ['0', '1'],
  )
  bound.link.add_credit(9)
  bound.link.drain_credit()
  await turns()
  assert.equal(bound.heard.length, 5)
})

test('a method call goes out with a UUID and its answer finds its way back [azure-wire 4.4]', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const answers = await device.sender('/devices/pump-1/methods/devicebound')
  assert.equal(world.hub.links.get(pump)?.length ?? 0, 0, 'nobody can be called yet')
  const calls = await device.receiver('/devices/pump-1/methods/devicebound', { credit_window: 0 })
  assert.equal(world.hub.links.get(pump)?.length ?? 0, 0, 'nor while it takes nothing')
  calls.link.add_credit(10)
  await turns()
  const [link] = world.hub.links.get(pump) ?? []
  link?.call('7', 'reboot', '{"x":1}')
  await turns()
  const [call] = calls.heard
  assert.equal(call?.message.application_properties?.['IoThub-methodname'], 'reboot')
  assert.equal(bodyText(call?.message), '{"x":1}')
  assert.ok(Buffer.isBuffer(call?.message.correlation_id) && call.message.correlation_id.length === 16)
  const answer = {
    correlation_id: call.message.correlation_id,
    application_properties: { 'IoThub-status': types.wrap_int(201) },
    body: data('{"ok":true}'),
  }
  assert.equal(await answers.send(answer), 'accepted')
  assert.deepEqual(world.hub.answers, [{ rid: '7', status: 201, body: '{"ok":true}' }])
  assert.equal(await answers.send(answer), 'accepted', 'a second answer is nothing')
  assert.equal(world.hub.answers.length, 1)
  calls.link.close()
  await turns()
  assert.equal(world.hub.links.get(pump)?.length, 0)
})

const twin = (operation: string, resource: string | undefined, body: string, id: string, more: object = {}) => ({
  correlation_id: id,
  message_annotations: { operation, ...(resource === undefined ? {} : { resource }), ...more },
  body: data(body),
})

test('a device reads and reports its twin, and is told of what is desired once it asks [azure-wire 4.4]', async () => {
  const world = amqp()
  world.hub.twinOf.set(pump, twinWith(pump, { interval: 5 }, { fw: '1' }))
  const device = await world.connect('pump-1')
  const out = await device.sender('/devices/pump-1/twin', { snd_settle_mode: 1 })
  const back = await device.receiver('/devices/pump-1/twin')
  const ask = async (asked: ReturnType<typeof twin>) => {
    const before = back.heard.length
    out.link.send(asked)
    await turns()
    return back.heard[before]?.message
  }
  const got = await ask(twin('GET', undefined, ' ', 'c1'))
  assert.equal(got?.correlation_id, 'c1')
  assert.equal(got?.message_annotations?.['status'], 200)
  assert.equal(bodyText(got), '{"desired":{"interval":5,"$version":12},"reported":{"fw":"1","$version":7}}')
  world.hub.desire({ identity: pump, version: 13, body: { interval: 6 } })
  await turns()
  assert.equal(back.heard.length, 1, 'nobody asked to be told')
  world.hub.twinOf.set(pump, {
    ...twinWith(pump, { interval: 6 }, {}),
    desired: { properties: { interval: 6 }, metadata: {}, version: 13 },
  })
  const put = await ask(twin('PUT', '/notifications/twin/properties/desired', ' ', 'c2'))
  assert.equal(put?.correlation_id, undefined, 'what came between GET and PUT is told first [azure-wire 4.6]')
  assert.equal(bodyText(put), '{"interval":6,"$version":13}')
  assert.equal(back.heard[2]?.message.correlation_id, 'c2')
  world.hub.desire({ identity: pump, version: 14, body: { interval: 7 } })
  await turns()
  const told = back.heard[3]?.message
  assert.equal(told?.message_annotations?.['resource'], '/notifications/twin/properties/desired')
  assert.equal(bodyText(told), '{"interval":7,"$version":14}')
  const patched = await ask(twin('PATCH', '/properties/reported', '{"a":1,"b":null}', 'c3'))
  assert.equal(patched?.message_annotations?.['status'], 200)
  assert.equal(Number(patched?.message_annotations?.['version']), 2)
  assert.deepEqual(world.hub.reported, [{ identity: pump, patch: { a: 1, b: null }, ifVersion: undefined }])
  world.hub.refusal = { code: 'hub/twin-too-large', message: 'Too large.' }
  const refused = await ask(twin('PATCH', '/properties/reported', '{"a":2}', 'c4', { version: types.wrap_long(9) }))
  assert.equal(refused?.message_annotations?.['status'], 413)
  assert.equal(world.hub.reported.at(-1)?.ifVersion, 9)
  assert.equal((await ask(twin('PATCH', '/properties/reported', '{"a":', 'c5')))?.message_annotations?.['status'], 400)
  assert.equal((await ask(twin('POST', '/x', '{}', 'c6')))?.message_annotations?.['status'], 400)
  assert.equal((await ask(twin('DELETE', '/notifications/twin/properties/desired', ' ', 'c7')))?.message_annotations?.['status'], 200)
  const before = back.heard.length
  world.hub.desire({ identity: pump, version: 15, body: { interval: 8 } })
  await turns()
  assert.equal(back.heard.length, before)
  assert.deepEqual(world.troubles, [])
})

test('several devices share a connection, each with its own token, and one goes without the others [azure-wire 4.2]', async () => {
  const world = amqp()
  const gateway = await world.connect()
  for (const name of ['a', 'b'])
    assert.equal(await gateway.putToken(`hub.example/devices/${name}`, tokenFor(`hub.example/devices/${name}`)), 200)
  const a = await gateway.sender('/devices/a/messages/events')
  const b = await gateway.sender('/devices/b/messages/events')
  assert.equal(world.desk.open, 2)
  for (const member of world.desk.of(idOf('a'))) member.end('revoked')
  await turns()
  assert.deepEqual([a.closed, b.closed], [['amqp:unauthorized-access'], []])
  assert.equal(await b.send({ body: data('x') }, () => world.journal.flush()), 'accepted')
  world.refusedDevices.add('a')
  const again = await gateway.sender('/devices/a/messages/events')
  assert.deepEqual(again.closed, ['amqp:unauthorized-access'], 'its token is worth nothing any more')
  for (const member of world.desk.of(idOf('b'))) member.end('disabled')
  await turns()
  assert.equal(gateway.transport.state, 'ended', 'the last one takes the connection with it')
})

test('whoever comes later under the same identity takes it over, by whatever protocol [azure-wire 2.3, 4.5]', async () => {
  const world = amqp()
  const first = await world.connect('pump-1')
  const events = await first.sender('/devices/pump-1/messages/events')
  const second = await world.connect('pump-1')
  await second.sender('/devices/pump-1/messages/events')
  assert.deepEqual(events.closed, ['amqp:link:stolen'])
  assert.equal(first.transport.state, 'ended')
  assert.equal(world.desk.of(pump).size, 1)
  assert.equal(world.desk.counters.takeovers, 1)
})

test('what was opened with a token ends with it; another token in time keeps it [azure-wire 1.3, 4.2]', async () => {
  const world = amqp()
  world.expiry.of = instant(world.clock.now() + 60_000)
  const device = await world.connect()
  assert.equal(await device.putToken(resource, tokenFor(resource)), 200)
  const events = await device.sender('/devices/pump-1/messages/events')
  world.clock.advance(50_000)
  world.expiry.of = instant(world.clock.now() + 60_000)
  assert.equal(await device.putToken(resource, tokenFor(resource)), 200)
  world.clock.advance(50_000)
  for (const member of world.desk.live()) member.endIfExpired(world.clock.now())
  assert.deepEqual(events.closed, [])
  world.clock.advance(20_000)
  for (const member of world.desk.live()) member.endIfExpired(world.clock.now())
  await turns()
  assert.deepEqual(events.closed, ['amqp:unauthorized-access'])
})

test('while the disk is behind nobody is read, and nothing is lost when it is back', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const events = await device.sender('/devices/pump-1/messages/events')
  world.journal.paused = true
  const outcome = events.send({ body: data('later') })
  await turns(60)
  assert.equal(device.transport.isPaused, true)
  world.journal.resume()
  await turns()
  world.journal.flush()
  assert.equal(await outcome, 'accepted')
  assert.equal(device.transport.isPaused, false)
})

test('a policy that takes a topic away takes the link that stands for it', async () => {
  const world = amqp()
  const device = await world.connect('pump-1')
  const bound = await device.receiver('/devices/pump-1/messages/devicebound')
  const only = (filter: string) => (/devicebound/.test(filter) ? undefined : 'rule')
  world.desk.policyChanged()
  assert.deepEqual(bound.closed, [])
  world.applyPolicy(() => ({ connect: () => 'rule', publish: () => 'rule', subscribe: only, receive: () => 'rule' }))
  world.desk.policyChanged()
  await turns()
  assert.deepEqual(bound.closed, ['amqp:unauthorized-access'])
  const again = await world.connect('pump-1')
  assert.deepEqual((await again.receiver('/devices/pump-1/messages/devicebound')).closed, ['amqp:unauthorized-access'])
  assert.deepEqual((await again.receiver('/devices/pump-1/twin')).closed, [])
})
