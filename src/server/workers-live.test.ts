import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls'
import { Worker } from 'node:worker_threads'
import { systemGrant } from '#access'
import { type DeviceId, parseDeviceId, systemClock, systemRandom } from '#base'
import { FrameReader, type MqttPacket, encode } from '#wire/mqtt'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { type Rooms, openRooms } from './rooms.io.ts'

type Pair = { readonly cert: string; readonly key: string }

/** Resolves when `reached` says so; asks after every turn in which something may have happened. */
async function until(what: string, reached: () => boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!reached()) {
    assert.ok(performance.now() < end, `${what} did not come about`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A client on a raw TLS socket. */
class Client implements Disposable {
  readonly socket: TLSSocket
  readonly packets: MqttPacket[] = []
  session: Buffer | undefined
  isClosed = false
  readonly #reader = new FrameReader({ role: 'client', version: 4 })

  constructor(options: ConnectionOptions) {
    this.#reader.allow(1024 * 1024)
    this.socket = connect({ host: '127.0.0.1', servername: 'localhost', ...options })
    this.socket.on('error', () => {})
    this.socket.on('session', (session: Buffer) => (this.session = session))
    this.socket.on('close', () => (this.isClosed = true))
    this.socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk)
      for (let next = this.#reader.next(); next !== undefined; next = this.#reader.next()) {
        assert.notEqual(next.type, 'malformed')
        if (next.type !== 'malformed') this.packets.push(next)
      }
    })
  }

  async open(clientId: string): Promise<this> {
    await Promise.race([once(this.socket, 'secureConnect'), once(this.socket, 'close')])
    this.socket.write(encode({ type: 'connect', version: 4, clientId, cleanStart: true, keepAliveSeconds: 60 }, 4))
    await until('an answer to CONNECT', () => this.packets.length > 0 || this.isClosed)
    const answer = this.packets.shift()
    assert.equal(answer?.type === 'connack' ? answer.reasonCode : answer?.type, 0)
    return this
  }

  publish(topic: string, payload: Buffer, packetId: number): void {
    this.socket.write(encode({ type: 'publish', topic, payload, qos: 1, retain: false, dup: false, packetId }, 4))
  }

  acknowledged(): number {
    return this.packets.filter(({ type }) => type === 'puback').length
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

for (const workers of [0, 2])
  describe(`MQTT over TLS, ${workers === 0 ? 'in one thread' : `in ${workers} workers`}`, () => {
    const scope = new AsyncDisposableStack()
    const threads: Worker[] = []
    const log: string[] = []
    const { signal } = new AbortController()
    let rooms: Rooms
    let device: DeviceId
    let pair: Pair
    let next = 1

    const started = (worker: Worker) => threads.push(worker)

    before(async () => {
      process.on('worker', started)
      const directory = scope.use(await temporaryDirectory())
      const flags = { data: join(directory.path, 'data'), 'key-file': join(directory.path, 'root.key'), workers: `${workers}` }
      const config = parseConfig({ ...flags, 'mqtt-port': '0', 'https-port': '0', 'amqp-port': '0' }, {})
      const id = parseDeviceId('pump-1')
      assert.ok(config.ok && id.ok)
      device = id.value
      await openDataDirectory(config.value.dataDirectory)
      const world = {
        clock: systemClock,
        random: systemRandom,
        log: openLog('error', (line) => log.push(line)),
        step: () => {},
        environment: {},
      }
      rooms = await openRooms(config.value, randomBytes(8).toString('hex'), true, world, scope, signal)
      await rooms.hub.devices.add(systemGrant('device.write', 'x'), [{ id: device, authentication: { type: 'certificateAuthority' } }])
      pair = await issue()
    })
    after(async () => {
      await scope.disposeAsync()
      process.off('worker', started)
    })

    async function issue(): Promise<Pair> {
      const issued = await rooms.pki.issueDevice(systemGrant('certificate.issue', 'x'), { deviceId: device, generate: true })
      assert.ok(issued.ok && issued.value.privateKeyPem !== undefined)
      return { cert: issued.value.certificatePem, key: issued.value.privateKeyPem.use((bytes) => bytes.toString()) }
    }
    const client = (more: ConnectionOptions = {}): Client =>
      new Client({ port: rooms.gateway.mqttPort, ca: rooms.pki.rootPem, ...pair, ...more })
    const opened = (more: ConnectionOptions = {}): Promise<Client> => client(more).open(`c${next++}`)
    const refused = (code: string): number => rooms.gateway.counters.refused.get(code) ?? 0

    test('bytes of any length come through whole and in order, both ways', async () => {
      using subscriber = await opened()
      using publisher = await opened()
      subscriber.socket.write(
        encode(
          {
            type: 'subscribe',
            packetId: 1,
            subscriptions: [{ filter: 'devices/pump-1/big/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
          },
          4,
        ),
      )
      await until('SUBACK', () => subscriber.packets.length === 1)
      const sizes = [0, 1, 127, 16_384, 65_536, 131_073, 250_000]
      for (const [index, size] of sizes.entries())
        publisher.publish('devices/pump-1/big/x', Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + index) % 253)), index + 1)
      await until('every PUBACK', () => publisher.acknowledged() === sizes.length)
      await until('every delivery', () => subscriber.packets.length === sizes.length + 1)
      const payloads = subscriber.packets.flatMap((packet) => (packet.type === 'publish' ? [packet.payload] : []))
      assert.deepEqual(
        payloads.map((payload, index) => payload.every((byte, at) => byte === (at * 7 + index) % 253) && payload.length),
        sizes.map((size) => (size === 0 ? 0 : size)),
      )
    })

    test('a session is resumed whichever thread has the socket, and the certificate still counts', async () => {
      using first = await opened()
      await until('a ticket', () => first.session !== undefined)
      const { session } = first
      const before = rooms.gateway.counters.resumptions
      for (let round = 0; round < 6; round++) {
        using again = await opened(session === undefined ? {} : { session })
        assert.equal(again.socket.isSessionReused(), true)
      }
      assert.equal(rooms.gateway.counters.resumptions - before, 6)
    })

    test('a handshake that fails is recorded with who it was, and nobody stays counted as a stranger', async () => {
      const before = refused('gateway/plaintext') + refused('gateway/tls-version')
      const plain = connectTcp(rooms.gateway.mqttPort, '127.0.0.1')
      plain.on('error', () => {})
      plain.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
      using old = client({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })
      await until('both to be refused', () => refused('gateway/plaintext') + refused('gateway/tls-version') === before + 2)
      await until('the old client to be closed', () => old.isClosed)
      plain.destroy()
      await until('no stranger is left', () => rooms.gateway.strangers === 0)
    })

    test('ending the sessions of a device says how many were closed, and no ticket from before is taken', async () => {
      await using all = new AsyncDisposableStack()
      const clients = await Promise.all(Array.from({ length: 3 }, () => opened()))
      for (const one of clients) all.defer(() => one[Symbol.dispose]())
      await until('a ticket', () => clients[0]?.session !== undefined)
      const session = clients[0]?.session
      await until('the sessions of earlier tests are gone', () => rooms.gateway.openOf(device) === 3)
      const receipt = await rooms.bus.closeSessions({ device, reason: 'revoked' })
      assert.deepEqual([receipt.closed, receipt.of, receipt.transports], [3, 3, { mqtts: 3 }])
      await until('all to notice', () => clients.every(({ isClosed }) => isClosed))
      using again = await opened(session === undefined ? {} : { session })
      assert.equal(again.socket.isSessionReused(), false)
    })

    test('what waits for a client that does not read is bounded, and it is served again when it reads', async () => {
      using reader = await opened()
      reader.socket.write(
        encode(
          {
            type: 'subscribe',
            packetId: 1,
            subscriptions: [{ filter: 'devices/pump-1/flood', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
          },
          4,
        ),
      )
      await until('SUBACK', () => reader.packets.length === 1)
      reader.socket.pause()
      using flood = await opened()
      for (let at = 0; at < 400; at++) flood.publish('devices/pump-1/flood', Buffer.alloc(200_000), at + 1)
      await until('every PUBACK', () => flood.acknowledged() === 400)
      const deliveries = () => reader.packets.flatMap((packet) => (packet.type === 'publish' ? [packet.payload.length] : []))
      reader.socket.resume()
      // Sent again until it gets through: while too much waits for a client, QoS 0 is dropped.
      await until('room again', () => {
        flood.publish('devices/pump-1/flood', Buffer.from('last'), 1)
        return deliveries().includes(4)
      })
      const kept = deliveries().filter((length) => length > 4).length
      assert.ok(kept > 3 && kept < 200, `${kept} of 400 were kept for who did not read`)
    })

    if (workers > 0)
      test('a worker that dies takes its own connections with it and nothing else; another takes its place', async () => {
        const mine = threads.slice(-workers)
        const clients = await Promise.all(Array.from({ length: 6 }, () => opened()))
        const open = rooms.gateway.open
        await mine[0]?.terminate()
        await until('its connections are lost', () => clients.filter(({ isClosed }) => isClosed).length === 3)
        await until('and counted', () => rooms.gateway.open === open - 3)
        assert.match(log.join('\n'), /worker ended/)
        for (const one of clients.filter(({ isClosed }) => !isClosed)) {
          one.publish('devices/pump-1/messages/events/', Buffer.from('x'), 9)
          await until('the others go on', () => one.acknowledged() === 1)
        }
        using more = await opened()
        more.publish('devices/pump-1/messages/events/', Buffer.from('x'), 1)
        await until('new ones are served', () => more.acknowledged() === 1)
        await until('there are two again', () => threads.length > workers)
        for (const one of clients) one[Symbol.dispose]()
      })

    test('the door closes with clients connected: each is told, and nothing hangs', async () => {
      using last = await opened()
      const began = performance.now()
      await rooms.gateway[Symbol.asyncDispose]()
      await until('the client is closed', () => last.isClosed)
      assert.ok(performance.now() - began < 5_000)
      assert.equal(rooms.gateway.open, 0)
      assert.equal(rooms.gateway.strangers, 0)
    })
  })
