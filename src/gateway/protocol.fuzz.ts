import assert from 'node:assert/strict'
import type { BoundPolicy } from '#access'
import { type ConnectPacket, FrameReader, type MqttPacket, type ProtocolVersion, type QoS, encode } from '#wire/mqtt'
import { type FakeTransport, gateway } from './gateway-scene.test.ts'
import type { Connection } from './connection.ts'

/*
 * An input is a script: several clients connect, say good, odd and mangled things, vanish and come back, while the disk lags, time goes by
 * and the policy changes. Nothing may throw, everything that the gateway says to a client must be a packet that it may say, what it holds
 * stays within bounds, and in the end a witness who had nothing to do with it is served as ever.
 */

/** Bytes that are used up one by one; zeros when there are no more. */
class Script {
  readonly #bytes: Buffer
  #at = 0
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }
  get isOver(): boolean {
    return this.#at >= this.#bytes.length
  }
  byte(): number {
    return this.#bytes[this.#at++] ?? 0
  }
  take(count: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + count)
    this.#at += count
    return taken
  }
}

type Client = {
  readonly transport: FakeTransport
  readonly connection: Connection
  readonly reader: FrameReader
  readonly version: ProtocolVersion
}
type World = ReturnType<typeof gateway>

const slots = 5
const maxSteps = 300
const topics = [
  't/a',
  't/b',
  't/a/b',
  't/a',
  't/b',
  't/',
  'secret/x',
  'devices/a/messages/events/',
  'devices/b/x',
  '$SYS/x',
  `t/${'x'.repeat(300)}`,
  '',
]
const filters = [
  't/a',
  't/+',
  't/#',
  '+/a',
  '#',
  'secret/#',
  '$share/g/t/#',
  '$share/g/t/a',
  '$share/h/t/+',
  '$share/g',
  't/a/#',
  'devices/a/#',
]
const clientIds = ['one', 'two', '']
const pick = <T>(list: readonly T[], byte: number, otherwise: T): T => list[byte % list.length] ?? otherwise

/** Everything but what begins with `secret` or `$`; a narrow policy has no `t/a` either. */
function policyOf(isNarrow: boolean): BoundPolicy {
  const plain = (filter: string): string => (filter.startsWith('$share/') ? filter.split('/').slice(2).join('/') : filter)
  const bad = (text: string): boolean => /^[$#+]|^secret/.test(text) || (isNarrow && /^t\/(a|#|\+)/.test(text))
  const rule = (text: string): string | undefined => (bad(plain(text)) ? undefined : 'rule')
  return { connect: () => 'rule', publish: rule, subscribe: rule, receive: rule }
}

/** Runs the script, then asks the witness. */
export async function target(input: Buffer): Promise<void> {
  const world = gateway({
    limits: {
      connectionsPerIdentity: 4,
      receiveMaximum: 8,
      inflight: 4,
      queueMessages: 20,
      queueBytes: 8_000,
      sessionsPerIdentity: 6,
      subscriptionsPerSession: 10,
    },
  })
  world.applyPolicy(() => policyOf(false))
  const witness = world.connect('witness', { version: 5, keepAliveSeconds: 0, properties: { sessionExpiryInterval: 3_600 } })
  witness.subscribe('t/witness', 1)
  await settle(world)
  const clients: (Client | undefined)[] = []
  const script = new Script(input)
  for (let steps = 0; steps < maxSteps && !script.isOver; steps++) {
    await step(world, clients, script)
    for (const client of clients) if (client !== undefined) hear(client)
  }
  world.journal.isFull = false
  world.journal.resume()
  world.applyPolicy(() => policyOf(false))
  for (const connection of world.desk.live()) connection.resume()
  await settle(world)
  assert.ok(world.broker.queuedBytes <= 1_000_000 && world.broker.sessions <= 3 * 6 + 1, 'what waits is bounded')
  await witness.received()
  assert.equal(witness.transport.state, 'open')
  witness.publish('t/witness', 1, 77)
  await settle(world)
  const heard = (await witness.received()).map(({ type }) => type).toSorted()
  assert.deepEqual(heard, ['puback', 'publish'], 'the witness is served')
  for (const client of clients) client?.connection.lost()
}

/** The disk takes everything, and what was gathered leaves. */
async function settle({ journal }: World): Promise<void> {
  for (let round = 0; round < 4; round++) {
    journal.flush()
    await Promise.resolve()
  }
}

async function step(world: World, clients: (Client | undefined)[], script: Script): Promise<void> {
  const action = script.byte()
  const slot = script.byte() % slots
  const client = clients[slot]
  switch (action % 24) {
    case 0:
    case 1:
      client?.connection.lost()
      clients[slot] = open(world, script)
      return
    case 2:
      return mangled(client, script)
    case 3:
      return settle(world)
    case 4: {
      world.clock.advance(script.byte() * 100)
      world.desk.tick = world.clock.monotonic()
      world.broker.tick()
      for (const connection of world.desk.live()) {
        if (world.desk.tick - connection.lastHeard > connection.patienceMs && connection.principal?.device !== 'witness')
          connection.end('keep-alive-timeout')
        else connection.endIfExpired(world.clock.now())
      }
      return
    }
    case 5:
      return client?.connection.lost()
    case 6: {
      const choice = script.byte()
      world.journal.isFull = choice % 3 === 1
      world.journal.paused = choice % 3 === 2
      if (choice % 3 === 0) {
        world.journal.resume()
        for (const connection of world.desk.live()) connection.resume()
      }
      return
    }
    case 7: {
      const isNarrow = script.byte() % 4 === 1
      world.applyPolicy(({ identity }) => policyOf(isNarrow && identity !== 'witness'))
      return
    }
    case 8:
      if (client !== undefined) client.transport.bufferedBytes = (script.byte() % 3) * 2_000_000
      return
    default:
      // Whoever is gone comes back, or most of a script would speak to nobody.
      if (client === undefined || client.transport.state !== 'open') clients[slot] = open(world, script)
      else client.connection.receive(encode(later(script, client.version), client.version))
  }
}

function open(world: World, script: Script): Client {
  const choice = script.byte()
  const version: ProtocolVersion = (choice & 1) === 0 ? 4 : 5
  const clientId = pick(clientIds, script.byte(), 'one')
  const will: ConnectPacket['will'] = {
    topic: choice > 240 ? 'secret/x' : pick(['t/a', 't/b', 't/a/b'], choice, 't/a'),
    payload: Buffer.from('will'),
    qos: qosOf(choice >> 4),
    retain: (choice & 8) !== 0,
    properties: version === 5 ? { willDelayInterval: choice % 5 } : undefined,
  }
  const { transport, connection } = world.connect((choice & 2) === 0 ? 'a' : 'b', {
    version,
    clientId,
    cleanStart: (choice & 4) !== 0 || (version === 4 && clientId === ''),
    keepAliveSeconds: choice % 7,
    will: (choice & 64) === 0 ? undefined : will,
    properties:
      version === 5 ? { sessionExpiryInterval: choice % 20, receiveMaximum: 1 + (choice % 4), topicAliasMaximum: choice % 3 } : undefined,
  })
  const reader = new FrameReader({ role: 'client', version })
  reader.allow(100_000)
  return { transport, connection, reader, version }
}

/** A good packet with bytes of it overwritten, or bytes as they are. */
function mangled(client: Client | undefined, script: Script): void {
  if (client === undefined) return
  const choice = script.byte()
  const bytes = (choice & 1) === 0 ? Buffer.from(script.take(choice >> 2)) : encode(later(script, client.version), client.version)
  for (let count = choice & 3; count > 0 && bytes.length > 0; count--) bytes[script.byte() % bytes.length] = script.byte()
  client.connection.receive(bytes)
}

function later(script: Script, version: ProtocolVersion): MqttPacket {
  const kind = script.byte()
  const choice = script.byte()
  const packetId = 1 + (choice % 6)
  const five = version === 5
  switch (kind % 10) {
    case 0:
    case 1:
    case 2: {
      const qos = qosOf(kind >> 4)
      const alias = five && choice > 200 ? { topicAlias: 1 + (choice % 17) } : undefined
      const topic = pick(topics, script.byte(), 't/a')
      const properties = five ? { ...alias, ...(choice % 5 === 0 ? { messageExpiryInterval: choice % 4 } : {}) } : undefined
      const payload = Buffer.alloc(choice % 3 === 0 ? 0 : choice)
      const named = topic === '' && alias === undefined ? 't/a' : topic
      return {
        type: 'publish',
        topic: named,
        payload,
        qos,
        retain: choice % 7 === 0,
        dup: qos > 0 && choice % 2 === 0,
        packetId: qos > 0 ? packetId : undefined,
        properties,
      }
    }
    case 3:
      return { type: 'puback', packetId, reasonCode: five ? pick([0, 0x87, 0x10], choice, 0) : 0 }
    case 4:
      return { type: 'pubrec', packetId, reasonCode: five ? pick([0, 0, 0x97], choice, 0) : 0 }
    case 5:
      return { type: pick(['pubrel', 'pubcomp'] as const, choice >> 3, 'pubrel'), packetId, reasonCode: 0 }
    case 6:
    case 7: {
      const filter = pick(filters, script.byte(), 't/a')
      const flag = five && (choice & 16) !== 0
      const noLocal = flag && !filter.startsWith('$share')
      const retainHandling = five ? pick([0, 1, 2] as const, choice, 0) : 0
      const properties = five && choice % 3 === 0 ? { subscriptionIdentifiers: [1 + choice] } : undefined
      return {
        type: 'subscribe',
        packetId,
        subscriptions: [{ filter, qos: qosOf(kind >> 5), noLocal, retainAsPublished: flag, retainHandling }],
        properties,
      }
    }
    case 8:
      return choice % 4 === 0 ? { type: 'pingreq' } : { type: 'unsubscribe', packetId, filters: [pick(filters, script.byte(), 't/a')] }
    default:
      if (five && choice % 3 === 0)
        return { type: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'K8S-SAT', authenticationData: Buffer.from('x') } }
      return {
        type: 'disconnect',
        reasonCode: five ? pick([0, 4, 0x81], choice, 0) : 0,
        properties: five && choice % 2 === 0 ? { sessionExpiryInterval: choice } : undefined,
      }
  }
}

function qosOf(bits: number): QoS {
  return pick([0, 1, 2] as const, bits, 0)
}

/** What the gateway said to a client must be packets of a server, in the client's version. */
function hear({ transport, reader }: Client): void {
  for (const bytes of transport.written.splice(0)) reader.push(bytes)
  for (let packet = reader.next(); packet !== undefined; packet = reader.next())
    assert.ok(packet.type !== 'malformed', packet.type === 'malformed' ? `${packet.clause}: ${packet.message}` : '')
}
