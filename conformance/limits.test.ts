import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { HubProcess, type TestDevice, type WatchedFact } from './hub.ts'
import { RawClient, type RawOptions, type Transport, connackOf, connectPacket, transports } from './raw-client.ts'
import { until } from './until.ts'

const settings = `
limits:
  maxKeepAliveSeconds: 100
  receiveMaximum: 7
  connectionsPerIdentity: 3
  subscriptionsPerSession: 2
  topicLevels: 6
listeners:
  https:
    limits: {maxKeepAliveSeconds: 50, maxPacketSizeBytes: 2048}
broker:
  connectionsPerAddress: 10
  connectsPerSecondPerAddress: 1
  connectBurstPerAddress: 15
  deniedConnects: 2
  deniedDelaySeconds: 1
  retained: {messages: 2}
`

/** Addresses of this machine that no test shares: each is a peer of its own to the hub. */
let addresses = 0
const freshAddress = (): string => `127.1.${Math.floor(addresses / 200)}.${1 + (addresses++ % 200)}`

describe('limits hold on both listeners, each with its own', () => {
  let hub: HubProcess
  let pump: TestDevice
  let other: TestDevice

  before(async () => {
    hub = await HubProcess.open({ settings })
    pump = await hub.addDevice('pump-1')
    other = await hub.addDevice('pump-2')
  })
  after(async () => hub[Symbol.asyncDispose]())

  const as = (device: TestDevice, localAddress = freshAddress()): RawOptions => ({ cert: device.cert, key: device.key, localAddress })

  async function open(transport: Transport, device: TestDevice, clientId: string, localAddress = freshAddress()): Promise<RawClient> {
    const client = await RawClient.open(hub, transport, as(device, localAddress), 5)
    client.send(connectPacket(clientId, { protocolVersion: 5, keepalive: 0 }))
    const connack = await client.next()
    assert.ok(connack?.cmd === 'connack' && connack.reasonCode === 0, JSON.stringify(connack))
    return client
  }

  async function factsOf(kind: string, clientId: string, from: number): Promise<readonly WatchedFact[]> {
    return (await hub.facts(from)).filter((fact) => fact.kind === kind && fact['clientId'] === clientId)
  }

  const end = async (): Promise<number> => ((await hub.facts()).at(-1)?.offset ?? -1) + 1

  for (const transport of transports) {
    test(`${transport}: CONNACK says what holds here`, async () => {
      using client = await RawClient.open(hub, transport, as(pump), 5)
      client.send(connectPacket('says', { protocolVersion: 5, keepalive: 0 }))
      const connack = await client.next()
      assert.ok(connack?.cmd === 'connack')
      const { serverKeepAlive, receiveMaximum, maximumPacketSize } = connack.properties ?? {}
      assert.deepEqual([serverKeepAlive, receiveMaximum, maximumPacketSize], transport === 'mqtts' ? [100, 7, 294_912] : [50, 7, 2048])
    })

    test(`${transport}: a packet above the bound of this listener ends the connection [0x95]`, async () => {
      using client = await open(transport, pump, 'large')
      client.send5({
        cmd: 'publish',
        topic: 'devices/pump-1/x',
        payload: Buffer.alloc(4_000),
        qos: 1,
        messageId: 1,
        dup: false,
        retain: false,
      })
      const answer = await client.next()
      if (transport === 'mqtts') assert.equal(answer?.cmd, 'puback')
      else {
        assert.ok(answer === undefined || (answer.cmd === 'disconnect' && answer.reasonCode === 0x95), JSON.stringify(answer))
        await client.closed
      }
    })

    test(`${transport}: filters of a session and levels of a topic are bounded`, async () => {
      using client = await open(transport, pump, 'filters')
      const subscriptions = ['a', 'b', 'c'].map((name) => ({ topic: `devices/pump-1/${name}`, qos: 0 as const }))
      client.send5({ cmd: 'subscribe', messageId: 1, subscriptions })
      const suback = await client.next()
      assert.ok(suback?.cmd === 'suback')
      assert.deepEqual([...suback.granted], [0, 0, 0x97])
      client.send5({ cmd: 'publish', topic: 'devices/pump-1/a/b/c/d/e', payload: 'x', qos: 0, dup: false, retain: false })
      await client.closed
    })

    test(`${transport}: connections of one address are bounded, and the one too many is told [0x97]`, async () => {
      const address = freshAddress()
      const held: RawClient[] = []
      try {
        for (let i = 0; i < 10; i++) held.push(await RawClient.open(hub, transport, as(i < 3 ? pump : other, address), 5))
        const v5 = connectPacket('one-too-many', { protocolVersion: 5 })
        assert.equal(await connackOf(hub, transport, as(pump, address), v5), transport === 'mqtts' ? 0x97 : 'no connection')
        if (transport === 'mqtts') assert.equal(await connackOf(hub, transport, as(pump, address), connectPacket('x')), 3)
        assert.equal(await connackOf(hub, transport, as(pump), connectPacket('elsewhere', { protocolVersion: 5 })), 0)
        held.pop()?.[Symbol.dispose]()
        await until('the place is free', 5_000, async () => (await connackOf(hub, transport, as(pump, address), v5)) === 0)
      } finally {
        for (const client of held) client[Symbol.dispose]()
      }
    })

    test(`${transport}: connects of one address beyond the rate are refused [0x9F], others are not, and the console is not asked`, async () => {
      const address = freshAddress()
      const seen: unknown[] = []
      for (let i = 0; i < 25; i++)
        seen.push(await connackOf(hub, transport, as(pump, address), connectPacket('rate', { protocolVersion: 5 })))
      assert.deepEqual(new Set(seen.slice(0, 15)), new Set([0]))
      const refused = transport === 'mqtts' ? 0x9f : 'no connection'
      // One more a second may come in meanwhile.
      assert.ok(seen.slice(15).filter((code) => code === refused).length >= 5, JSON.stringify(seen))
      if (transport === 'mqtts')
        assert.ok([0, 3].includes(Number(await connackOf(hub, transport, as(pump, address), connectPacket('rate')))), '3.1.1: code 3')
      assert.equal(await connackOf(hub, transport, as(pump), connectPacket('rate', { protocolVersion: 5 })), 0)
      assert.equal((await hub.api('GET', '/healthz')).status, 200)
    })

    test(`${transport}: who is denied again and again waits longer and longer [edge 1.5]`, async () => {
      const address = freshAddress()
      const deny = async (): Promise<number> => {
        const started = performance.now()
        const code = await connackOf(hub, transport, { localAddress: address }, connectPacket('nobody', { protocolVersion: 5 }))
        assert.equal(code, 0x87)
        return performance.now() - started
      }
      const waits: number[] = []
      for (let i = 0; i < 6; i++) waits.push(await deny())
      assert.ok((waits[5] ?? 0) >= 790, `the sixth waits 800 ms: ${waits.map(Math.round).join()}`)
      assert.equal(await connackOf(hub, transport, as(pump, address), connectPacket('good', { protocolVersion: 5 })), 0)
    })

    test(`${transport}: reconnect, clone and theft are told apart`, async () => {
      const from = await end()
      const [home, away] = [freshAddress(), freshAddress()]
      const clientId = `held-${transport}`
      const clients: RawClient[] = []
      try {
        clients.push(await open(transport, pump, clientId, home))
        clients.push(await open(transport, pump, clientId, home))
        for (let i = 0; i < 4; i++) clients.push(await open(transport, pump, clientId, i % 2 === 0 ? away : home))
        clients.push(await open(transport, other, clientId))
        assert.equal(await connackOf(hub, transport, { localAddress: freshAddress() }, connectPacket(clientId)), 5)
        await until('the facts are written', 10_000, async () => (await factsOf('theft-suspected', clientId, from)).length >= 2)
        const [back] = await factsOf('reconnected', clientId, from)
        assert.deepEqual([back?.['why'], back?.device, back?.['address']], ['same-place', 'pump-1', home])
        const clones = await factsOf('clone-suspected', clientId, from)
        const [first] = clones
        assert.deepEqual([first?.['certain'], first?.['address']], [false, away])
        const former: unknown = first?.['former']
        assert.equal(typeof former === 'object' && former !== null && Reflect.get(former, 'address'), home)
        assert.ok(
          clones.some((fact) => fact['certain'] === true),
          JSON.stringify(clones),
        )
        const thefts = await factsOf('theft-suspected', clientId, from)
        assert.deepEqual(
          thefts.map((fact) => [fact.device, fact['why'], fact['refused']]),
          [
            ['pump-2', 'other-identity', false],
            ['pump-2', 'wrong-key', true],
          ],
        )
      } finally {
        for (const client of clients) client[Symbol.dispose]()
      }
    })
  }

  test('retained messages are bounded in number, and the one too many gets 0x97', async () => {
    using client = await open('mqtts', pump, 'retains')
    const codes: unknown[] = []
    for (let i = 1; i <= 3; i++) {
      client.send5({ cmd: 'publish', topic: `devices/pump-1/r${i}`, payload: 'x', qos: 1, messageId: i, dup: false, retain: true })
      const puback = await client.next()
      codes.push(puback?.cmd === 'puback' ? (puback.reasonCode ?? 0) : puback?.cmd)
    }
    assert.deepEqual(codes, [0, 0, 0x97])
  })

  test('a settings file that is wrong starts nothing, and config check tells all of it', async () => {
    const file = join(hub.directory, '..', 'wrong.yaml')
    writeFileSync(file, 'limits: {maxReciveMaximum: 5, topicLevels: -1}\n')
    const checked = await hub.command('config', 'check', file)
    assert.equal(checked.code, 1)
    assert.match(checked.stderr, /maxReciveMaximum is no setting; is maxReceiveMaximum meant/)
    assert.match(checked.stderr, /limits\.topicLevels must be a whole number/)
    const started = await hub.command('start', '--config', file)
    assert.equal(started.code, 2)
    assert.match(started.stderr, /server\/settings-invalid/)
  })
})

describe('load is shed by class', () => {
  const overload = `
limits: {unsentBytes: 1048576}
broker:
  deniedDelaySeconds: 0
  overload:
    unsentBytes: {strained: 65536, overloaded: 262144}
`

  test(
    'a hub at its bound takes no new connections and no QoS 0; QoS 1 and the console go on; then it recovers',
    { timeout: 120_000 },
    async () => {
      await using hub = await HubProcess.open({ settings: overload })
      const pump = await hub.addDevice('pump-1')
      const options: RawOptions = { cert: pump.cert, key: pump.key }
      const open = async (clientId: string): Promise<RawClient> => {
        const client = await RawClient.open(hub, 'mqtts', options, 5)
        client.send(connectPacket(clientId, { protocolVersion: 5 }))
        assert.equal((await client.next())?.cmd, 'connack')
        return client
      }
      const metric = async (name: string): Promise<number> => {
        const { text } = await hub.api('GET', '/metrics')
        return Number(
          text
            .split('\n')
            .find((line) => line.startsWith(`${name} `))
            ?.split(' ')[1] ?? Number.NaN,
        )
      }
      const healthz = async (): Promise<number> => {
        const [response] = await once(
          get({ host: '127.0.0.1', port: hub.ports.https, path: '/healthz', ca: hub.rootPem, servername: 'localhost', agent: false }),
          'response',
        )
        response.resume()
        return response.statusCode
      }
      const publish = (qos: 0 | 1, messageId: number, payload: Buffer) =>
        sender.send5({
          cmd: 'publish',
          topic: 'devices/pump-1/x',
          payload,
          qos,
          dup: false,
          retain: false,
          ...(qos === 0 ? {} : { messageId }),
        })
      using sender = await open('sender')
      const deaf = await open('deaf')
      deaf.send5({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/pump-1/x', qos: 0 }] })
      assert.equal((await deaf.next())?.cmd, 'suback')
      assert.equal(await healthz(), 200)
      deaf.stopReading()
      for (let i = 0; i < 100; i++) publish(0, 0, Buffer.alloc(200_000))
      await until('the hub says that it is overloaded', 20_000, async () => {
        publish(0, 0, Buffer.alloc(200_000))
        return (await healthz()) === 503
      })
      await until('it drops QoS 0', 20_000, async () => {
        publish(0, 0, Buffer.from('x'))
        return (await metric('thingwall_shed_messages_total')) > 0
      })
      // Closed before TLS.
      const raw = connectTcp({ host: '127.0.0.1', port: hub.ports.mqtt })
      raw.on('error', () => undefined)
      await once(raw, 'close')
      assert.equal(await connackOf(hub, 'mqtts', options, connectPacket('late', { protocolVersion: 5 })), 'no connection')
      assert.equal(await connackOf(hub, 'wss', options, connectPacket('late', { protocolVersion: 5 })), 'no connection')
      assert.equal((await hub.api('GET', '/api/v1/hub')).status, 200)
      const unwell = await hub.api('GET', '/healthz')
      assert.equal(unwell.status, 503)
      assert.match(unwell.text, /bytes that clients have not taken/)
      publish(1, 1, Buffer.from('matters'))
      assert.equal((await sender.next())?.cmd, 'puback')
      deaf[Symbol.dispose]()
      await until('it has recovered', 30_000, async () => (await healthz()) === 200)
      assert.equal(await connackOf(hub, 'mqtts', options, connectPacket('back', { protocolVersion: 5 })), 0)
      let facts: readonly WatchedFact[] = []
      await until('the facts are on disk', 10_000, async () => (facts = await hub.facts()).some((fact) => fact.kind === 'recovered'))
      assert.equal(facts.find((fact) => fact.kind === 'overloaded')?.['from'], 'normal')
      const recovered = facts.findLast((fact) => fact.kind === 'recovered')
      assert.ok(Number(recovered?.['refusedConnections']) >= 2 && Number(recovered?.['droppedMessages']) >= 1, JSON.stringify(recovered))
    },
  )

  test('an identity that publishes too fast is slowed down and loses nothing', async () => {
    await using hub = await HubProcess.open({ settings: 'limits: {publishesPerSecondPerIdentity: 50, receiveMaximum: 1000}\n' })
    const pump = await hub.addDevice('pump-1')
    using client = await RawClient.open(hub, 'mqtts', { cert: pump.cert, key: pump.key }, 5)
    client.send(connectPacket('fast', { protocolVersion: 5 }))
    assert.equal((await client.next())?.cmd, 'connack')
    const started = performance.now()
    for (let i = 1; i <= 150; i++)
      client.send5({ cmd: 'publish', topic: 'devices/pump-1/x', payload: 'x', qos: 1, messageId: i, dup: false, retain: false })
    for (let i = 1; i <= 150; i++) assert.equal((await client.next())?.cmd, 'puback')
    const elapsed = performance.now() - started
    assert.ok(elapsed > 1_500 && elapsed < 10_000, `${Math.round(elapsed)} ms`)
  })
})
