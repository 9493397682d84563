import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import mqtt from 'mqtt'
import { Secret, systemClock, systemRandom } from '#base'
import type { RoutedEvent } from '#egress'
import { makeTls, openFolder } from '../../../test/endpoint-scene.ts'
import { mqttKind } from './mqtt.io.ts'
import { parseMqtt, topicOf } from './mqtt.ts'

const event = (offset: number, device = 'pump-1'): RoutedEvent => ({
  offset,
  time: systemClock.now(),
  source: 'DeviceMessages',
  device,
  module: undefined,
  system: { 'content-type': 'text/plain' },
  properties: { level: 'hot' },
  body: Buffer.from(`m${offset}`),
})
const signal = new AbortController().signal
const hasBroker = spawnSync('mosquitto', ['-h']).error === undefined

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

test(
  'a real broker gets every event with a client certificate, over a time that it is away',
  { skip: hasBroker ? false : 'no mosquitto here' },
  async () => {
    using folder = openFolder()
    const tls = makeTls(folder.path)
    const port = await freePort()
    const config = join(folder.path, 'mosquitto.conf')
    const lines = [
      `listener ${port} 127.0.0.1`,
      `cafile ${tls.path('ca.pem')}`,
      `certfile ${tls.path('server.pem')}`,
      `keyfile ${tls.path('server.key')}`,
      // As root it would become another user, who may not read the key.
      `user ${userInfo().username}`,
      'require_certificate true',
      'use_identity_as_username true',
      'allow_anonymous false',
      'max_inflight_messages 0',
      'max_queued_messages 0',
    ]
    writeFileSync(config, `${lines.join('\n')}\n`)
    const start = async (): Promise<ChildProcess> => {
      const child = spawn('mosquitto', ['-c', config], { stdio: 'ignore' })
      await pause(500)
      return child
    }
    const end = async (child: ChildProcess) => {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill()
      await gone
    }
    let broker = await start()
    const settings = parseMqtt({
      host: 'localhost',
      port,
      ca: tls.ca,
      clientCertificate: tls.client.cert,
      clientKeySecret: 'key',
      topic: 'from/{endpoint}/{device}',
      payload: 'body',
    })
    assert.ok(settings.ok, JSON.stringify(settings))
    const ports = {
      clock: systemClock,
      random: systemRandom,
      secret: () => new Secret(Buffer.from(tls.client.key)),
      mayReach: () => true,
      directory: '/nowhere',
    }
    const heard: string[] = []
    const options = { ca: tls.ca, cert: tls.client.cert, key: tls.client.key, protocolVersion: 5, clientId: 'reader' } as const
    const listen = async () => {
      const reader = await mqtt.connectAsync(`mqtts://localhost:${port}`, options, false)
      reader.on('message', (topic, payload, { properties }) => {
        heard.push(`${topic} ${payload.toString()} ${String(properties?.userProperties?.['level'])}`)
      })
      await reader.subscribeAsync('from/#', { qos: 1 })
      return reader
    }
    try {
      let reader = await listen()
      await using sink = await mqttKind.open('out', settings.value, ports)
      assert.deepEqual(await sink.deliver([event(1), event(2, 'a#b+c')], signal), { kind: 'ok' })
      await end(broker)
      await reader.endAsync(true)
      assert.equal((await sink.deliver([event(3)], signal)).kind, 'retry')
      broker = await start()
      reader = await listen()
      assert.deepEqual(await sink.deliver([event(3)], signal), { kind: 'ok' })
      for (let i = 0; i < 100 && heard.length < 3; i++) await pause(20)
      await reader.endAsync(true)
      assert.deepEqual(heard, ['from/out/pump-1 m1 hot', 'from/out/a%23b%2Bc m2 hot', 'from/out/pump-1 m3 hot'])
    } finally {
      await end(broker)
    }
  },
)

test('a device cannot name itself into another topic', () => {
  const names = ['../x', 'a/b', '#', '+', '%2F', 'a\u0000b']
  assert.deepEqual(
    names.map((name) => topicOf('t/{device}', 'e', event(1, name))),
    ['t/..%2Fx', 't/a%2Fb', 't/%23', 't/%2B', 't/%252F', 't/a%00b'],
  )
  for (const topic of ['a/#', '+/b', '$SYS/x', '']) assert.equal(parseMqtt({ host: 'b.example', topic }).ok, false, topic)
})
