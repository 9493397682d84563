import assert from 'node:assert/strict'
import { type Server, type Socket, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createServer } from 'node:tls'
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
import { parseKafka } from './kafka.ts'
import { kafkaKind } from './kafka.io.ts'

const good = { brokers: ['k1.example.com:9093'], topic: 'plant', user: 'hub', passwordSecret: 'pw' }

describe('settings of a kafka endpoint', () => {
  test('are read', () => {
    const parsed = parseKafka(good)
    assert.ok(parsed.ok)
    assert.deepEqual(parsed.value.brokers, [{ host: 'k1.example.com', port: 9093 }])
    assert.deepEqual(parsed.value.sasl, { mechanism: 'SCRAM-SHA-512', user: 'hub', passwordSecret: 'pw' })
  })
  for (const [what, change, problem] of [
    ['no broker', { brokers: [] }, /brokers is no list/],
    ['a broker without a port', { brokers: ['k1'] }, /not host:port/],
    ['a topic with a slash', { topic: 'a/b' }, /topic has/],
    ['no proof', { user: undefined, passwordSecret: undefined }, /neither passwordSecret nor clientCertificate/],
    ['a mechanism that nobody knows', { mechanism: 'GSSAPI' }, /mechanism is none of/],
  ] as const)
    test(`refuse ${what}`, () => {
      const parsed = parseKafka({ ...good, ...change })
      assert.ok(!parsed.ok)
      assert.match(parsed.error.message, problem)
    })
})

/** librdkafka's own cluster of one broker, which lives in its client: it speaks the protocol without TLS, tells its port, and prints what it was sent. */
const cluster = `
import sys, time
from confluent_kafka import Producer, Consumer
p = Producer({'test.mock.num.brokers': 1, 'bootstrap.servers': 'unused'})
port = next(iter(p.list_topics(timeout=10).brokers.values())).port
p.list_topics('plant', timeout=10)
print('PORT', port, flush=True)
c = Consumer({'bootstrap.servers': '127.0.0.1:%d' % port, 'group.id': 'g', 'auto.offset.reset': 'earliest'})
c.subscribe(['plant'])
while True:
    m = c.poll(0.2)
    if m is not None and not m.error():
        print('GOT', m.key().decode(), dict(m.headers())['thingwall-id'].decode(), flush=True)
`

describe('against the cluster of librdkafka, behind TLS', () => {
  const folder = openFolder()
  const sockets = new Set<Socket>()
  let tls: TestTls
  let server: TestServer
  let way: Server
  let port = 0

  // The cluster names its broker 127.0.0.1; on the way out that becomes 127.0.0.2, where TLS is, which is as long.
  const openWay = () =>
    new Promise<void>((resolve) => {
      way = createServer(
        { cert: tls.server.cert, key: tls.server.key, ca: tls.ca, requestCert: true, rejectUnauthorized: true },
        (socket) => {
          const onwards = connect(port, '127.0.0.1')
          for (const one of [socket, onwards]) {
            sockets.add(one)
            one
              .on('error', () => undefined)
              .on('close', () => {
                sockets.delete(one)
                socket.destroy()
                onwards.destroy()
              })
          }
          socket.pipe(onwards)
          onwards.on('data', (chunk: Buffer) =>
            socket.write(Buffer.from(chunk.toString('latin1').replaceAll('127.0.0.1', '127.0.0.2'), 'latin1')),
          )
        },
      ).listen(port, '127.0.0.2', resolve)
    })
  const closeWay = () =>
    new Promise((resolve) => {
      way.close(resolve)
      for (const socket of sockets) socket.destroy()
    })
  const seen = () => [...server.output.matchAll(/^GOT (\S+) (\S+)$/gm)].map(([, key = '', id = '']) => ({ key, id }))
  async function until(condition: () => boolean): Promise<void> {
    for (let i = 0; i < 150 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 50))
    assert.ok(condition(), server.output.slice(-500))
  }

  before(async () => {
    tls = makeTls(folder.path)
    server = new TestServer('/usr/bin/python3', [writeIn(folder.path, 'cluster.py', cluster)], await freePort())
    // It listens where it likes and says where: that it never answers at the port above is no matter.
    const starting = server.start(2_000).catch(() => undefined)
    await until(() => /^PORT (\d+)$/m.test(server.output))
    port = Number(/^PORT (\d+)$/m.exec(server.output)?.[1])
    void starting
    await openWay()
  })
  after(async () => {
    await closeWay()
    await server[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function open(change: Readonly<Record<string, unknown>> = {}, mayReach = true) {
    const settings = {
      brokers: [`127.0.0.2:${port}`],
      topic: 'plant',
      ca: tls.ca,
      clientCertificate: tls.client.cert,
      clientKeySecret: 'key',
      ...change,
    }
    const parsed = kafkaKind.parse(settings)
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
    return kafkaKind.open(
      'k',
      parsed.value,
      testPorts({ key: tls.client.key }, () => mayReach),
    )
  }

  test('events become messages with the device as key, in order per device, through an outage', async () => {
    await using sink = await open()
    assert.deepEqual(await sink.deliver(testEvents(1, 30), never), { kind: 'ok' })
    await closeWay()
    assert.equal((await sink.deliver(testEvents(31, 10), AbortSignal.timeout(2_000))).kind, 'retry')
    await openWay()
    assert.deepEqual(await sink.deliver(testEvents(31, 10), never), { kind: 'ok' })
    await until(() => new Set(seen().map(({ id }) => id)).size === 40)
    for (const device of ['pump-0', 'pump-1', 'pump-2']) {
      const offsets = seen()
        .filter(({ key }) => key === device)
        .map(({ id }) => Number(id.slice(2)))
      assert.deepEqual(
        offsets,
        offsets.toSorted((a, b) => a - b),
      )
      assert.equal(testEvent(offsets[0] ?? 0).device, device)
    }
  })

  for (const [what, change, mayReach, reason] of [
    ['a cluster of an unknown authority', { ca: undefined }, true, /./],
    ['an address that nobody allowed', {}, false, /private/],
  ] as const)
    test(`waits: ${what}`, async () => {
      await using sink = await open(change, mayReach)
      const delivered = await sink.deliver(testEvents(1, 1), AbortSignal.timeout(2_000))
      assert.ok(delivered.kind === 'retry')
      assert.match(delivered.reason, reason)
    })
})
