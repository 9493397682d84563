import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate, createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Agent, get, request } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls'
import { promisify } from 'node:util'
import rhea from 'rhea'
import { WebSocket } from 'ws'
import { systemGrant } from '#access'
import { type DeviceId, parseDeviceId, systemClock, systemRandom } from '#base'
import type { Selector } from '#pki'
import { encode } from '#wire/mqtt'
import { parseRevocationList } from '#wire/x509'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { type Rooms, openRooms } from './rooms.io.ts'

const grant = systemGrant('certificate.issue', 'x')
const run = promisify(execFile)

for (const workers of [0, 2])
  describe(`revocation of a running hub, ${workers} workers`, () => {
    const scope = new AsyncDisposableStack()
    const { signal } = new AbortController()
    let rooms: Rooms
    let folder = ''
    let named = 0

    before(async () => {
      const directory = scope.use(await temporaryDirectory())
      folder = directory.path
      const flags = { data: join(folder, 'data'), 'key-file': join(folder, 'root.key'), workers: `${workers}` }
      const config = parseConfig({ ...flags, 'mqtt-port': '0', 'https-port': '0', 'amqp-port': '0' }, {})
      assert.ok(config.ok)
      await openDataDirectory(config.value.dataDirectory)
      const world = { clock: systemClock, random: systemRandom, log: openLog('error', () => {}), step: () => {}, environment: {} }
      rooms = await openRooms(config.value, randomBytes(8).toString('hex'), true, world, scope, signal)
    })
    after(() => scope.disposeAsync())

    /** A device with a certificate, and how it connects. */
    async function newDevice() {
      const id = parseDeviceId(`pump-${++named}`)
      assert.ok(id.ok)
      await rooms.hub.devices.add(systemGrant('device.write', 'x'), [{ id: id.value, authentication: { type: 'certificateAuthority' } }])
      const issued = await rooms.pki.issueDevice(grant, { deviceId: id.value, generate: true })
      assert.ok(issued.ok && issued.value.privateKeyPem !== undefined)
      const { certificatePem: cert, serial, fingerprintSha256: fingerprint } = issued.value
      return { id: id.value, cert, key: issued.value.privateKeyPem.use((bytes) => bytes.toString()), serial, fingerprint }
    }
    type Made = Awaited<ReturnType<typeof newDevice>>

    async function open(device: Made, more: ConnectionOptions = {}): Promise<TLSSocket> {
      const { cert, key } = device
      const socket = connect({
        port: rooms.gateway.mqttPort,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: rooms.pki.rootPem,
        cert,
        key,
        ...more,
      })
      socket.on('error', () => {})
      scope.defer(() => void socket.destroy())
      await once(socket, 'secureConnect')
      return socket
    }

    async function hello(socket: TLSSocket, device: DeviceId): Promise<number> {
      const packet = { type: 'connect', version: 4, clientId: device, cleanStart: true, keepAliveSeconds: 30 } as const
      socket.write(encode(packet, 4))
      const [answer]: Buffer[] = await once(socket, 'data')
      return answer?.[3] ?? -1
    }

    const issuerOf = async ({ serial }: Made) => {
      const found = await rooms.pki.certificate(systemGrant('device.read', 'x'), serial)
      assert.ok(found.ok)
      return found.value.record.issuer
    }
    const keyOf = ({ cert }: Made) =>
      createHash('sha256')
        .update(new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' }))
        .digest('hex')
    const ways: readonly (readonly [string, (device: Made) => Promise<Selector>])[] = [
      ['serial number', async ({ serial }) => ({ serial })],
      ['fingerprint', async ({ fingerprint }) => ({ fingerprint })],
      ['key', async (device) => ({ key: keyOf(device) })],
      ['device', async ({ id }) => ({ deviceId: id })],
      ['list of devices', async ({ id }) => ({ devices: [id] })],
      ['issuer', async (device) => ({ issuer: await issuerOf(device) })],
    ]
    for (const [name, selector] of ways)
      test(`revoked by ${name}: the session ends with a receipt, and neither a fresh nor a resumed handshake gets past it`, async () => {
        const device = await newDevice()
        const other = await newDevice()
        const socket = await open(device, { maxVersion: 'TLSv1.2' })
        const bystander = await open(other)
        assert.deepEqual([await hello(socket, device.id), await hello(bystander, other.id)], [0, 0])
        const session = socket.getSession()
        const closed = once(socket, 'close')
        const bystanderClosed = once(bystander, 'close')
        const revoked = await rooms.pki.revoke(grant, await selector(device), 'keyCompromise')
        assert.ok(revoked.ok)
        const { proofs, devices } = revoked.value
        const receipt = await rooms.bus.closeSessions({ revoked: proofs, devices, reason: 'revoked' })
        const all = name === 'issuer' ? 2 : 1
        assert.deepEqual([receipt.closed, receipt.of, receipt.transports], [all, all, { mqtts: all }])
        assert.ok(receipt.elapsedMs < 2_000)
        await closed
        // What rested on the issuer has ended too, though its own end may hear of it a moment later.
        if (name === 'issuer') await bystanderClosed
        assert.equal(bystander.destroyed || bystander.readableEnded, name === 'issuer')
        const again = await open(device, { maxVersion: 'TLSv1.2', ...(session === undefined ? {} : { session }) })
        assert.deepEqual([again.isSessionReused(), await hello(again, device.id)], [false, 5])
        const fresh = await open(device)
        assert.equal(await hello(fresh, device.id), 5)
        const gone = bystander.closed ? undefined : once(bystander, 'close')
        bystander.destroy()
        await gone
        for (let turn = 0; turn < 50 && rooms.gateway.openOf(other.id) > 0; turn++)
          await new Promise((resolve) => void setTimeout(resolve, 10))
      })

    test('a session on every transport ends by one order; idle HTTPS is refused at its next word; no listener resumes what was revoked', async () => {
      const { mqttPort, httpsPort, amqpPort } = rooms.gateway
      const tls = {
        host: 'localhost',
        servername: 'localhost',
        ca: rooms.pki.rootPem,
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.2',
      } as const
      const made = await Promise.all(Array.from({ length: 6 }, newDevice))
      const [onTls, onWss, onAmqp, onAmqpWs, onHttps, bystander] = made
      assert.ok(onTls && onWss && onAmqp && onAmqpWs && onHttps && bystander)
      const mqtt = await open(onTls)
      const stays = await open(bystander)
      assert.deepEqual([await hello(mqtt, onTls.id), await hello(stays, bystander.id)], [0, 0])
      const wss = new WebSocket(`wss://localhost:${httpsPort}/$iothub/websocket`, ['mqtt'], { ...tls, cert: onWss.cert, key: onWss.key })
      wss.on('error', () => {})
      await once(wss, 'open')
      wss.send(encode({ type: 'connect', version: 4, clientId: onWss.id, cleanStart: true, keepAliveSeconds: 30 }, 4))
      const [connack]: Buffer[] = await once(wss, 'message')
      assert.equal(connack?.[3], 0)
      const amqpOf = async ({ id, cert, key }: Made, isWebSocket: boolean) => {
        const container = rhea.create_container()
        const options = { ...tls, cert, key, reconnect: false, container_id: id, enable_sasl_external: true, transport: 'tls' } as const
        const socket = container.websocket_connect(WebSocket)
        const url = `wss://localhost:${httpsPort}/$iothub/websocket`
        const client = container.connect(
          isWebSocket
            ? {
                ...options,
                connection_details: () => ({ ...socket(url, ['AMQPWSB10'], { ...tls, cert, key })(), host: 'localhost', port: httpsPort }),
              }
            : { ...options, port: amqpPort },
        )
        for (const quiet of ['connection_error', 'error']) client.on(quiet, () => {})
        client.open_sender(`/devices/${id}/messages/events`)
        await once(client, 'sendable')
        // The reason comes as an error first.
        return { gone: new Promise((resolve) => void client.once('disconnected', resolve)) }
      }
      const amqp = await amqpOf(onAmqp, false)
      const amqpWs = await amqpOf(onAmqpWs, true)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      scope.defer(() => agent.destroy())
      const post = ({ id, cert, key }: Made) =>
        new Promise<readonly [number, boolean]>((resolve, reject) => {
          const path = `/devices/${id}/messages/events?api-version=2021-04-12`
          const asked = request({ ...tls, agent, port: httpsPort, path, method: 'POST', cert, key }, (answer) => {
            answer.resume().on('end', () => resolve([answer.statusCode ?? 0, asked.reusedSocket]))
          })
          asked.on('error', reject).end('{}')
        })
      assert.deepEqual(await post(onHttps), [204, false])
      assert.deepEqual(await post(onHttps), [204, true], 'the connection is kept')
      const ports = [mqttPort, httpsPort, amqpPort]
      const sessions = await Promise.all(ports.map(async (port) => (await open(onTls, { ...tls, port })).getSession()))
      const resumed = () =>
        Promise.all(
          ports.map(async (port, at) => {
            const session = sessions[at]
            return (await open(onTls, { ...tls, port, ...(session === undefined ? {} : { session }) })).isSessionReused()
          }),
        )
      assert.deepEqual(await resumed(), [true, true, true])
      const ends = [once(mqtt, 'close'), once(wss, 'close'), amqp.gone, amqpWs.gone]
      const revoked = await rooms.pki.revoke(
        grant,
        { devices: [onTls, onWss, onAmqp, onAmqpWs, onHttps].map(({ id }) => id) },
        'keyCompromise',
      )
      assert.ok(revoked.ok)
      const { proofs, devices } = revoked.value
      const receipt = await rooms.bus.closeSessions({ revoked: proofs, devices, reason: 'revoked' })
      assert.deepEqual([receipt.closed, receipt.of, receipt.transports], [4, 4, { mqtts: 1, wss: 1, amqps: 1, 'amqp-ws': 1 }])
      await Promise.all(ends)
      assert.deepEqual(await post(onHttps), [401, true], 'nothing of the kept connection is worth anything')
      assert.deepEqual(await resumed(), [false, false, false])
      // A new server certificate brings new contexts to the listeners, and not the keys of before.
      assert.ok((await rooms.pki.ceremony.succeed(systemGrant('pki.administer', 'x'), 'server-issuer')).ok)
      assert.deepEqual(await resumed(), [false, false, false])
      assert.equal(stays.destroyed || stays.readableEnded, false)
      stays.destroy()
    })

    test('an issuer that was revoked is replaced at once, and what the new one issues is good', async () => {
      const device = await newDevice()
      const socket = await open(device)
      assert.equal(await hello(socket, device.id), 0)
    })

    test('every listener staples an answer to its certificate, and OpenSSL shows it', async () => {
      const { mqttPort, httpsPort, amqpPort } = rooms.gateway
      for (const port of [mqttPort, httpsPort, amqpPort]) {
        const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: rooms.pki.rootPem, requestOCSP: true })
        socket.on('error', () => {})
        const [staple]: Buffer[] = await once(socket, 'OCSPResponse')
        socket.destroy()
        assert.ok(staple !== undefined && staple.length > 300, `port ${port}`)
      }
      const root = join(folder, 'root.pem')
      await writeFile(root, rooms.pki.rootPem)
      const asked = run('openssl', [
        's_client',
        '-connect',
        `127.0.0.1:${httpsPort}`,
        '-servername',
        'localhost',
        '-CAfile',
        root,
        '-status',
      ])
      asked.child.stdin?.end()
      const { stdout } = await asked
      assert.match(stdout, /OCSP Response Status: successful/)
      assert.match(stdout, /Cert Status: good/)
      assert.match(stdout, /Verify return code: 0 \(ok\)/)
    })

    test('the lists are on the HTTPS listener, for who has no certificate too', async () => {
      const keyId = await issuerOf(await newDevice())
      const body = await new Promise<Buffer>((resolve, reject) => {
        const path = `/pki/crl/${keyId}/7.crl`
        get({ host: '127.0.0.1', port: rooms.gateway.httpsPort, path, ca: rooms.pki.rootPem, servername: 'localhost' }, (answer) => {
          assert.equal(answer.statusCode, 200)
          answer.once('data', resolve)
        }).on('error', reject)
      })
      assert.ok(parseRevocationList(body).ok)
    })
  })
