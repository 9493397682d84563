import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, connect } from '@nats-io/transport-node'
import {
  TestServer,
  type TestTls,
  freePort,
  makeTls,
  never,
  openFolder,
  testEvent,
  testEvents,
  testPorts,
  writeIn,
} from '../../../test/endpoint-scene.ts'
import { deliverByDevice } from './by-device.ts'
import { parseNats, subjectOf } from './nats.ts'
import { natsKind } from './nats.io.ts'

const good = { host: 'nats.example.com', tokenSecret: 't' }

describe('settings of a nats endpoint', () => {
  test('are read, with what is usual for what is left out', () => {
    const parsed = parseNats(good)
    assert.ok(parsed.ok)
    assert.deepEqual(parsed.value, {
      host: 'nats.example.com',
      port: 4222,
      proof: { kind: 'token', tokenSecret: 't' },
      subject: 'thingwall.{source}.{device}',
      stream: undefined,
      ca: undefined,
      client: undefined,
    })
  })
  for (const [what, change, problem] of [
    ['no proof', { tokenSecret: undefined }, /none of passwordSecret/],
    ['two proofs', { credsSecret: 'c' }, /only one of/],
    ['a user without a password', { user: 'u' }, /need each other/],
    ['a wildcard in the subject', { subject: 'a.*' }, /subject has/],
    ['an empty token', { subject: 'a..b' }, /subject has/],
    ['a subject with a line end', { subject: 'a\r\nPUB b 0' }, /subject has/],
    ['a placeholder that nobody knows', { subject: '{body}' }, /subject has/],
    ['a setting that nobody knows', { rejectUnauthorized: false }, /rejectUnauthorized is unknown/],
  ] as const)
    test(`refuse ${what}`, () => {
      const parsed = parseNats({ ...good, ...change })
      assert.ok(!parsed.ok)
      assert.match(parsed.error.message, problem)
    })
})

test('the name of a device is one token of a subject, whatever is in it', () => {
  const event = testEvent(1, { device: 'a.b*> $&é' })
  assert.equal(subjectOf('x.{source}.{device}', event), 'x.DeviceMessages.a%2Eb%2A%3E%20%24%26%C3%A9')
})

describe('delivery by device', () => {
  test('a failure in the middle ends the turn of its device only', async () => {
    const sent: number[] = []
    const send = async ({ offset }: { readonly offset: number }) => {
      if (offset === 4) throw new Error('down')
      sent.push(offset)
      return undefined
    }
    await assert.rejects(deliverByDevice(testEvents(1, 9), send), /down/)
    assert.deepEqual(
      sent.toSorted((a, b) => a - b),
      [1, 2, 3, 5, 6, 8, 9],
    )
  })
  test('poison is told only when all before it were taken', async () => {
    const send = async ({ offset }: { readonly offset: number }) => {
      if (offset === 2) throw new Error('down')
      return offset === 4 ? 'bad' : undefined
    }
    await assert.rejects(deliverByDevice(testEvents(1, 9), send), /down/)
    assert.deepEqual(await deliverByDevice(testEvents(3, 9), send), { kind: 'poison', index: 1, reason: 'bad' })
  })
})

describe('against nats-server', () => {
  const folder = openFolder()
  let tls: TestTls
  let port: number
  let server: TestServer
  let connection: NatsConnection
  let manager: JetStreamManager

  before(async () => {
    tls = makeTls(folder.path)
    port = await freePort()
    mkdirSync(join(folder.path, 'js'))
    const config = writeIn(
      folder.path,
      'nats.conf',
      `listen: "127.0.0.1:${port}"
max_payload: 65536
jetstream { store_dir: "${folder.path}/js", max_memory_store: 16MB, max_file_store: 64MB }
tls { cert_file: "${tls.path('server.pem')}", key_file: "${tls.path('server.key')}", ca_file: "${tls.path('ca.pem')}", verify_and_map: true }
authorization { users: [ { user: "CN=hub", permissions: { publish: [ "plant.>", "$JS.API.>" ] } } ] }
`,
    )
    server = new TestServer('nats-server', ['-c', config], port)
    await server.start()
    await reach()
    await manager.streams.add({ name: 'PLANT', subjects: ['plant.>'], max_msg_size: 4096 })
  })
  after(async () => {
    await connection.close()
    await server[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function reach(): Promise<void> {
    connection = await connect({ servers: `localhost:${port}`, tls: { ca: tls.ca, ...tls.client }, reconnect: false })
    manager = await jetstreamManager(connection)
  }

  async function open(change: Readonly<Record<string, unknown>> = {}, mayReach = true) {
    const settings = {
      host: 'localhost',
      port,
      ca: tls.ca,
      clientCertificate: tls.client.cert,
      clientKeySecret: 'key',
      subject: 'plant.{source}.{device}',
      stream: 'PLANT',
      ...change,
    }
    const parsed = natsKind.parse(settings)
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
    return natsKind.open(
      'n',
      parsed.value,
      testPorts({ key: tls.client.key, pw: 'x' }, () => mayReach),
    )
  }

  /** Offsets in the stream, by subject, in the order of the stream. */
  async function stored(): Promise<ReadonlyMap<string, readonly number[]>> {
    const { state } = await manager.streams.info('PLANT')
    const found = new Map<string, number[]>()
    if (state.messages === 0) return found
    const consumer = await jetstream(connection).consumers.get('PLANT')
    const messages = await consumer.fetch({ max_messages: state.messages, expires: 2_000 })
    for await (const message of messages) {
      const { offset }: { offset: number } = message.json()
      found.set(message.subject, [...(found.get(message.subject) ?? []), offset])
    }
    return found
  }
  const total = (found: ReadonlyMap<string, readonly number[]>) => [...found.values()].flat().length

  test('events become messages in order per device, once within the duplicate window, over a client certificate', async () => {
    await using sink = await open()
    assert.deepEqual(await sink.deliver(testEvents(1, 100), never), { kind: 'ok' })
    assert.deepEqual(await sink.deliver(testEvents(51, 100), never), { kind: 'ok' })
    const found = await stored()
    assert.equal(total(found), 150)
    for (const [subject, offsets] of found) {
      assert.match(subject, /^plant\.DeviceMessages\.pump-[012]$/)
      assert.deepEqual(
        offsets,
        offsets.toSorted((a, b) => a - b),
      )
    }
  })

  test('a server that goes away and comes back is tried again, and nothing is lost or twice', async () => {
    await using sink = await open()
    assert.deepEqual(await sink.deliver(testEvents(200, 10), never), { kind: 'ok' })
    const before = total(await stored())
    await connection.close()
    await server.stop()
    for (let i = 0; i < 2; i++) assert.equal((await sink.deliver(testEvents(205, 20), never)).kind, 'retry')
    await server.start()
    await reach()
    assert.deepEqual(await sink.deliver(testEvents(205, 20), never), { kind: 'ok' })
    assert.equal(total(await stored()), before + 15)
  })

  test('what is too large for the stream or the server is poison, and what comes before it is in', async () => {
    await using sink = await open()
    for (const size of [5_000, 70_000]) {
      const batch = [
        ...testEvents(300 + size, 4),
        testEvent(304 + size, { body: Buffer.from(JSON.stringify('x'.repeat(size))) }),
        ...testEvents(305 + size, 4),
      ]
      const delivered = await sink.deliver(batch, never)
      assert.ok(delivered.kind === 'poison' && delivered.index === 4)
      assert.match(delivered.reason, /maximum allowed|takes 65536/)
      assert.deepEqual(await sink.deliver(batch.slice(5), never), { kind: 'ok' })
    }
  })

  for (const [what, change, mayReach, reason] of [
    ['a subject that no stream listens to', { subject: 'plant2.x' }, true, /./],
    ['a stream of another name', { stream: 'OTHER' }, true, /expected stream/],
    ['a server of an unknown authority', { ca: undefined }, true, /certificate/],
    [
      'no client certificate',
      { clientCertificate: undefined, clientKeySecret: undefined, user: 'u', passwordSecret: 'pw' },
      true,
      /certificate|closed|ECONNRESET|authorization/i,
    ],
    ['an address that nobody allowed', {}, false, /private/],
  ] as const)
    test(`waits: ${what}`, async () => {
      await using sink = await open(change, mayReach)
      const delivered = await sink.deliver(testEvents(9_000, 1), AbortSignal.timeout(3_000))
      assert.ok(delivered.kind === 'retry')
      assert.match(delivered.reason, reason)
    })
})

test('a nats server whose certificate is for another address is not spoken to', async () => {
  using folder = openFolder()
  const tls = makeTls(folder.path, 'DNS:localhost')
  const port = await freePort()
  const config = writeIn(
    folder.path,
    'nats.conf',
    `listen: "127.0.0.1:${port}"\ntls { cert_file: "${tls.path('server.pem')}", key_file: "${tls.path('server.key')}" }\nauthorization { token: "secret-token" }\n`,
  )
  await using server = new TestServer('nats-server', ['-c', config], port)
  await server.start()
  const parsed = natsKind.parse({ host: '127.0.0.1', port, ca: tls.ca, tokenSecret: 't' })
  assert.ok(parsed.ok)
  await using sink = await natsKind.open('n', parsed.value, testPorts({ t: 'secret-token' }))
  const delivered = await sink.deliver(testEvents(1, 1), never)
  assert.ok(delivered.kind === 'retry')
  assert.match(delivered.reason, /does not match certificate's altnames/)
})
