import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import { amqp, bodyText, tokenFor, turns } from './amqp-scene.test.ts'

const { message } = rhea
const data = (text: string) => message.data_section(Buffer.from(text))
const token = tokenFor('hub.example', 'service')

test('a back end sends messages to devices and modules; accepted is stored, and a refusal says why [azure-wire 5.9]', async () => {
  const world = amqp()
  const back = await world.connect()
  assert.equal(await back.putToken('hub.example', token), 200)
  const out = await back.sender('/messages/devicebound')
  const sent = {
    to: '/devices/dev%3A1/messages/devicebound',
    message_id: 'm1',
    user_id: 'me',
    absolute_expiry_time: 1_900_000_000_000,
    application_properties: { 'iothub-ack': 'Full', a: 'b' },
    body: data('cmd'),
  }
  assert.equal(await out.send(sent), 'accepted')
  assert.equal(await out.send({ to: '/devices/d/modules/m/messages/devicebound', body: data('x') }), 'accepted')
  assert.deepEqual(
    world.sent.map(({ identity, message: { messageId, ack, expiresAt, properties, body } }) => ({
      identity,
      messageId,
      ack,
      expiresAt,
      properties,
      body: body.toString(),
    })),
    [
      { identity: 'dev:1', messageId: 'm1', ack: 'full', expiresAt: 1_900_000_000_000, properties: { a: 'b' }, body: 'cmd' },
      { identity: 'd/m', messageId: undefined, ack: 'none', expiresAt: undefined, properties: {}, body: 'x' },
    ],
  )
  for (const [code, condition] of [
    ['hub/device-not-found', 'amqp:not-found'],
    ['hub/queue-full', 'amqp:resource-limit-exceeded'],
    ['hub/message-too-large', 'amqp:link:message-size-exceeded'],
    ['hub/message-malformed', 'com.microsoft:argument-error'],
  ] as const) {
    world.answer.send = { code, message: 'No.' }
    assert.equal(await out.send(sent), `rejected ${condition}`, code)
  }
  world.answer.send = undefined
  for (const to of [
    undefined,
    '',
    '/devices/d',
    '/devices/a%2Fb/messages/devicebound',
    '/devices/d/messages/events',
    '/messages/devicebound',
  ])
    assert.equal(await out.send({ ...sent, to }), 'rejected com.microsoft:argument-error', String(to))
  assert.equal(await out.send({ ...sent, application_properties: { 'iothub-ack': 'some' } }), 'rejected com.microsoft:argument-error')
  assert.equal(world.sent.length, 2)
})

test('feedback and file notifications come to a back end, each until somebody has taken it [azure-wire 5.10]', async () => {
  const world = amqp()
  const back = await world.connect()
  await back.putToken('hub.example', token)
  const record = {
    originalMessageId: 'm1',
    enqueuedTimeUtc: '2026-01-01T00:00:00Z',
    statusCode: 'Success',
    description: 'Success',
    deviceId: 'd',
    deviceGenerationId: '1',
  } as const
  world.feedback.add([record])
  const feedback = await back.receiver('/messages/serviceBound/feedback', { autoaccept: false })
  const [first] = feedback.heard
  assert.equal(first?.message.content_type, 'application/vnd.microsoft.iothub.feedback.json')
  assert.equal(first?.message.user_id?.toString(), 'hub.example')
  assert.deepEqual(JSON.parse(bodyText(first?.message)), [record])
  first?.context.delivery?.release({ undeliverable_here: false })
  await turns()
  feedback.heard[1]?.context.delivery?.accept()
  await turns()
  assert.deepEqual(world.feedback.fates, ['abandon 1', 'complete 2'])
  const file = { deviceId: 'd', blobUri: 'https://x', blobName: 'd/a', lastUpdatedTime: '', blobSizeInBytes: 3, enqueuedTimeUtc: '' }
  for (const address of ['/messages/serviceBound/filenotifications', '/messages/servicebound/FileUploadNotifications']) {
    const files = await back.receiver(address)
    world.fileNotifications.add(file)
    await turns()
    assert.equal(files.heard[0]?.message.content_type, 'application/vnd.microsoft.iothub.filenotification.json')
    assert.deepEqual(JSON.parse(bodyText(files.heard[0]?.message)), file)
    files.link.close()
    await turns()
  }
  world.feedback.add([record])
  await turns()
  back.client.close()
  await turns()
  assert.equal(world.feedback.fates.at(-1), 'abandon 3', 'what nobody looked at goes to the next one')
})

test('a bearer token opens what its roles allow, and ends when it ends or is revoked [azure-wire 1.10]', async () => {
  const world = amqp()
  const { callerWith } = await import('../../../test/azure-service-scene.ts')
  const until = world.clock.now() + 60_000
  const { instant } = await import('#base')
  world.callers.set('Bearer a.b.c', { ...callerWith('one', ['c2d.send']), expiresAt: instant(until) })
  const back = await world.connect()
  assert.equal(await back.putToken('https://iothubs.azure.net/.default', 'Bearer a.b.c', 'jwt'), 200)
  const out = await back.sender('/messages/devicebound')
  assert.deepEqual(out.closed, [])
  const feedback = await back.receiver('/messages/serviceBound/feedback')
  assert.deepEqual(feedback.closed, ['amqp:unauthorized-access'], 'its roles do not say so')
  world.clock.advance(60_000)
  world.door.sweep()
  await turns()
  assert.deepEqual(out.closed, ['amqp:unauthorized-access'])
  const other = await world.connect()
  await other.putToken('hub.example', token)
  const again = await other.sender('/messages/devicebound')
  world.revoke(() => false)
  await turns()
  assert.deepEqual(again.closed, ['amqp:unauthorized-access'])
  assert.deepEqual((await other.sender('/messages/devicebound')).closed, ['amqp:unauthorized-access'])
})

test('a token covers what it names: whole segments of a path, and no more [azure-wire 1.3, 4.2]', async () => {
  const world = amqp()
  const back = await world.connect()
  assert.equal(await back.putToken('hub.example', tokenFor('hub.example/messages/events', 'service')), 401, 'put for more than it covers')
  assert.equal(await back.putToken('other.example', token), 401)
  assert.equal(await back.putToken('hub.example/messages/events', tokenFor('hub.example/messages/events', 'service')), 200)
  assert.deepEqual((await back.sender('/messages/devicebound')).closed, ['amqp:unauthorized-access'])
  const partition = await back.receiver('messages/events/ConsumerGroups/$Default/Partitions/0')
  assert.deepEqual(partition.closed, [])
})
