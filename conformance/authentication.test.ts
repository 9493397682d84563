import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import azure from 'azure-iot-device'
import azureMqtt from 'azure-iot-device-mqtt'
import { type Packet, generate } from 'mqtt-packet'
import { OpenSsl } from './certificates.ts'
import { HubProcess } from './hub.ts'
import { RawClient, connackOf, connectPacket, transports } from './raw-client.ts'
import { until } from './until.ts'

const run = promisify(execFile)
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()

/** Waits until the record has a refusal with this code, and the identity where it is known. */
async function recorded(hub: HubProcess, refusal: string, clientId?: string): Promise<void> {
  await until(`${refusal} is on record`, 10_000, async () =>
    (await hub.facts()).some(
      (fact) =>
        fact.kind === 'refused' &&
        `${fact.code} ${fact.device ?? '-'}` === refusal &&
        (clientId === undefined || fact['clientId'] === clientId),
    ),
  )
}

test('a stock SDK with the connection string of `device add --auth sas` sends telemetry; another key does not; the key is shown once', async () => {
  await using hub = await HubProcess.open({
    settings: `authentication: {sas: {allowedUntil: "${inDays(30)}"}}\nbroker: {deniedDelaySeconds: 0}\n`,
  })
  const added = await hub.command('device', 'add', 'old-pump', '--auth', 'sas')
  assert.equal(added.code, 0, added.stderr)
  assert.match(added.stderr, /shown now and never again/)
  const connectionString = added.stdout.trim()
  assert.match(connectionString, /^HostName=[^;]+;DeviceId=old-pump;SharedAccessKey=[A-Za-z0-9+/]{86}==$/)
  const key = connectionString.split('SharedAccessKey=')[1] ?? ''
  const here = `HostName=localhost:${hub.ports.mqtt};DeviceId=old-pump;SharedAccessKey=${key}`

  const client = azure.Client.fromConnectionString(here, azureMqtt.Mqtt)
  await client.setOptions({ ca: hub.rootPem })
  await client.open()
  await client.sendEvent(new azure.Message('{"t":21}'))
  await client.close()
  await until('the message is on record', 10_000, async () =>
    (await hub.facts()).some((fact) => fact.device === 'old-pump' && fact.kind === 'telemetry'),
  )
  const fact = (await hub.facts()).find((one) => one.kind === 'telemetry' && one.device === 'old-pump')
  const method: Record<string, unknown> = JSON.parse(fact?.system?.['iothub-connection-auth-method'] ?? '{}')
  assert.equal(method['type'], 'sas')

  const shown = [await hub.command('device', 'show', 'old-pump', '--json'), await hub.command('audit', 'ls', '--json')]
    .map(({ stdout }) => stdout)
    .join('\n')
  assert.ok(!shown.includes(key.slice(0, 16)), 'the key is nowhere to be read again')
  const check = await hub.command('check', '--json')
  assert.match(check.stdout, /old-pump/, 'a shared key is a finding')

  const wrong = azure.Client.fromConnectionString(here.replace(key, Buffer.alloc(64).toString('base64')), azureMqtt.Mqtt)
  await wrong.setOptions({ ca: hub.rootPem })
  await assert.rejects(wrong.open(), /Unauthorized|authoriz/i)
  await wrong.close().catch(() => undefined)
  await recorded(hub, 'access/sas-wrong -')
})

test('without a migration scope no device is given shared keys, and passwords are refused as ever', async () => {
  await using hub = await HubProcess.open()
  const added = await hub.command('device', 'add', 'old-pump', '--auth', 'sas')
  assert.equal(added.code !== 0 && added.stdout, '')
  assert.match(added.stderr, /allowedUntil/)
  const packet = connectPacket('old-pump', {
    username: 'localhost/old-pump/?api-version=2021-04-12',
    password: Buffer.from('SharedAccessSignature sr=x&sig=y&se=1'),
  })
  for (const transport of transports) assert.equal(await connackOf(hub, transport, {}, packet), 5)
})

/** A token as Kubernetes signs them. */
function signedToken(key: KeyObject, claims: object): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'ES256', kid: 'k1' })}.${part(claims)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const plantRules = `apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthorization
metadata: {name: plant-rules}
spec:
  authorizationPolicies:
    rules:
      - principals: {usernames: ["system:serviceaccount:plant:historian"]}
        brokerResources:
          - {method: Connect}
          - {method: Subscribe, topics: ["plant/#"]}
      - principals: {attributes: [{thingwall.method: x509}]}
        brokerResources:
          - {method: Connect}
          - {method: Publish, topics: ["plant/{principal.username}/#"]}
`

/** The reason code of CONNACK or PUBACK. */
const reasonOf = (packet: Packet | undefined) => (packet !== undefined && 'reasonCode' in packet ? (packet.reasonCode ?? 0) : undefined)

const publishPacket = (topic: string, messageId: number) =>
  generate({ cmd: 'publish', topic, payload: 'x', qos: 1, messageId, dup: false, retain: false }, { protocolVersion: 5 })

test('K8S-SAT and X509 over MQTT 5 on both listeners: proven identities, and a policy that lets nobody in until it says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-authentication-'))
  using openSsl = new OpenSsl()
  const lock = openSsl.fromStranger('smart-lock')
  const authority = lock.cert.slice(lock.cert.indexOf('-----BEGIN', 10))
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] }))
  writeFileSync(
    join(folder, 'authentication.yaml'),
    `apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata: {name: plant}
spec:
  authenticationMethods:
    - method: X509
    - method: ServiceAccountToken
      serviceAccountTokenSettings: {audiences: [aio-internal]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: client-ca}
data: {root: ${JSON.stringify(authority)}}
`,
  )
  const settings = `authentication:
  documents: [${JSON.stringify(join(folder, 'authentication.yaml'))}]
  serviceAccounts: {issuer: plant, keys: ${JSON.stringify(join(folder, 'keys.json'))}}
broker: {deniedDelaySeconds: 0}
`
  try {
    await using hub = await HubProcess.open({ settings })
    const at = Math.floor(Date.now() / 1000)
    const claims = { iss: 'plant', sub: 'system:serviceaccount:plant:historian', aud: ['aio-internal'], iat: at, nbf: at, exp: at + 600 }
    const good = signedToken(privateKey, claims)
    const connect = (token: string) =>
      connectPacket('c1', { protocolVersion: 5, properties: { authenticationMethod: 'K8S-SAT', authenticationData: Buffer.from(token) } })
    for (const transport of transports) {
      assert.equal(await connackOf(hub, transport, {}, connect(good)), 0x87)
      await recorded(hub, 'gateway/connect-denied sat:system:serviceaccount:plant:historian')
      assert.equal(await connackOf(hub, transport, {}, connect(signedToken(privateKey, { ...claims, aud: ['x'] }))), 0x87)
      assert.equal(await connackOf(hub, transport, lock, connectPacket('c2', { protocolVersion: 5 })), 0x87)
      await recorded(hub, 'gateway/connect-denied x509:smart-lock')
      const other = connectPacket('c3', { protocolVersion: 5, properties: { authenticationMethod: 'SCRAM-SHA-256' } })
      assert.equal(await connackOf(hub, transport, {}, other), 0x8c)
    }
    await recorded(hub, 'access/token-refused -')

    // An independent client speaks the same (edge.md 1.8). It says why it was refused, and its exit status says nothing.
    const ca = join(hub.directory, 'root.pem')
    const words = `-V 5 -h localhost -p ${hub.ports.mqtt} --cafile ${ca} -i m1 -t x -m y -D connect authentication-method K8S-SAT`.split(
      ' ',
    )
    const said = await run('mosquitto_pub', [...words, '-D', 'connect', 'authentication-data', good]).catch((error: unknown) => error)
    assert.match(JSON.stringify(said) + String(Reflect.get(Object(said), 'stderr')), /[Nn]ot authorized/)
    await recorded(hub, 'gateway/connect-denied sat:system:serviceaccount:plant:historian', 'm1')

    // What no rule allowed, a rule allows from the next packet on: the historian reads, the lock speaks, and neither does more.
    const applied = await hub.api('POST', '/api/v1/policies', { text: plantRules })
    assert.equal(applied.status, 200, applied.text)
    for (const transport of transports) {
      using historian = await RawClient.open(hub, transport, {}, 5)
      historian.send(connect(good))
      assert.equal(reasonOf(await historian.next()), 0)
      historian.send(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'plant/#', qos: 1 }] }, { protocolVersion: 5 }))
      const granted = await historian.next()
      assert.deepEqual(granted?.cmd === 'suback' && granted.granted, [1])
      using speaker = await RawClient.open(hub, transport, lock, 5)
      speaker.send(connectPacket('c2', { protocolVersion: 5 }))
      assert.equal(reasonOf(await speaker.next()), 0)
      speaker.send(publishPacket('plant/smart-lock/state', 1))
      assert.equal(reasonOf(await speaker.next()), 0)
      const seen = await historian.next()
      assert.equal(seen?.cmd === 'publish' && seen.topic, 'plant/smart-lock/state')
      speaker.send(publishPacket('plant/other/state', 2))
      assert.equal(reasonOf(await speaker.next()), 0x87)
      const live = JSON.stringify((await hub.api('GET', '/api/v1/connections')).json)
      for (const identity of ['sat:system:serviceaccount:plant:historian', 'x509:smart-lock']) assert.ok(live.includes(identity), identity)
    }
    await until('both are on record as connected, by what proved it', 10_000, async () => {
      const facts = (await hub.facts()).filter(({ kind }) => kind === 'connected')
      return ['sat:system:serviceaccount:plant:historian', 'x509:smart-lock'].every(
        (identity) => facts.filter(({ device }) => device === identity).length === transports.length,
      )
    })
    assert.ok(
      (await hub.facts()).some(
        ({ kind, device, topic }) => kind === 'telemetry' && device === 'x509:smart-lock' && topic === 'plant/smart-lock/state',
      ),
    )

    const device = await hub.addDevice('pump-1')
    using client = await RawClient.open(hub, 'mqtts', device)
    client.send(connectPacket('pump-1'))
    assert.equal((await client.next())?.cmd, 'connack', 'registered devices are as they were')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
