import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { HubProcess, type TestDevice } from './hub.ts'
import { RawClient, type Transport, connackOf, connectPacket, transports } from './raw-client.ts'
import { until } from './until.ts'

const versions = [4, 5] as const

/** Topics of the suspect; what may be done with them is asked of the hub's own explanation. */
const topicsFor = (word: string): readonly string[] => [
  `devices/suspect/${word}`,
  `devices/suspect/a/b/${word}`,
  `devices/other/${word}`,
  `devices/suspect2/${word}`,
  `plant/${word}`,
  `$SYS/${word}`,
  `Devices/suspect/${word}`,
]
const filters = [
  'devices/suspect/#',
  'devices/suspect/+/x',
  'devices/+/x',
  'devices/other/#',
  '#',
  '+/suspect/#',
  '$SYS/#',
  '$share/g/#',
  '$share/g/devices/suspect/#',
]

// Each listener with limits of its own, TLS in threads of its own or not: none of it is about policy.
const settings = `
broker: {deniedDelaySeconds: 0}
listeners:
  mqtt: {limits: {maxPacketSizeBytes: 4096, topicAliasMaximum: 0}}
  https: {limits: {receiveMaximum: 7, maxKeepAliveSeconds: 50}}
`

for (const [how, options] of [
  ['as it comes', {}],
  ['with limits for each listener', { settings }],
  ['with TLS workers', { arguments: ['--workers', '2'] }],
] as const)
  describe(`a hub ${how}`, () => {
    let hub: HubProcess
    let suspect: TestDevice

    before(async () => {
      hub = await HubProcess.open(options)
      suspect = await hub.addDevice('suspect')
      await hub.addDevice('other')
    })
    after(() => hub[Symbol.asyncDispose]())

    const pair = () => ({ cert: suspect.cert, key: suspect.key })

    async function explained(action: 'publish' | 'subscribe', topic: string): Promise<boolean> {
      const { status, json } = await hub.api('GET', `/api/v1/explain?device=suspect&action=${action}&topic=${encodeURIComponent(topic)}`)
      assert.equal(status, 200)
      return json['allowed'] === true
    }

    async function connected(transport: Transport, version: 4 | 5): Promise<RawClient> {
      const client = await RawClient.open(hub, transport, pair(), version)
      client.send(connectPacket(`${transport}-${version}`, { protocolVersion: version }))
      assert.equal((await client.next())?.cmd, 'connack')
      return client
    }

    for (const transport of transports)
      for (const version of versions) {
        const say = (client: RawClient, packet: Parameters<RawClient['send5']>[0]): void =>
          version === 5 ? client.send5(packet) : client.send(packet)

        test(`CVE-2018-20145: ${transport}, version ${version}: what is granted, published and willed is what explain says`, async () => {
          using client = await connected(transport, version)
          const from = (await hub.facts()).at(-1)?.offset ?? 0
          for (const filter of filters) {
            say(client, { cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: filter, qos: 0 }] })
            const suback = await client.next()
            const [code] = suback?.cmd === 'suback' ? suback.granted : []
            assert.equal(Number(code) < 0x80, await explained('subscribe', filter), `${filter}: ${JSON.stringify(code)}`)
            say(client, { cmd: 'unsubscribe', messageId: 10, unsubscriptions: [filter] })
            assert.equal((await client.next())?.cmd, 'unsuback')
          }
          const topics = topicsFor(`${transport}-${version}`)
          for (const topic of topics) {
            say(client, { cmd: 'publish', topic, payload: 'x', qos: 1, messageId: 11, dup: false, retain: false })
            assert.equal((await client.next())?.cmd, 'puback')
          }
          let seen: readonly (boolean | undefined)[] = []
          await until('every publish is on record', 10_000, async () => {
            const facts = await hub.facts(from)
            seen = topics
              .map((topic) => facts.find((fact) => fact.topic === topic && (fact.kind === 'telemetry' || fact.kind === 'denied')))
              .map((fact) => fact && fact.kind === 'telemetry')
            return seen.every((one) => one !== undefined)
          })
          for (const [at, topic] of topics.entries()) {
            const allowed = await explained('publish', topic)
            assert.equal(seen[at], allowed, topic)
            const will = { topic, payload: Buffer.from('x'), qos: 1 as const, retain: false }
            const code = await connackOf(hub, transport, pair(), connectPacket('will', { will, protocolVersion: version }))
            assert.equal(code === 0, allowed, `will ${topic}: ${code}`)
          }
        })

        test(`mosquitto 1.5.4: ${transport}, version ${version}: nobody comes in without a certificate`, async () => {
          const code = await connackOf(hub, transport, {}, connectPacket('suspect', { protocolVersion: version }))
          assert.ok(code === 'no connection' || code === (version === 5 ? 135 : 5), `${code}`)
        })
      }
  })

describe('a hub without descriptors', () => {
  test('CVE-2017-7652: takes nobody, opens nothing, judges who is there as before, and takes others when it can again', async () => {
    await using hub = await HubProcess.open()
    const suspect = await hub.addDevice('suspect')
    const pair = { cert: suspect.cert, key: suspect.key }
    using inside = await RawClient.open(hub, 'mqtts', pair, 5)
    inside.send(connectPacket('inside', { protocolVersion: 5 }))
    assert.equal((await inside.next())?.cmd, 'connack')
    const publish = async (topic: string): Promise<number | string | undefined> => {
      inside.send5({ cmd: 'publish', topic, payload: 'x', qos: 1, messageId: 1, dup: false, retain: false })
      const answer = await inside.next()
      return answer?.cmd === 'puback' ? (answer.reasonCode ?? 0) : answer?.cmd
    }
    assert.equal(await publish('devices/other/x'), 135)
    const limit = (files: number): void => void execFileSync('prlimit', ['--pid', `${hub.pid}`, `--nofile=${files}:`])
    // Far below what it has open: no number is left for one more.
    limit(20)
    const outside = [
      connackOf(hub, 'mqtts', pair, connectPacket('late', { protocolVersion: 5 })),
      connackOf(hub, 'wss', {}, connectPacket('nobody')),
    ]
    assert.deepEqual(await Promise.all(outside), ['no connection', 'no connection'])
    assert.deepEqual([await publish('devices/other/x'), await publish('devices/suspect/x'), await publish('$SYS/x')], [135, 0, 135])
    // Longer than anything that looks at the process by the clock.
    await pause(1_500)
    assert.equal(await publish('devices/other/x'), 135)
    limit(4_096)
    await until('it takes others again', 10_000, async () => (await connackOf(hub, 'mqtts', pair, connectPacket('late'))) === 0)
    assert.notEqual(await connackOf(hub, 'wss', {}, connectPacket('nobody')), 0)
    assert.equal((await hub.api('GET', '/api/v1/hub')).status, 200)
  })
})
