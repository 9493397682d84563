import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { SignJWT } from 'jose'
import { systemGrant } from '#access'
import { type DeviceId, type Instant, instant, parseDeviceId, plus, systemClock, systemRandom } from '#base'
import { signSharedAccess } from '#wire/azure'
import { type ConnectPacket, FrameReader, type MqttPacket, type Properties, type ProtocolVersion, encode } from '#wire/mqtt'
import { encodePem, oids } from '#wire/x509'
import { type Party, make } from '../../test/throwaway-ca.ts'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { openRooms } from './rooms.io.ts'

/*
 * A whole hub in this process, real TLS, a real webhook, real tokens: what the documents and settings say about authentication is what clients meet.
 */

const started = Date.now()
const valid = { notBefore: instant(started - 3_600_000), notAfter: instant(started + 30 * 86_400_000) }
const authority = make({ name: 'Contoso Root', ca: { pathLength: 1 }, ...valid })
const issuer = make({ name: 'Contoso Line 7', by: authority, ca: { pathLength: 0 }, ...valid })
const stranger = make({ name: 'Contoso Root', ca: { pathLength: 1 }, ...valid })
const webhookParty = make({ name: 'localhost', by: authority, extendedKeyUsage: [oids.serverAuth], ...valid })
const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const accountName = 'system:serviceaccount:plant:historian'
const pem = (party: Party) => encodePem('CERTIFICATE', party.der)
const keyPem = (party: Party) => party.key.export({ type: 'pkcs8', format: 'pem' })
const clientTls = (party: Party, ...chain: readonly Party[]) => ({ cert: [party, ...chain].map(pem).join(''), key: keyPem(party) })
const leaf = (name: string, by: Party = issuer) => make({ name, by, ...valid })

const policy = `apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthorization
metadata: {name: plant-rules}
spec:
  authorizationPolicies:
    rules:
    - principals: {usernames: [smart-lock, alice], attributes: [{city: seattle}]}
      brokerResources:
      - {method: Connect}
      - {method: Publish, topics: ["plant/{principal.username}/#"]}
    - principals: {attributes: [{group: authz-sat}]}
      brokerResources:
      - {method: Connect}
      - {method: Subscribe, topics: ["plant/#"]}
`

type Given = { readonly methods: string; readonly settings?: string; readonly extra?: string }

/** A hub with these authentication methods, and a clock that the test can move. */
async function openHub(given: Given) {
  await using scope = new AsyncDisposableStack()
  const directory = scope.use(await temporaryDirectory())
  const file = (name: string, text: string) => writeFileSync(join(directory.path, name), text, { mode: 0o600 })
  const indented = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => `    ${line}`)
      .join('\n')
  file(
    'authentication.yaml',
    `apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata: {name: plant}
spec:
  authenticationMethods:
${given.methods}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: client-ca}
data:
  root.pem: |
${indented(pem(authority))}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: historian
  namespace: plant
  annotations: {aio-broker-auth/group: authz-sat}
`,
  )
  file('keys.json', JSON.stringify({ keys: [{ ...signer.publicKey.export({ format: 'jwk' }), kid: 'k1' }] }))
  const documents = given.methods === '' ? '' : '  documents: [authentication.yaml]\n'
  const accounts = '  serviceAccounts: {issuer: "https://kubernetes.default.svc", keys: keys.json}\n'
  file('settings.yaml', `authentication:\n${documents}${accounts}${given.settings ?? ''}broker: {deniedDelaySeconds: 0}\n`)
  const config = parseConfig(
    {
      data: join(directory.path, 'data'),
      'key-file': join(directory.path, 'root.key'),
      config: join(directory.path, 'settings.yaml'),
      'mqtt-port': '0',
      'https-port': '0',
      'amqp-port': '0',
    },
    {},
  )
  assert.ok(config.ok, JSON.stringify(config))
  await openDataDirectory(config.value.dataDirectory)
  let aheadMs = 0
  const clock = { ...systemClock, now: () => plus(systemClock.now(), aheadMs) }
  const world = { clock, random: systemRandom, log: openLog('error', () => {}), step: () => {}, environment: {} }
  const rooms = await openRooms(config.value, randomBytes(8).toString('hex'), true, world, scope, new AbortController().signal)
  const applied = await rooms.policies.apply(systemGrant('policy.write', 'x'), { apply: policy })
  assert.ok(applied.ok, JSON.stringify(applied))
  const opened = scope.move()
  return {
    ...rooms,
    now: (): Instant => clock.now(),
    advance: (ms: number) => void (aheadMs += ms),
    dial: (version: ProtocolVersion, tls: { readonly cert?: string; readonly key?: string } = {}) =>
      Client.dial(rooms.gateway.mqttPort, rooms.pki.rootPem, version, tls),
    async addDevice(name: string, type: 'certificateAuthority' | 'sas' = 'certificateAuthority') {
      const id = deviceId(name)
      const added = await rooms.hub.devices.add(systemGrant('device.write', 'x'), [{ id, authentication: { type } }])
      assert.ok(added.ok, JSON.stringify(added))
      return id
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function deviceId(name: string): DeviceId {
  const id = parseDeviceId(name)
  assert.ok(id.ok)
  return id.value
}

/** A client that speaks our own codec over real TLS. */
class Client implements Disposable {
  readonly #socket: TLSSocket
  readonly #reader: FrameReader
  readonly #version: ProtocolVersion
  readonly #packets: MqttPacket[] = []
  #wake: () => void = () => {}
  #closed = false

  private constructor(socket: TLSSocket, version: ProtocolVersion) {
    this.#socket = socket
    this.#version = version
    this.#reader = new FrameReader({ role: 'client', version })
    this.#reader.allow(100_000)
    socket.on('data', (bytes: Buffer) => {
      this.#reader.push(Buffer.from(bytes))
      for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
        assert.notEqual(packet.type, 'malformed')
        if (packet.type !== 'malformed') this.#packets.push(packet)
      }
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  static async dial(port: number, ca: string, version: ProtocolVersion, tls: object): Promise<Client> {
    const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca, ...tls })
    await once(socket, 'secureConnect')
    return new Client(socket, version)
  }

  send(packet: MqttPacket): void {
    this.#socket.write(encode(packet, this.#version))
  }

  /** The next packet, or `closed`. */
  async next(): Promise<MqttPacket | 'closed'> {
    for (;;) {
      const packet = this.#packets.shift()
      if (packet !== undefined) return packet
      if (this.#closed) return 'closed'
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Sends a CONNECT; the reason code of the CONNACK, or how it ended. */
  async connect(clientId: string, more: Partial<ConnectPacket> = {}): Promise<number | string> {
    const fixed = { type: 'connect', version: this.#version, clientId, cleanStart: true, keepAliveSeconds: 60 } as const
    this.send({ ...fixed, username: undefined, password: undefined, will: undefined, properties: undefined, ...more })
    const answer = await this.next()
    return answer === 'closed' || answer.type !== 'connack' ? 'closed' : answer.reasonCode
  }

  /** Publishes with QoS 1; the reason code of the PUBACK. */
  async publish(topic: string): Promise<number | string> {
    this.send({ type: 'publish', topic, payload: Buffer.from('x'), qos: 1, retain: false, dup: false, packetId: 1 })
    const answer = await this.next()
    return answer === 'closed' || answer.type !== 'puback' ? 'closed' : answer.reasonCode
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

const saidOf = (packet: MqttPacket | 'closed') =>
  packet === 'closed' ? 'closed' : `${packet.type} ${'reasonCode' in packet ? packet.reasonCode : ''}`

const x509 = `  - method: X509
    x509Settings:
      trustedClientCaCert: client-ca
      authorizationAttributes:
        line7: {subject: "CN = Contoso Line 7", attributes: {city: seattle}}
`

test('method X509: a certificate of the trusted authority is its common name; everyone else is who they were (edge.md 1.6)', async () => {
  await using hub = await openHub({ methods: x509 })
  using lock = await hub.dial(5, clientTls(leaf('smart-lock'), issuer))
  assert.equal(await lock.connect('c1', { username: 'somebody-else' }), 0)
  assert.equal(await lock.publish('plant/smart-lock/state'), 0)
  assert.equal(await lock.publish('plant/other/state'), 0x87)
  const [live] = hub.gateway.connections()
  assert.equal(live?.device, 'x509:smart-lock')

  using byAttribute = await hub.dial(4, clientTls(leaf('pump-7'), issuer))
  assert.equal(await byAttribute.connect('c2'), 0, 'the attributes of the intermediate')
  using foreign = await hub.dial(5, clientTls(leaf('smart-lock', stranger), stranger))
  assert.equal(await foreign.connect('c3'), 0x87)
  using nobody = await hub.dial(5)
  assert.equal(await nobody.connect('c4', { username: 'alice', password: Buffer.from('x') }), 0x87)
})

test('a certificate of a trusted authority in the name of a registered device is not that device', async () => {
  await using hub = await openHub({ methods: x509 })
  const id = await hub.addDevice('pump-1')
  const issued = await hub.pki.issueDevice(systemGrant('certificate.issue', 'x'), { deviceId: id, generate: true })
  assert.ok(issued.ok && issued.value.privateKeyPem !== undefined)
  const own = { cert: issued.value.certificatePem, key: issued.value.privateKeyPem.use((bytes) => bytes.toString()) }
  using device = await hub.dial(5, own)
  assert.equal(await device.connect('shared'), 0)
  using impostor = await hub.dial(5, clientTls(leaf('pump-1'), issuer))
  assert.equal(await impostor.connect('shared'), 0, 'its attributes let it in, under its own identity')
  assert.equal(await impostor.publish('devices/pump-1/messages/events/'), 0x87)
  assert.equal(await device.publish('devices/pump-1/messages/events/'), 0, 'and the device was not taken over')
  assert.deepEqual(new Set(hub.gateway.connections().map((one) => one.device)), new Set(['pump-1', 'x509:pump-1']))
})

test('additionalValidation: the name must be an enabled device, and disabling it ends the session (edge.md 1.6, 9)', async () => {
  await using hub = await openHub({
    methods: x509.replace('      trusted', '      additionalValidation: AzureDeviceRegistry\n      trusted'),
  })
  using unknown = await hub.dial(5, clientTls(leaf('smart-lock'), issuer))
  assert.equal(await unknown.connect('c1'), 0x87)
  const id = await hub.addDevice('smart-lock')
  using known = await hub.dial(5, clientTls(leaf('smart-lock'), issuer))
  assert.equal(await known.connect('c1'), 0)
  const changed = await hub.hub.devices.update(systemGrant('device.write', 'x'), id, { status: 'disabled' })
  assert.ok(changed.ok && changed.value.receipt?.closed === 1)
  assert.match(saidOf(await known.next()), /^disconnect/)
})

const tokens = `  - method: ServiceAccountToken
    serviceAccountTokenSettings: {audiences: [aio-internal]}
`
const tokenFor = (sub: string, from: Instant, seconds: number, aud = 'aio-internal') => {
  const at = Math.floor(from / 1000)
  const claims = { iss: 'https://kubernetes.default.svc', sub, aud: [aud], iat: at, nbf: at, exp: at + seconds }
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(signer.privateKey)
}
const withToken = (token: string): { readonly properties: Properties } => ({
  properties: { authenticationMethod: 'K8S-SAT', authenticationData: Buffer.from(token) },
})

test('method ServiceAccountToken: connects, authenticates again, and ends with its token, without DISCONNECT (edge.md 1.8, 1.9)', async () => {
  await using hub = await openHub({ methods: tokens })
  using wrong = await hub.dial(5)
  assert.equal(await wrong.connect('c0', withToken(await tokenFor(accountName, hub.now(), 600, 'api'))), 0x87)
  using unknownMethod = await hub.dial(5)
  assert.equal(await unknownMethod.connect('c0', { properties: { authenticationMethod: 'SCRAM-SHA-1' } }), 0x8c)

  using client = await hub.dial(5)
  assert.equal(await client.connect('c1', withToken(await tokenFor(accountName, hub.now(), 600))), 0)
  assert.equal(hub.gateway.connections()[0]?.device, `sat:${accountName}`)
  hub.advance(500_000)
  const properties = { authenticationMethod: 'K8S-SAT', authenticationData: Buffer.from(await tokenFor(accountName, hub.now(), 600)) }
  client.send({ type: 'auth', reasonCode: 0x19, properties })
  assert.equal(saidOf(await client.next()), 'auth 0')
  hub.advance(500_000)
  client.send({ type: 'pingreq' })
  assert.equal(saidOf(await client.next()).trim(), 'pingresp', 'past the first end, before the second')
  hub.advance(200_000)
  assert.equal(await client.next(), 'closed')
})

test('authenticating again as somebody else, or by another method, ends the connection (edge.md 1.9)', async () => {
  await using hub = await openHub({ methods: tokens })
  const connected = async () => {
    const client = await hub.dial(5)
    assert.equal(await client.connect('c1', withToken(await tokenFor(accountName, hub.now(), 600))), 0)
    return client
  }
  using other = await connected()
  const token = Buffer.from(await tokenFor('system:serviceaccount:plant:mallory', hub.now(), 600))
  other.send({ type: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'K8S-SAT', authenticationData: token } })
  assert.equal(saidOf(await other.next()), 'disconnect 135')
  using changed = await connected()
  changed.send({ type: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'otp', authenticationData: token } })
  assert.equal(saidOf(await changed.next()), 'disconnect 130')
})

test('method Custom: a webhook decides about passwords in both versions, and when it is gone nobody gets in (edge.md 1.7)', async () => {
  const asked: string[] = []
  const server = createServer({ key: keyPem(webhookParty), cert: pem(webhookParty) }, (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const { username, password } = JSON.parse(body)
      asked.push(username)
      const good = username === 'alice' && password === Buffer.from('wonderland').toString('base64')
      response.writeHead(good ? 200 : 403, { 'content-type': 'application/json' }).end(good ? '{}' : '{"reason":134}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const custom = `  - method: Custom\n    customSettings: {endpoint: "https://localhost:${port}/mqtt", caCertConfigMap: client-ca}\n`
  await using hub = await openHub({ methods: custom })
  const login = (password: string) => ({ username: 'alice', password: Buffer.from(password) })
  for (const version of [4, 5] as const) {
    using good = await hub.dial(version)
    assert.equal(await good.connect(`good-${version}`, login('wonderland')), 0)
    assert.equal(await good.publish('plant/alice/x'), 0)
  }
  using bad = await hub.dial(5)
  assert.equal(await bad.connect('bad', login('guess')), 0x86)
  using azure = await hub.dial(4)
  const asDevice = { username: 'localhost/alice/?api-version=2021-04-12', password: Buffer.from('wonderland') }
  assert.notEqual(await azure.connect('alice', asDevice), 0, 'what names a registered device never reaches the webhook')
  assert.ok(asked.includes('alice') && !asked.some((name) => name.includes('/')))
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  using late = await hub.dial(5)
  assert.equal(await late.connect('late', login('wonderland')), 0x87)
})

test('a shared access signature ends with its token, and all of them with the migration', async () => {
  const until = new Date(started + 2 * 3_600_000).toISOString()
  await using hub = await openHub({ methods: '', settings: `  sas: {allowedUntil: "${until}"}\n` })
  const id = await hub.addDevice('old-pump', 'sas')
  const keys = hub.hub.devices.sharedKeys(id)
  assert.ok(keys !== undefined)
  const login = (seconds: number, name = 'old-pump') => {
    const resource = 'localhost%2Fdevices%2Fold-pump'
    const expiry = String(Math.floor(hub.now() / 1000) + seconds)
    const signature = encodeURIComponent(keys.primary.use((bytes) => signSharedAccess(bytes, resource, expiry)).toString('base64'))
    const password = Buffer.from(`SharedAccessSignature sr=${resource}&sig=${signature}&se=${expiry}`)
    return { username: `localhost/${name}/?api-version=2021-04-12`, password }
  }
  using client = await hub.dial(4)
  assert.equal(await client.connect('old-pump', login(3_600)), 0)
  assert.equal(await client.publish('devices/old-pump/messages/events/'), 0)
  hub.advance(3_599_000)
  client.send({ type: 'pingreq' })
  assert.equal(saidOf(await client.next()).trim(), 'pingresp')
  hub.advance(5_000)
  assert.equal(await client.next(), 'closed')
  await hub.addDevice('other-pump', 'sas')
  using other = await hub.dial(4)
  assert.notEqual(await other.connect('other-pump', login(3_600, 'other-pump')), 0, 'a token is for its device alone')
  hub.advance(3_600_000)
  using late = await hub.dial(4)
  assert.notEqual(await late.connect('old-pump', login(60)), 0)
})

test('files that are missing or wrong stop the start: half a policy is none', async () => {
  await assert.rejects(
    openHub({ methods: x509.replace('client-ca', 'nobody') }),
    /access\/authentication-invalid|missing-reference|no ConfigMap/,
  )
  await assert.rejects(openHub({ methods: '', settings: '  documents: [nowhere.yaml]\n' }), /cannot be used/)
  await assert.rejects(openHub({ methods: x509.replace('method: X509', 'method: X590') }), /X590/)
})
