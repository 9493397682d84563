import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { generate } from 'mqtt-packet'
import { HubProcess, freePorts } from './hub.ts'
import { RawClient, connackOf, connectPacket, transports } from './raw-client.ts'
import { until } from './until.ts'

const program = fileURLToPath(new URL('../docs/examples/webhook.ts', import.meta.url))

/** The example of docs/examples as an operator runs it, in a folder with certificates for both sides. */
class Webhook implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'thingwall-webhook-'))
  #child: ChildProcess | undefined

  path(name: string): string {
    return join(this.folder, name)
  }

  text(name: string): string {
    return readFileSync(this.path(name), 'utf8')
  }

  certificate(name: string): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', this.path(`${name}.key`)]
    const named = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-days', '30', '-out', this.path(`${name}.pem`)]
    execFileSync('openssl', ['req', '-x509', ...key, ...named], { stdio: ['ignore', 'ignore', 'pipe'] })
  }

  /** The exit code of `add`. */
  add(password: string, ...words: readonly string[]): number | null {
    return spawnSync(process.execPath, [program, 'add', this.path('users.json'), ...words], { input: `${password}\n` }).status
  }

  async serve(port: number): Promise<void> {
    const tls = ['--cert', this.path('localhost.pem'), '--key', this.path('localhost.key'), '--client-ca', this.path('hub.pem')]
    const words = [program, 'serve', this.path('users.json'), '--port', `${port}`, ...tls]
    this.#child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    if (this.#child.stdout !== null) await once(this.#child.stdout, 'data')
  }

  stop(): void {
    this.#child?.kill()
  }

  [Symbol.dispose](): void {
    this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const indented = (text: string) => text.trimEnd().replaceAll(/^/gm, '    ')

const documents = (webhook: Webhook, port: number) => `apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata: {name: plant}
spec:
  authenticationMethods:
    - method: Custom
      customSettings:
        endpoint: https://localhost:${port}/mqtt
        caCertConfigMap: webhook-ca
        auth: {x509: {secretRef: webhook-client}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: webhook-ca}
data:
  ca.pem: |
${indented(webhook.text('localhost.pem'))}
---
apiVersion: v1
kind: Secret
metadata: {name: webhook-client}
stringData:
  tls.crt: |
${indented(webhook.text('hub.pem'))}
  tls.key: |
${indented(webhook.text('hub.key'))}
`

const policy = `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: operators}
spec:
  authorizationPolicies:
    rules:
      - principals: {attributes: [{thingwall.method: custom, group: operators}]}
        brokerResources:
          - {method: Connect}
          - {method: Publish, topics: ["plant/{principal.username}/#"]}
`

test('the webhook of docs/examples lets operators in by their passwords, kept as salted scrypt hashes, and asks for the certificate of the hub', async () => {
  using webhook = new Webhook()
  for (const name of ['localhost', 'hub']) webhook.certificate(name)
  assert.equal(webhook.add('correct horse battery', 'alice', 'group=operators'), 0)
  assert.equal(webhook.add('correct horse battery', 'bob', 'group=guests'), 0)
  assert.notEqual(webhook.add('short', 'carol'), 0)
  const users = webhook.text('users.json')
  assert.ok(!users.includes('correct') && !users.includes('carol'))
  assert.equal(new Set(users.match(/scrypt-15-8-3:[^"]+/g)).size, 2, 'one password, two hashes: each has its salt')
  assert.equal(statSync(webhook.path('users.json')).mode & 0o077, 0)

  const [port = 0] = await freePorts(1)
  await webhook.serve(port)
  await assert.rejects(once(request({ port, host: 'localhost', method: 'POST', ca: webhook.text('localhost.pem') }).end(), 'response'))
  writeFileSync(webhook.path('authentication.yaml'), documents(webhook, port), { mode: 0o600 })
  const settings = `authentication: {documents: [${JSON.stringify(webhook.path('authentication.yaml'))}]}\nbroker: {deniedDelaySeconds: 0}\n`
  await using hub = await HubProcess.open({ settings })
  const applied = await hub.api('POST', '/api/v1/policies', { text: policy })
  assert.equal(applied.status, 200, applied.text)
  const login = (username: string, password: string, protocolVersion: 4 | 5 = 5) =>
    connectPacket(`of-${username}`, { username, password: Buffer.from(password), protocolVersion })

  for (const transport of transports) {
    assert.equal(await connackOf(hub, transport, {}, login('alice', 'correct horse battery', 4)), 0)
    using alice = await RawClient.open(hub, transport, {}, 5)
    alice.send(login('alice', 'correct horse battery'))
    assert.equal((await alice.next())?.cmd, 'connack')
    for (const [topic, code] of [
      ['plant/alice/note', 0],
      ['plant/bob/note', 0x87],
    ] as const) {
      alice.send(generate({ cmd: 'publish', topic, payload: 'x', qos: 1, messageId: 1, dup: false, retain: false }, { protocolVersion: 5 }))
      const puback = await alice.next()
      assert.equal(puback?.cmd === 'puback' && (puback.reasonCode ?? 0), code)
    }
    assert.equal(await connackOf(hub, transport, {}, login('alice', 'wrong horse battery')), 134)
    assert.equal(await connackOf(hub, transport, {}, login('mallory', 'correct horse battery')), 134)
    assert.equal(await connackOf(hub, transport, {}, login('bob', 'correct horse battery')), 0x87, 'proven, and no rule is for guests')
  }
  await until('it is on record who was connected, and who was not', 10_000, async () => {
    const facts = await hub.facts()
    const refused = (code: string, device?: string) =>
      facts.some((fact) => fact.kind === 'refused' && fact.code === code && fact.device === device)
    return (
      facts.some(({ kind, device }) => kind === 'connected' && device === 'custom:alice') &&
      refused('access/custom-denied') &&
      refused('gateway/connect-denied', 'custom:bob')
    )
  })

  webhook.add('another horse battery', 'alice', 'group=operators')
  assert.equal(await connackOf(hub, 'mqtts', {}, login('alice', 'correct horse battery')), 134, 'a change counts at once')
  webhook.stop()
  assert.equal(await connackOf(hub, 'mqtts', {}, login('alice', 'another horse battery')), 0x87, 'nobody answers, nobody gets in')
})
