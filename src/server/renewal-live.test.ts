import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { type TLSSocket, connect } from 'node:tls'
import { systemGrant } from '#access'
import { parseDeviceId, plus, systemClock, systemRandom } from '#base'
import { encode } from '#wire/mqtt'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { openRooms } from './rooms.io.ts'

const dayMs = 24 * 60 * 60 * 1000

for (const workers of ['0', '2'])
  test(`a renewed server certificate is served on both listeners, and nobody who is connected notices, with ${workers} TLS workers`, async () => {
    await using directory = await temporaryDirectory()
    await using scope = new AsyncDisposableStack()
    const { signal } = new AbortController()
    const config = parseConfig(
      {
        data: join(directory.path, 'data'),
        'key-file': join(directory.path, 'root.key'),
        'mqtt-port': '0',
        'https-port': '0',
        'amqp-port': '0',
        workers,
      },
      {},
    )
    const id = parseDeviceId('pump-1')
    assert.ok(config.ok && id.ok)
    await openDataDirectory(config.value.dataDirectory)
    // The hub was opened seventy days ago: its ninety-day certificate is due.
    let behindMs = 70 * dayMs
    const clock = { ...systemClock, now: () => plus(systemClock.now(), -behindMs) }
    const world = { clock, random: systemRandom, log: openLog('error', () => {}), step: () => {}, environment: {} }
    const { pki, hub, gateway } = await openRooms(config.value, randomBytes(8).toString('hex'), true, world, scope, signal)
    behindMs = 0
    await hub.devices.add(systemGrant('device.write', 'x'), [{ id: id.value, authentication: { type: 'certificateAuthority' } }])
    const issued = await pki.issueDevice(systemGrant('certificate.issue', 'x'), { deviceId: id.value, generate: true })
    assert.ok(issued.ok && issued.value.privateKeyPem !== undefined)
    const { certificatePem: cert, privateKeyPem } = issued.value
    const key = privateKeyPem.use((bytes) => bytes.toString())
    const dial = async (port: number): Promise<TLSSocket> => {
      const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: pki.rootPem, cert, key })
      await once(socket, 'secureConnect')
      return socket
    }
    const served = async (port: number) => {
      const socket = await dial(port)
      const print = socket.getPeerX509Certificate()?.fingerprint256
      socket.destroy()
      return print
    }
    const ports = [gateway.mqttPort, gateway.httpsPort]
    const before = await Promise.all(ports.map(served))
    const device = await dial(gateway.mqttPort)
    device.write(encode({ type: 'connect', version: 4, clientId: 'x', cleanStart: true, keepAliveSeconds: 60 }, 4))
    const [connack] = await once(device, 'data')
    assert.equal(connack.toString('hex'), '20020000')

    const renewed = await pki.renewServerIfDue(clock.now())
    assert.deepEqual(renewed, { ok: true, value: true })
    const after = await Promise.all(ports.map(served))
    assert.equal(before[0], before[1])
    assert.equal(after[0], after[1])
    assert.notEqual(after[0], before[0])

    device.write(
      encode(
        {
          type: 'publish',
          topic: 'devices/pump-1/messages/events/',
          payload: Buffer.from('x'),
          qos: 1,
          retain: false,
          dup: false,
          packetId: 7,
        },
        4,
      ),
    )
    const [puback] = await once(device, 'data')
    assert.equal(puback.toString('hex'), '40020007')
    device.destroy()
  })
