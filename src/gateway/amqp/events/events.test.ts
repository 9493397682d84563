import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import { amqp, bodyText, idOf, tokenFor, turns } from '../amqp-scene.test.ts'
import { partitionOf } from './event.ts'

const { message, types } = rhea
const token = tokenFor('sb://hub.example/messages/events', 'service')
const filterFor = (text: string) => ({ 'apache.org:selector-filter:string': types.wrap_described(text, 0x468c00000004) })
const annotation = (what: string, operator: string, value: string | number) => `amqp.annotation.x-opt-${what} ${operator} '${value}'`

async function scene() {
  const world = amqp()
  const reader = await world.connect()
  assert.equal(await reader.putToken('sb://hub.example/messages/events', token), 200)
  const device = await world.connect('pump-1')
  const events = await device.sender('/devices/pump-1/messages/events')
  const send = async (text: string) => {
    const body = message.data_section(Buffer.from(text))
    const outcome = await events.send(
      { body, message_id: `id-${text}`, content_type: 'application/json', application_properties: { n: text } },
      () => world.journal.flush(),
    )
    assert.equal(outcome, 'accepted')
    world.clock.advance(1_000)
    await turns()
  }
  const partition = partitionOf(idOf('pump-1'), 4)
  const read = (filter: string | undefined, more: object = {}, of: number | string = partition) =>
    reader.receiver(
      {
        address: `messages/events/ConsumerGroups/$Default/Partitions/${of}`,
        ...(filter === undefined ? {} : { filter: filterFor(filter) }),
      },
      more,
    )
  return { ...world, reader, device, send, read, partition }
}

test('a reader gets the events of its partition from the start, with the annotations of IoT Hub [azure-wire 8.4, 8.5]', async () => {
  const { send, read, partition, facts } = await scene()
  await send('one')
  await send('two')
  const from = await read(annotation('offset', '>', '-1'))
  assert.deepEqual(
    from.heard.map(({ message }) => bodyText(message)),
    ['one', 'two'],
  )
  const [first] = from.heard
  const offset = facts().findIndex((fact) => fact.kind === 'telemetry')
  const annotations = first?.message.message_annotations
  assert.equal(annotations?.['x-opt-offset'], `${offset}`)
  assert.equal(Number(annotations?.['x-opt-sequence-number']), offset)
  assert.ok(annotations?.['x-opt-enqueued-time'] instanceof Date)
  assert.equal(annotations?.['iothub-connection-device-id'], 'pump-1')
  assert.equal(annotations?.['iothub-message-source'], 'Telemetry')
  assert.match(`${annotations?.['iothub-connection-auth-method']}`, /"scope":"device"/)
  assert.ok(annotations?.['iothub-enqueuedtime'] instanceof Date)
  assert.equal(first?.message.message_id, 'id-one')
  assert.equal(first?.message.content_type, 'application/json')
  assert.deepEqual(first?.message.application_properties, { n: 'one' })
  const other = await read(annotation('offset', '>', '-1'), {}, (partition + 1) % 4)
  assert.deepEqual(other.heard, [], 'a device is in one partition')
  await send('three')
  await turns()
  assert.equal(bodyText(from.heard[2]?.message), 'three', 'and what comes later follows')
})

test('a reader begins where it says: latest, an offset, a sequence number, a time [azure-wire 8.4]', async () => {
  const { send, read, clock, facts } = await scene()
  const before = clock.now()
  for (const text of ['a', 'b', 'c']) await send(text)
  const offsets = facts().flatMap((fact, at) => (fact.kind === 'telemetry' ? [at] : []))
  const b = offsets[1] ?? 0
  const expected: readonly (readonly [string, readonly string[]])[] = [
    [annotation('offset', '>', '@latest'), []],
    [annotation('offset', '>', b), ['c']],
    [annotation('offset', '>=', b), ['b', 'c']],
    [annotation('sequence-number', '>', b), ['c']],
    [annotation('sequence-number', '>=', b), ['b', 'c']],
    [annotation('enqueued-time', '>', before), ['b', 'c']],
    [annotation('enqueued-time', '>=', before), ['a', 'b', 'c']],
    [annotation('enqueued-time', '>', before + 10_000), []],
    [annotation('offset', '>', 999_999), []],
  ]
  for (const [filter, texts] of expected) {
    const reader = await read(filter)
    assert.deepEqual(
      reader.heard.map(({ message }) => bodyText(message)),
      texts,
      filter,
    )
    reader.link.close()
    await turns()
  }
  const latest = await read(undefined)
  await send('d')
  assert.deepEqual(
    latest.heard.map(({ message }) => bodyText(message)),
    ['d'],
    'without a filter: what comes from now on [R]',
  )
  for (const filter of [
    '',
    'x > 1',
    annotation('offset', '<', 1),
    annotation('offset', '>', 'x'),
    `${annotation('offset', '>', 1)} OR 1=1`,
  ])
    assert.deepEqual((await read(filter)).closed, ['com.microsoft:argument-error'], filter)
})

test('a slow reader gets what it asked for and no more, and misses nothing', async () => {
  const { send, read } = await scene()
  for (let n = 0; n < 5; n++) await send(`${n}`)
  const slow = await read(annotation('offset', '>', '-1'), { credit_window: 0 })
  assert.deepEqual(slow.heard, [])
  slow.link.add_credit(2)
  await turns()
  assert.equal(slow.heard.length, 2)
  await send('5')
  slow.link.add_credit(100)
  await turns()
  assert.deepEqual(
    slow.heard.map(({ message }) => bodyText(message)),
    ['0', '1', '2', '3', '4', '5'],
  )
})

const epoch = (number: number) => ({ properties: { 'com.microsoft:epoch': types.wrap_long(number) } })

test('a higher epoch takes a partition, a lower one and none are refused, and five may share it without [azure-wire 8.1, 8.4]', async () => {
  const { read } = await scene()
  const start = annotation('offset', '>', '-1')
  const plain = await read(start)
  const one = await read(start, epoch(1))
  assert.deepEqual([plain.closed, one.closed], [['amqp:link:stolen'], []])
  assert.deepEqual((await read(start)).closed, ['amqp:link:stolen'])
  assert.deepEqual((await read(start, epoch(0))).closed, ['amqp:link:stolen'])
  const two = await read(start, epoch(2))
  assert.deepEqual([one.closed, two.closed], [['amqp:link:stolen'], []])
  two.link.close()
  await turns()
  for (let n = 0; n < 5; n++) assert.deepEqual((await read(start)).closed, [])
  assert.deepEqual((await read(start)).closed, ['amqp:resource-limit-exceeded'])
})

test('who asks for it is told how far behind it is [azure-wire 8.5]', async () => {
  const { send, read, facts } = await scene()
  await send('a')
  await send('b')
  const reader = await read(annotation('offset', '>', '-1'), { desired_capabilities: ['com.microsoft:enable-receiver-runtime-metric'] })
  const last = facts().findLastIndex((fact) => fact.kind === 'telemetry')
  const metric = reader.heard[0]?.message.delivery_annotations
  assert.equal(Number(metric?.['last_enqueued_sequence_number']), last)
  assert.equal(metric?.['last_enqueued_offset'], `${last}`)
  assert.ok(metric?.['last_enqueued_time_utc'] instanceof Date && metric['runtime_info_retrieval_time_utc'] instanceof Date)
})

test('$management tells of the endpoint and of its partitions, with the types that clients expect [azure-wire 8.3]', async () => {
  const { reader, send, partition, facts } = await scene()
  await send('a')
  const back = await reader.receiver('$management', { target: { address: 'me' } })
  const out = await reader.sender('$management')
  const ask = async (properties: object) => {
    const before = back.heard.length
    out.link.send({
      message_id: `q${before}`,
      reply_to: 'me',
      application_properties: { operation: 'READ', name: 'messages/events', ...properties },
      body: [],
    })
    await turns()
    const answer = back.heard[before]?.message
    assert.equal(answer?.correlation_id, `q${before}`)
    return {
      status: answer.application_properties?.['status-code'],
      body: answer.body,
      condition: answer.application_properties?.['error-condition'],
    }
  }
  const hub = await ask({ type: 'com.microsoft:eventhub' })
  assert.equal(hub.status, 200)
  assert.deepEqual([hub.body.name, hub.body.partition_count, hub.body.partition_ids], ['messages/events', 4, ['0', '1', '2', '3']])
  assert.ok(hub.body.created_at instanceof Date)
  const one = await ask({ type: 'com.microsoft:partition', partition: `${partition}` })
  const last = facts().findLastIndex((fact) => fact.kind === 'telemetry')
  assert.deepEqual(
    [one.body.partition, one.body.last_enqueued_sequence_number, one.body.last_enqueued_offset, one.body.is_partition_empty],
    [`${partition}`, last, `${last}`, false],
  )
  const empty = await ask({ type: 'com.microsoft:partition', partition: `${(partition + 1) % 4}` })
  assert.deepEqual(
    [empty.body.last_enqueued_sequence_number, empty.body.last_enqueued_offset, empty.body.is_partition_empty],
    [-1, '-1', true],
  )
  assert.deepEqual((await ask({ type: 'com.microsoft:partition', partition: '4' })).status, 404)
  assert.deepEqual((await ask({ type: 'com.microsoft:partition', partition: '__proto__' })).status, 404)
  assert.deepEqual((await ask({ type: 'com.microsoft:eventhub', name: 'other' })).condition, 'com.microsoft:entity-not-found')
  assert.deepEqual((await ask({ operation: 'DELETE', type: 'com.microsoft:eventhub' })).status, 400)
})

test('there is nothing to send to, and no such partition or entity [azure-wire 8.5]', async () => {
  const { reader, read } = await scene()
  assert.deepEqual((await reader.sender('messages/events')).closed, ['amqp:not-allowed'])
  assert.deepEqual((await reader.sender('messages/events/ConsumerGroups/$Default/Partitions/0')).closed, ['amqp:not-allowed'])
  assert.deepEqual((await read(undefined, {}, 4)).closed, ['amqp:not-found'])
  assert.deepEqual((await read(undefined, {}, '01')).closed, ['amqp:not-found'])
  assert.deepEqual((await reader.receiver('other/ConsumerGroups/$Default/Partitions/0')).closed, ['amqp:not-found'])
})

test('the partition of a device never changes, and a module is in that of its device', () => {
  assert.deepEqual(
    ['pump-1', 'pump-2', 'a', 'dev:1'].map((name) => partitionOf(idOf(name), 4)),
    [1, 0, 0, 1],
  )
  assert.equal(partitionOf(idOf('pump-1/m'), 32), partitionOf(idOf('pump-1'), 32))
})
