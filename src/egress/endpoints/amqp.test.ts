import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { type Server, type Socket, connect, createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import rhea, { type EventContext } from 'rhea'
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
import { judgeOutcome, parseAmqp } from './amqp.ts'
import { amqpKind } from './amqp.io.ts'

const good = { host: 'amqp.example.com', address: '/queue/plant', user: 'hub', passwordSecret: 'pw' }

describe('settings of an amqp endpoint', () => {
  test('are read', () => {
    const parsed = parseAmqp(good)
    assert.ok(parsed.ok)
    assert.equal(parsed.value.port, 5671)
  })
  for (const [what, change, problem] of [
    ['no proof', { user: undefined, passwordSecret: undefined }, /neither passwordSecret nor clientCertificate/],
    ['a user without a password', { passwordSecret: undefined }, /need each other/],
    ['no address', { address: undefined }, /address is missing/],
    ['a URL as host', { host: 'amqps://x' }, /host is no host name/],
  ] as const)
    test(`refuse ${what}`, () => {
      const parsed = parseAmqp({ ...good, ...change })
      assert.ok(!parsed.ok)
      assert.match(parsed.error.message, problem)
    })
})

test('outcomes are told apart by what they say of the message [AMQP 1.0 section 3.4]', () => {
  assert.equal(judgeOutcome({ state: 'accepted' }), undefined)
  assert.match(judgeOutcome({ state: 'rejected', condition: 'amqp:decode-error' }) ?? '', /rejected the message: amqp:decode-error/)
  assert.match(judgeOutcome({ state: 'modified', isUndeliverable: true }) ?? '', /modified/)
  for (const outcome of [
    { state: 'released' },
    { state: 'modified' },
    { state: 'rejected', condition: 'amqp:resource-limit-exceeded' },
  ] as const)
    assert.throws(() => judgeOutcome(outcome), /the server/)
})

describe('against RabbitMQ', () => {
  const folder = openFolder()
  const scope = new AsyncDisposableStack()
  const password = 'a pass & word'
  let tls: TestTls
  let broker: number
  let port: number
  let proxy: Server | undefined
  const sockets = new Set<Socket>()

  const openWay = () =>
    new Promise<void>((resolve) => {
      proxy = createServer((socket) => {
        const onwards = connect(broker, '127.0.0.1')
        for (const one of [socket, onwards]) {
          sockets.add(one)
          one.on('error', () => undefined).on('close', () => sockets.delete(one))
        }
        socket.pipe(onwards)
        onwards.pipe(socket)
      }).listen(port, '127.0.0.1', resolve)
    })
  const closeWay = () =>
    new Promise((resolve) => {
      proxy?.close(resolve)
      for (const socket of sockets) socket.destroy()
    })

  before(async () => {
    const path = folder.path
    tls = makeTls(path)
    broker = await freePort()
    port = await freePort()
    const names = await freePort()
    mkdirSync(`${path}/home`)
    const env = {
      HOME: `${path}/home`,
      ERL_EPMD_PORT: String(names),
      RABBITMQ_NODENAME: 'thingwall-test@localhost',
      RABBITMQ_DIST_PORT: String(await freePort()),
      RABBITMQ_MNESIA_BASE: `${path}/db`,
      RABBITMQ_LOG_BASE: `${path}/log`,
      RABBITMQ_LOGS: '-',
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_ENABLED_PLUGINS_FILE: writeIn(path, 'plugins', '[rabbitmq_amqp1_0].'),
      RABBITMQ_CONFIG_FILE: writeIn(
        path,
        'rabbitmq.conf',
        `listeners.tcp = none
listeners.ssl.1 = 127.0.0.1:${broker}
ssl_options.certfile = ${tls.path('server.pem')}
ssl_options.keyfile = ${tls.path('server.key')}
default_user = hub
default_pass = ${password}
`,
      ).replace(/\.conf$/, ''),
    }
    const mapper = new TestServer('epmd', ['-port', String(names)], names, { env })
    scope.use(mapper)
    await mapper.start()
    const server = new TestServer('/usr/lib/rabbitmq/bin/rabbitmq-server', [], broker, { env })
    scope.use(server)
    await server.start(60_000)
    await openWay()
  })
  after(async () => {
    await closeWay()
    await scope.disposeAsync()
    folder[Symbol.dispose]()
  })

  async function open(change: Readonly<Record<string, unknown>> = {}, mayReach = true) {
    const parsed = amqpKind.parse({
      host: 'localhost',
      port,
      address: '/queue/plant',
      user: 'hub',
      passwordSecret: 'pw',
      ca: tls.ca,
      ...change,
    })
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
    return amqpKind.open(
      'q',
      parsed.value,
      testPorts({ pw: password, wrong: 'wrong' }, () => mayReach),
    )
  }

  /** The next messages of a queue, taken from it. */
  async function take(queue: string, count: number): Promise<readonly NonNullable<EventContext['message']>[]> {
    const container = rhea.create_container()
    const found: NonNullable<EventContext['message']>[] = []
    const asked = {
      host: 'localhost',
      port: broker,
      servername: 'localhost',
      ca: tls.ca,
      username: 'hub',
      password,
      reconnect: false,
    }
    const connection = container.connect({ ...asked, transport: 'tls' })
    await new Promise<void>((resolve, reject) => {
      connection.on('message', ({ message }: EventContext) => {
        if (message !== undefined) found.push(message)
        if (found.length === count) resolve()
      })
      connection.on('disconnected', () => reject(new Error(`only ${found.length} messages`)))
      connection.open_receiver({ source: { address: queue, durable: 2 }, credit_window: count })
    })
    const closed = new Promise((resolve) => connection.once('connection_close', resolve))
    connection.close()
    await closed
    for (const name of ['heartbeat_in', 'heartbeat_out', 'abort_idle']) clearTimeout(Reflect.get(connection, name))
    return found
  }

  test('events become messages, the body to the byte, in order per device', async () => {
    await using sink = await open()
    const batch = [...testEvents(1, 50), testEvent(51, { body: Buffer.from([0, 255, 1]), system: {}, module: 'm' })]
    assert.deepEqual(await sink.deliver(batch, never), { kind: 'ok' })
    const found = await take('/queue/plant', 51)
    const last = new Map<string, number>()
    for (const { message_annotations: said } of found) {
      const device = String(said?.['x-opt-device'])
      assert.ok(Number(said?.['x-opt-offset']) > (last.get(device) ?? 0), 'in order')
      last.set(device, Number(said?.['x-opt-offset']))
    }
    const one = found.find((message) => message.message_id === 'q:7')
    assert.equal(one?.content_type, 'application/json')
    assert.deepEqual({ ...one.application_properties }, { zone: 'é', n: '7' })
    const { content }: { content: Buffer } = one.body
    assert.equal(content.toString(), '{"flow":7}')
    const raw = found.find((message) => message.message_id === 'q:51')
    const { content: bytes }: { content: Buffer } = raw?.body ?? {}
    assert.deepEqual([...bytes], [0, 255, 1])
  })

  test('a server that cannot be reached for a while is tried again, and nothing is lost', async () => {
    await using sink = await open({ address: '/queue/outage' })
    assert.deepEqual(await sink.deliver(testEvents(1, 5), never), { kind: 'ok' })
    await closeWay()
    for (let i = 0; i < 2; i++) assert.equal((await sink.deliver(testEvents(6, 5), never)).kind, 'retry')
    await openWay()
    assert.deepEqual(await sink.deliver(testEvents(6, 5), never), { kind: 'ok' })
    const ids = (await take('/queue/outage', 10)).map((message) => String(message.message_id))
    assert.deepEqual(new Set(ids).size, 10)
  })

  for (const [what, change, mayReach, reason] of [
    ['a wrong password', { passwordSecret: 'wrong' }, true, /./],
    ['an address that is none', { address: '/exchange/none/x' }, true, /not[-_]found|ended|closed/i],
    ['a server of an unknown authority', { ca: undefined }, true, /certificate/],
    ['a server of another name', { host: '127.0.0.3' }, true, /altnames|ECONNREFUSED/],
    ['an address that nobody allowed', {}, false, /private/],
  ] as const)
    test(`waits: ${what}`, async () => {
      await using sink = await open(change, mayReach)
      const delivered = await sink.deliver(testEvents(1, 1), never)
      assert.ok(delivered.kind === 'retry', JSON.stringify(delivered))
      assert.match(delivered.reason, reason)
    })
})
