import assert from 'node:assert/strict'
import { type BoundPolicy, type Principal, type Reauthenticate, compilePolicies, hubDevicesDocument, noServices } from '#access'
import { type DeviceId, type Subject, fail, ok, parseDeviceId } from '#base'
import { Broker } from '#broker'
import { openBus } from '#bus'
import { type Fact, decodeRecord } from '#journal'
import { type ConnectPacket, FrameReader, type MqttPacket, type PublishPacket, type Subscription, encode } from '#wire/mqtt'
import { type Ticket, freeTicket } from './admission.ts'
import { Connection } from './connection.ts'
import { Desk } from './desk.ts'
import { type ListenerLimits, defaultListenerLimits } from './listener-limits.ts'
import type { Transport } from './transport.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { FakeGatewayHub } from '../../test/fake-gateway-hub.ts'
import { HeldJournal } from '../../test/held-journal.ts'
import { SeededRandom } from '../../test/seeded-random.ts'

const id = (text: string): DeviceId => {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}

/** A socket that keeps what was written to it. Its certificate is the name of a device. */
export class FakeTransport implements Transport {
  readonly kind = 'mqtts'
  readonly address = '192.0.2.1'
  readonly isProbe = false
  readonly gone = Promise.resolve()
  readonly written: Buffer[] = []
  bufferedBytes = 0
  state: 'open' | 'ended' | 'destroyed' = 'open'
  paused = false
  known = false
  readonly #device: string
  constructor(device: string) {
    this.#device = device
  }
  write(bytes: Buffer): void {
    this.written.push(bytes)
  }
  end(): void {
    this.state = 'ended'
  }
  cut(): void {
    this.state = 'ended'
  }
  destroy(): void {
    this.state = 'destroyed'
  }
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
  certificates(): readonly Buffer[] {
    return [Buffer.from(this.#device)]
  }
  tls() {
    return { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', resumed: false }
  }
  authenticated(): void {
    this.known = true
  }
}

const listener = { ...defaultListenerLimits, maxPacketBytes: 1_000, connectionsPerIdentity: 2, sessionExpirySeconds: 3_600 }

/** Turns in which promises go on. */
export const turns = async (count = 20) => {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

/** A gateway without sockets: identities are what the fake certificate says, the disk waits for the test, the policy can be changed. */
export function gateway(
  more: { readonly limits?: Partial<ListenerLimits>; readonly reauthenticate?: Reauthenticate; readonly connectionEventMs?: number } = {},
) {
  const clock = new FakeClock()
  const journal = new HeldJournal()
  const builtIn = compilePolicies([hubDevicesDocument()], 0)
  let policyOf = (subject: Subject): BoundPolicy => builtIn.bind(subject)
  const limits = { ...listener, ...more.limits }
  const broker = new Broker(
    { retained: { messages: 100, bytes: 100_000 }, totalQueueBytes: 100_000_000, session: limits },
    {
      now: () => clock.now(),
      mayReceive: (subject, topic) => policyOf(subject).receive(topic) !== undefined,
      maySubscribe: (subject, filter) => policyOf(subject).subscribe(filter) !== undefined,
      mayPublish: (subject, topic) => policyOf(subject).publish(topic) !== undefined,
    },
  )
  const principal = (device: DeviceId, clientId: string): Principal => ({
    device,
    subject: { identity: device, username: device, clientId, attributes: { 'thingwall.device': 'true' } },
    generationId: '1',
    mode: 'mqtt',
    userName: undefined,
    expiresAt: undefined,
    authentication: { type: 'x509', scope: 'device', method: 'certificateAuthority', thumbprint: 'ab', serial: '01' },
  })
  /** What authentication says of a device; a test may replace it, or name those that it does not know any more. */
  const proof = { of: principal, gone: new Set<string>() }
  const hub = new FakeGatewayHub()
  const desk = new Desk({
    hub,
    clock,
    journal,
    broker,
    random: new SeededRandom(7),
    bus: openBus(clock),
    authenticate: ({ certificates, clientId }) => {
      const name = certificates[0]?.toString() ?? ''
      return name === 'stranger'
        ? fail({ code: 'pki/unknown-issuer', message: 'Not ours.', blame: 'credentials' })
        : ok(proof.of(id(name), clientId))
    },
    reauthenticate: more.reauthenticate,
    connectionEventMs: more.connectionEventMs,
    authenticateDevice: ({ identity, token }) =>
      token === `token of ${identity}` && !proof.gone.has(identity)
        ? ok(proof.of(identity, ''))
        : fail({ code: 'access/sas-signature', message: 'You may not connect.', blame: 'credentials' }),
    services: noServices,
    policyOf: (subject) => policyOf(subject),
    serverTls: () => ({ key: '', cert: '', clientCa: '' }),
    onServerTls: () => {},
    describeCertificate: () => undefined,
    isProbePort: () => false,
    health: () => [],
  })
  journal.onDurable((end) => desk.acknowledgements.durable(end))
  const connect = (device: string, more: Partial<ConnectPacket> = {}, ticket: Ticket = freeTicket) => {
    const transport = new FakeTransport(device)
    const connection = new Connection(transport, desk, limits, ticket)
    const version = more.version ?? 4
    const reader = new FrameReader({ role: 'client', version })
    reader.allow(100_000)
    const send = (packet: MqttPacket) => connection.receive(encode(packet, version))
    const received = async (): Promise<MqttPacket[]> => {
      await Promise.resolve()
      for (const bytes of transport.written.splice(0)) reader.push(bytes)
      const packets: MqttPacket[] = []
      for (let packet = reader.next(); packet !== undefined && packet.type !== 'malformed'; packet = reader.next()) packets.push(packet)
      return packets
    }
    send({ type: 'connect', version, clientId: 'c', cleanStart: true, keepAliveSeconds: 10, ...more })
    const publish = (topic: string, qos: 0 | 1 | 2, packetId: number | undefined, more: Partial<PublishPacket> = {}) =>
      send({ type: 'publish', topic, payload: Buffer.from('x'), qos, retain: false, dup: false, packetId, ...more })
    const subscribe = (filter: string, qos: 0 | 1 | 2, options: Partial<Subscription> & { identifier?: number } = {}) => {
      const { identifier, ...rest } = options
      const properties = identifier === undefined ? {} : { properties: { subscriptionIdentifiers: [identifier] } }
      const one = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0, ...rest } as const
      send({ type: 'subscribe', packetId: 1, subscriptions: [one], ...properties })
    }
    return { transport, connection, send, received, publish, subscribe }
  }
  const facts = (): Fact[] => journal.records.map((bytes) => decodeRecord(bytes)).flatMap((fact) => (fact.ok ? [fact.value] : []))
  /** Puts another policy in force, as an operator does. */
  const applyPolicy = (next: (subject: Subject) => BoundPolicy) => {
    policyOf = next
    return desk.policyChanged()
  }
  hub.twins.onDesired((change) => desk.desired.tell(change))
  return { clock, journal, broker, hub, desk, connect, facts, applyPolicy, proof }
}

/** A policy that allows what the lists have, literally, and connecting. */
export function allowing(publish: readonly string[], receive: readonly string[], filters: readonly string[] = receive): BoundPolicy {
  const rule = (list: readonly string[]) => (text: string) => (list.includes(text) ? 'rule' : undefined)
  return { connect: () => 'rule', publish: rule(publish), subscribe: rule(filters), receive: rule(receive) }
}
