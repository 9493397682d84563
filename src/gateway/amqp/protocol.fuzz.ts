import assert from 'node:assert/strict'
import rhea from 'rhea'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { amqp, idOf, tokenFor, turns } from './amqp-scene.test.ts'
import { amqpLimits } from './limits.ts'

/*
 * An input is what a client sends, whole connections of real clients and what becomes of them when bytes are changed. Nothing may throw, what the hub
 * says and holds stays within bounds, and a witness who had nothing to do with it is served as ever.
 */

/** Runs the input against a device's and a stranger's connection, in pieces. */
export async function target(input: Buffer): Promise<void> {
  const world = amqp()
  const random = new SeededRandom(input.length + 1)
  for (const certificate of ['', 'pump-1']) {
    const { transport, connection } = world.raw(certificate)
    for (let at = 0; at < input.length;) {
      const size = 1 + random.integer(200)
      connection.receive(Buffer.from(input.subarray(at, at + size)))
      at += size
    }
    world.journal.flush()
    await turns(3)
    const said = transport.written.reduce((sum, bytes) => sum + bytes.length, 0)
    assert.ok(said <= amqpLimits.hopelessBytes + 100 * input.length, 'what is said is bounded')
    connection.lost()
  }
  const witness = world.raw('pump-2')
  witness.connection.receive(seedOf('witness'))
  await turns(3)
  world.journal.flush()
  await turns(3)
  assert.ok(
    world.facts().some((fact) => fact.kind === 'telemetry' && fact.device === 'pump-2'),
    'the witness is served',
  )
  witness.connection.lost()
  assert.equal(world.desk.open, 0)
  assert.deepEqual(world.troubles, [])
}

const recorded = new Map<string, Buffer>()

function seedOf(name: string): Buffer {
  const bytes = recorded.get(name)
  assert.ok(bytes !== undefined, 'seeds() comes first')
  return bytes
}

/** Connections of real clients, byte for byte: a device that does everything, a back end, a reader of events, and the witness. */
export async function seeds(): Promise<readonly Buffer[]> {
  const { message, types } = rhea
  const data = (text: string) => message.data_section(Buffer.from(text))
  await record('witness', 'pump-2', async (client) => {
    const events = await client.sender('/devices/pump-2/messages/events')
    events.link.send({ body: data('x') })
  })
  await record('device', 'pump-1', async (client, world) => {
    const events = await client.sender('/devices/pump-1/messages/events')
    events.link.send({ message_id: 'm', body: data('x'.repeat(700)), application_properties: { a: 'b', n: 7 } })
    const twin = await client.sender('/devices/pump-1/twin')
    await client.receiver('/devices/pump-1/twin')
    twin.link.send({
      correlation_id: 'c',
      message_annotations: { operation: 'PATCH', resource: '/properties/reported' },
      body: data('{"a":1}'),
    })
    const answers = await client.sender('/devices/pump-1/methods/devicebound')
    await client.receiver('/devices/pump-1/methods/devicebound')
    answers.link.send({
      correlation_id: Buffer.alloc(16),
      application_properties: { 'IoThub-status': types.wrap_int(200) },
      body: data('{}'),
    })
    world.hub.enqueue(idOf('pump-1'), {})
    await client.receiver('/devices/pump-1/messages/devicebound')
    await turns()
    client.client.close()
  })
  await record('service', '', async (client) => {
    await client.putToken('hub.example', tokenFor('hub.example', 'service'))
    const out = await client.sender('/messages/devicebound')
    out.link.send({
      to: '/devices/d/messages/devicebound',
      message_id: 'm',
      application_properties: { 'iothub-ack': 'full' },
      body: data('c'),
    })
    await client.receiver('/messages/serviceBound/feedback')
  })
  await record('events', '', async (client) => {
    await client.putToken('sb://hub.example/messages/events', tokenFor('sb://hub.example/messages/events', 'service'))
    const filter = { 'apache.org:selector-filter:string': types.wrap_described("amqp.annotation.x-opt-offset > '-1'", 0x468c00000004) }
    await client.receiver(
      { address: 'messages/events/ConsumerGroups/$Default/Partitions/0', filter },
      { properties: { 'com.microsoft:epoch': types.wrap_long(1) } },
    )
    await client.receiver('$management', { target: { address: 'me' } })
    const ask = await client.sender('$management')
    ask.link.send({
      message_id: 1,
      reply_to: 'me',
      application_properties: { operation: 'READ', name: 'messages/events', type: 'com.microsoft:eventhub' },
      body: undefined,
    })
  })
  await record('plain', '', async () => {}, { username: 'pump-1@sas.hub', password: tokenFor('hub.example/devices/pump-1') })
  return [...recorded.values()]
}

type World = ReturnType<typeof amqp>
type Client = Awaited<ReturnType<World['connect']>>

async function record(
  name: string,
  certificate: string,
  play: (client: Client, world: World) => Promise<void>,
  options: object = {},
): Promise<void> {
  const world = amqp()
  const bytes: Buffer[] = []
  const client = await world.connect(certificate, options, (chunk) => bytes.push(chunk))
  await play(client, world)
  world.journal.flush()
  await turns()
  recorded.set(name, Buffer.concat(bytes))
}
