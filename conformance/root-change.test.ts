import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'node:https'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import azureCommon from 'azure-iot-common'
import azure from 'azure-iot-device'
import azureMqtt from 'azure-iot-device-mqtt'
import { HubProcess, type TestDevice } from './hub.ts'
import { connackOf, connectPacket } from './raw-client.ts'
import { until } from './until.ts'

const { Client, Message } = azure
const { Mqtt } = azureMqtt

type Identity = Pick<TestDevice, 'id' | 'cert' | 'key' | 'ca'>

async function openSdk(hub: HubProcess, { id, cert, key, ca }: Identity): Promise<InstanceType<typeof Client>> {
  const client = Client.fromConnectionString(`HostName=${hub.host}:${hub.ports.mqtt};DeviceId=${id};x509=true`, Mqtt)
  await client.setOptions({ cert, key, ca })
  // Two connections of one device must not take each other's place for ever: who was replaced stays away.
  client.setRetryPolicy(new azureCommon.NoRetry())
  await client.open()
  return client
}

/** A device maker's program that never stops sending, and sends again what was not acknowledged. */
class Sender {
  readonly acknowledged: number[] = []
  #client: InstanceType<typeof Client>
  #isOver = false
  #done: Promise<void>

  constructor(client: InstanceType<typeof Client>) {
    this.#client = client
    this.#done = this.#run()
  }

  /** Goes on over another connection. What was on its way is sent again. */
  async moveTo(client: InstanceType<typeof Client>): Promise<void> {
    const before = this.#client
    this.#client = client
    await Promise.race([before.close().catch(() => undefined), pause(2_000)])
  }

  /** Sends no more. */
  stop(): void {
    this.#isOver = true
  }

  async end(): Promise<void> {
    this.stop()
    await this.#done
    await Promise.race([this.#client.close(), pause(2_000)])
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#isOver; number++) {
      for (;;) {
        const sending = this.#client.sendEvent(new Message(JSON.stringify({ number }))).then(
          () => true,
          () => false,
        )
        // What the client never answers, because its connection went, was not acknowledged.
        const sent = await Promise.race([sending, pause(2_000, false)])
        if (sent) break
        if (this.#isOver) return
        await pause(20)
      }
      this.acknowledged.push(number)
      await pause(4)
    }
  }
}

async function step(hub: HubProcess, ...words: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await hub.command('pki', 'rotate', ...words, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

async function desiredBundle(client: InstanceType<typeof Client>): Promise<{ sha256: string; version: string } | undefined> {
  const twin = await client.getTwin()
  await twin.get()
  return twin.properties.desired['thingwall']?.trustBundle
}

/** What a device does when its twin names another bundle: it fetches it from where it trusts already, and compares the digest. */
async function fetchBundle(hub: HubProcess, ca: string, sha256: string): Promise<string> {
  const text = await new Promise<string>((resolve, reject) => {
    const asked = request({ host: hub.host, port: hub.ports.https, path: '/pki/trust-bundle', ca, servername: 'localhost' }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (part) => (body += part))
      answer.on('end', () => resolve(body))
    })
    asked.on('error', reject).end()
  })
  assert.equal(createHash('sha256').update(text).digest('hex'), sha256)
  return text
}

for (const workers of [0, 1])
  test(`a stock device SDK sends all through a change of the root (${workers} TLS workers): no acknowledged message is lost, nobody is cut off unnamed`, async () => {
    await using hub = await HubProcess.open({ arguments: ['--workers', `${workers}`] })
    const pump = await hub.addDevice('pump-1')
    await hub.addDevice('pump-9')
    const first = await openSdk(hub, pump)
    const sender = new Sender(first)
    using _ends = { [Symbol.dispose]: () => sender.stop() }
    const probe = { servername: 'probe.localhost', cert: pump.cert, key: pump.key }
    assert.notEqual(await connackOf(hub, 'mqtts', { ...probe, ca: pump.ca }, connectPacket('pump-1')), 0, 'nobody asks for proof yet')

    assert.equal((await step(hub, 'plan'))['devices'], 2)
    const started = await step(hub, 'start')
    assert.deepEqual([started['stage'], started['proven']], ['distributing', 0])
    await until('the twin names the bundle', 15_000, async () => (await desiredBundle(first)) !== undefined)
    const bundle = await desiredBundle(first)
    assert.ok(bundle)
    const both = await fetchBundle(hub, pump.ca, bundle.sha256)
    const fresh = both.replace(pump.ca, '')
    assert.equal(both.match(/BEGIN CERTIFICATE/g)?.length, 2)

    assert.equal(
      await connackOf(hub, 'mqtts', { ...probe, ca: pump.ca }, connectPacket('pump-1')),
      'no connection',
      'the old root does not vouch here',
    )
    assert.equal(await connackOf(hub, 'mqtts', { ...probe, ca: both }, connectPacket('pump-1')), 0, 'proven')
    assert.equal(await connackOf(hub, 'wss', { ...probe, ca: fresh }, connectPacket('pump-1')), 0, 'and again, by WebSocket')
    // A certificate proves its own device only, whatever the client calls itself.
    assert.equal(await connackOf(hub, 'mqtts', { ...probe, ca: both }, connectPacket('pump-9')), 0)
    const waiting = await step(hub, 'status')
    assert.deepEqual([waiting['proven'], waiting['laggards']], [1, ['pump-9']])

    const cut = await step(hub, 'cut-over')
    assert.equal(cut['stage'], 'cut-over')
    assert.equal((await hub.command('pki', 'rotate', 'retire')).code === 0, false, 'two devices are behind')
    // Known by the new root, and by the old one as before.
    for (const ca of [pump.ca, fresh]) {
      const { status, json } = await hub.api('POST', '/api/v1/devices/pump-1/certificates', {})
      assert.equal(status, 201)
      const next = { id: 'pump-1', cert: String(json['certificatePem']), key: String(json['privateKeyPem']), ca }
      await sender.moveTo(await openSdk(hub, next))
    }
    await until('the new certificate was seen', 5_000, async () => (await step(hub, 'status'))['moved'] === 1)
    const retired = await step(hub, 'retire', '--except', 'pump-9', '--reason', 'scrapped')
    assert.deepEqual([retired['stage'], retired['excepted']], ['retired', [{ device: 'pump-9', reason: 'scrapped' }]])
    assert.equal(
      await connackOf(hub, 'mqtts', { cert: pump.cert, key: pump.key, ca: fresh }, connectPacket('pump-1')),
      5,
      'a certificate under the old root',
    )
    assert.equal(await connackOf(hub, 'mqtts', { cert: pump.cert, key: pump.key, ca: pump.ca }, connectPacket('pump-1')), 'no connection')
    await pause(200)
    await sender.end()

    assert.ok(sender.acknowledged.length > 100, `${sender.acknowledged.length} messages`)
    const facts = await hub.facts()
    const stored = new Set(
      facts
        .filter(({ kind, device }) => kind === 'telemetry' && device === 'pump-1')
        .map(({ body }) => Number(JSON.parse(body ?? '').number)),
    )
    assert.deepEqual(
      sender.acknowledged.filter((number) => !stored.has(number)),
      [],
      'acknowledged and not there',
    )
    assert.deepEqual(
      facts.map(({ kind }) => kind).filter((kind) => kind.startsWith('campaign') || kind === 'trust-proven'),
      ['campaign-started', 'trust-proven', 'campaign-cut-over', 'campaign-ended'],
    )
    assert.equal(hub.rootPem, fresh)
  })
