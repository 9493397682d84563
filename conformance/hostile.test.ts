import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, beforeEach, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { generate } from 'mqtt-packet'
import { HubProcess, type TestDevice } from './hub.ts'
import { RawClient, connackOf, connectPacket, transports } from './raw-client.ts'
import { within } from './until.ts'

/** Repeats a run by its seed. */
const seed = Number(process.env['THINGWALL_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

// TLS in the thread of the engine, and in threads of its own.
for (const workers of ['0', '2'])
  describe(`hostile bytes, with ${workers} TLS workers`, () => {
    let hub: HubProcess
    let device: TestDevice
    let pid = 0

    before(async () => {
      hub = await HubProcess.open({ arguments: ['--workers', workers] })
      device = await hub.addDevice('suspect')
      pid = hub.pid
    })
    /** Whatever the test before did, the same process still serves. */
    const alive = async (): Promise<void> => {
      assert.equal(hub.pid, pid)
      assert.equal((await hub.api('GET', '/healthz')).status, 200)
    }
    beforeEach(alive)
    after(async () => {
      await alive()
      await hub[Symbol.asyncDispose]()
    })

    const pair = () => ({ cert: device.cert, key: device.key })

    for (const transport of transports) {
      test(`${transport}: a keep alive of zero or too much becomes ours, and MQTT 5 is told [MQTT-3.2.2-21] (CVE-2020-13849)`, async () => {
        for (const keepalive of [0, 65_535]) {
          using client = await RawClient.open(hub, transport, pair(), 5)
          client.send(connectPacket('slow', { protocolVersion: 5, keepalive }))
          const answer = await client.next()
          assert.equal(answer?.cmd === 'connack' ? answer.properties?.serverKeepAlive : answer?.cmd, 1_177)
        }
      })

      test(`${transport}: a will outside the policy is refused at CONNECT, in both versions`, async () => {
        for (const topic of ['devices/other/x', '$SYS/x', '$CONTROL/x', 'devices', 'x/devices/suspect']) {
          const will = { topic, payload: Buffer.from('x'), qos: 1 as const, retain: false }
          assert.equal(await connackOf(hub, transport, pair(), connectPacket('will', { will })), 5, topic)
          assert.equal(await connackOf(hub, transport, pair(), connectPacket('will', { will, protocolVersion: 5 })), 135, topic)
        }
      })

      test(`${transport}: random bytes after a good CONNECT never stop the hub [seed ${seed}]`, async () => {
        let state = seed >>> 0 || 1
        const random = (below: number): number => {
          state ^= state << 13
          state ^= state >>> 17
          state ^= state << 5
          return (state >>> 0) % below
        }
        for (let round = 0; round < 60; round++) {
          using client = await RawClient.open(hub, transport, pair(), round % 2 === 0 ? 4 : 5)
          client.send(connectPacket('fuzz', { protocolVersion: round % 2 === 0 ? 4 : 5 }))
          assert.equal((await client.next())?.cmd, 'connack')
          const packet = generate({
            cmd: 'publish',
            topic: 'devices/suspect/a',
            payload: Buffer.alloc(random(200), 0x61),
            qos: 1,
            messageId: 1,
            dup: false,
            retain: false,
          })
          for (let flips = 1 + random(4); flips > 0; flips--) packet[random(packet.length)] = random(256)
          client.send(round % 3 === 0 ? Buffer.from(Array.from({ length: 1 + random(400) }, () => random(256))) : packet)
          client.send(Buffer.from('c000', 'hex'))
          await client.next(500).catch(() => undefined)
        }
      })

      test(`${transport}: packets do not depend on how they were cut into writes or frames`, async () => {
        const connect = generate(connectPacket('cut'))
        const ping = Buffer.from('c000', 'hex')
        using bytewise = await RawClient.open(hub, transport, pair())
        for (const byte of connect) bytewise.send(Buffer.of(byte))
        assert.equal((await bytewise.next())?.cmd, 'connack')
        using merged = await RawClient.open(hub, transport, pair())
        merged.send(Buffer.concat([connect, ping, ping, ping.subarray(0, 1)]))
        merged.send(ping.subarray(1))
        const answers = [await merged.next(), await merged.next(), await merged.next(), await merged.next()].map((packet) => packet?.cmd)
        assert.deepEqual(answers, ['connack', 'pingresp', 'pingresp', 'pingresp'])
      })

      test(`${transport}: hostile SNI and ALPN never stop the hub (CVE-2026-21637)`, async () => {
        const port = transport === 'mqtts' ? hub.ports.mqtt : hub.ports.https
        const names = ['__proto__', 'constructor', 'a'.repeat(250), 'xn--', '*.localhost', 'localhost.', '..', 'a b', '%00', 'LOCALHOST']
        const protocols = [['h2'], ['__proto__'], ['x'.repeat(255)], ['mqtt', 'http/1.1'], Array.from({ length: 100 }, (_, i) => `p${i}`)]
        for (const servername of names)
          for (const ALPNProtocols of protocols) {
            const socket = connectTls({ host: '127.0.0.1', port, servername, ALPNProtocols, rejectUnauthorized: false })
            socket.on('error', () => undefined)
            await within(
              'an answer to the handshake',
              10_000,
              Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => undefined),
            )
            socket.destroy()
          }
      })
    }

    test('a WebSocket upgrade with thousands of headers or a monstrous sub-protocol is refused (CVE-2024-37890, CVE-2021-32640)', async () => {
      const upgrade = (more: string): string =>
        `GET /$iothub/websocket HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${Buffer.alloc(16).toString('base64')}\r\n${more}\r\n`
      const requests: readonly (readonly [request: string, answer: RegExp])[] = [
        [upgrade('sec-websocket-protocol: mqtt\r\n'), /^HTTP\/1\.1 101 /],
        [upgrade(Array.from({ length: 2_001 }, (_, i) => `x${i}: y\r\n`).join('')), /^(HTTP\/1\.1 4\d\d |$)/],
        [upgrade(`sec-websocket-protocol: ${', '.repeat(4_000)}\r\n`), /^(HTTP\/1\.1 4\d\d |$)/],
        [upgrade(`sec-websocket-protocol: a${' '.repeat(8_000)}b\r\n`), /^(HTTP\/1\.1 4\d\d |$)/],
        [upgrade('__proto__: x\r\nconstructor: y\r\nsec-websocket-protocol: __proto__\r\n'), /^HTTP\/1\.1 400 /],
        [upgrade('sec-websocket-protocol: amqp\r\n'), /^HTTP\/1\.1 400 /],
        [upgrade('sec-websocket-protocol: mqtt\r\norigin: https://evil.example\r\n'), /^HTTP\/1\.1 403 /],
        ['GET /../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n', /^HTTP\/1\.1 404 /],
        ['GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n', /^(HTTP\/1\.1 4\d\d |$)/],
        [`\0\0\0${'x'.repeat(40_000)}`, /^(HTTP\/1\.1 4\d\d |$)/],
      ]
      for (const [request, answer] of requests) {
        const socket = connectTls({ host: '127.0.0.1', port: hub.ports.https, servername: 'localhost', ca: hub.rootPem })
        let said = ''
        socket.on('error', () => undefined)
        socket.setEncoding('latin1').on('data', (text) => (said += text))
        await once(socket, 'secureConnect')
        socket.write(request)
        await within(
          'an answer',
          15_000,
          Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => undefined),
        )
        socket.destroy()
        assert.match(said, answer, JSON.stringify(request.slice(0, 200)))
        await alive()
      }
    })
  })
