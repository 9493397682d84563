import assert from 'node:assert/strict'
import { type PolicySet, type Principal, compilePolicies, noServices } from '#access'
import { instant, ok, plus } from '#base'
import { Broker } from '#broker'
import { openBus } from '#bus'
import { decodeRecord, recordKind } from '#journal'
import { type ConnectPacket, FrameReader, type MqttPacket, type Next, encode } from '#wire/mqtt'
import { Connection } from './connection.ts'
import { Desk } from './desk.ts'
import { FakeTransport } from './gateway-scene.test.ts'
import { type ListenerLimits, defaultListenerLimits } from './listener-limits.ts'
import { subjectOf } from '../../test/model/alphabet.ts'
import { policies, policyText } from '../../test/model/authority.ts'
import { Expected } from '../../test/model/expected.ts'
import { type History, type Publication, type Step, randomHistory, shown, shrink } from '../../test/model/history.ts'
import type { ModelSession, Place } from '../../test/model/session.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { FakeGatewayHub } from '../../test/fake-gateway-hub.ts'
import { HeldJournal } from '../../test/held-journal.ts'
import { parsed } from '../../test/policy-fixture.ts'
import { SeededRandom } from '../../test/seeded-random.ts'

/*
 * A history lived by the real parts in one process (policies parsed from their text, the engine, the desk, connections that speak bytes)
 * and by the model beside it, compared after every step.
 */

/** The policies of the model, as the program compiles them. */
export const compiled: readonly PolicySet[] = policies.map((policy, index) => compilePolicies(parsed(policyText(policy)), index))

const limits: ListenerLimits = {
  ...defaultListenerLimits,
  sessionExpirySeconds: 3_600,
  inflight: 20,
  connectionsPerIdentity: 1_000,
  sessionsPerIdentity: 1_000,
}

/** The client's end of a connection. */
type Client = {
  readonly who: number
  readonly place: Place
  readonly version: 4 | 5
  readonly transport: FakeTransport
  readonly connection: Connection
  readonly reader: FrameReader
  /** What it has to answer, in order. */
  readonly owes: { readonly type: 'puback' | 'pubrec' | 'pubcomp'; readonly packetId: number }[]
  isGreeted: boolean
}

/** What a client remembers over connections: QoS 2 identifiers of both ways. */
type Memory = { readonly received: Set<number>; readonly releasable: Set<number> }

/** One life of a hub, and of the model. */
export class ModelRun {
  readonly #clock = new FakeClock(0)
  readonly #journal = new HeldJournal()
  readonly #broker: Broker
  readonly #desk: Desk
  readonly #expected: Expected
  readonly #memories = new Map<ModelSession, Memory>()
  #clients: Client[] = []
  #bodies = 0
  #packetId = 100
  #role = 0
  #who = 0
  #credentialSeconds = 0

  constructor(policy: number) {
    this.#expected = new Expected(policy)
    const [clock, policyOf] = [this.#clock, () => compiled[this.#expected.policy] ?? assert.fail()]
    this.#broker = new Broker(
      { retained: { messages: 1_000, bytes: 1_000_000 }, totalQueueBytes: 1_000_000_000, session: limits },
      {
        now: () => clock.now(),
        mayReceive: (subject, topic) => policyOf().bind(subject).receive(topic) !== undefined,
        maySubscribe: (subject, filter) => policyOf().bind(subject).subscribe(filter) !== undefined,
        mayPublish: (subject, topic) => policyOf().bind(subject).publish(topic) !== undefined,
      },
    )
    this.#desk = new Desk({
      clock,
      journal: this.#journal,
      broker: this.#broker,
      random: new SeededRandom(7),
      bus: openBus(clock),
      hub: new FakeGatewayHub(),
      authenticate: () => ok(this.#principal()),
      services: noServices,
      policyOf: (subject) => policyOf().bind(subject),
      serverTls: () => ({ key: '', cert: '', clientCa: '' }),
      onServerTls: () => {},
      describeCertificate: () => undefined,
      isProbePort: () => false,
      health: () => [],
    })
    this.#journal.onDurable((end) => this.#desk.acknowledgements.durable(end))
  }

  /** Takes one step in both worlds, and returns what is wrong after it. */
  async take(step: Step): Promise<readonly string[]> {
    this.#do(step)
    for (const session of this.#memories.keys()) if (session.isOver) this.#memories.delete(session)
    // What is gathered in a turn leaves at its end.
    await Promise.resolve()
    for (const client of this.#clients) this.#read(client)
    this.#expected.debts.settle(this.#expected.now)
    this.#compare(step)
    this.#clients = this.#clients.filter(({ place }) => place.isOpen)
    return this.#expected.debts.problems
  }

  /** Brings everyone back under a policy that allows everything, until nothing more comes. Then nothing may be missing, or be held. */
  async finish(): Promise<readonly string[]> {
    const [{ sessions }, { problems }] = [this.#expected, this.#expected.debts]
    const whole = {
      do: 'connect',
      version: 5,
      cleanStart: false,
      expirySeconds: 3_600,
      window: 100,
      will: undefined,
      credentialSeconds: 0,
    } as const
    await this.take({ do: 'policy', policy: 0 })
    await this.take({ do: 'flush' })
    for (const subject of sessions.map((session) => session.subject)) {
      const index = everyone.findIndex((one) => one === subject)
      await this.take({ ...whole, who: Math.floor(index / 3), role: index % 3 })
    }
    for (let round = 0, quiet = 0; round < 60 && quiet < 3 && problems.length === 0; round++) {
      const before = this.#expected.debts.lost(this.#expected.now).length + this.#clients.reduce((sum, { owes }) => sum + owes.length, 0)
      for (const { who } of this.#clients) {
        await this.take({ do: 'acknowledge', who, count: 1_000 })
        await this.take({ do: 'release', who })
      }
      await this.take({ do: 'flush' })
      quiet = before === 0 ? quiet + 1 : 0
    }
    problems.push(...this.#expected.debts.lost(this.#expected.now))
    if (problems.length > 0) return problems
    for (const { who } of this.#clients) await this.take({ do: 'leave', who, how: 'goodbye', expirySeconds: 0 })
    const { sessions: left, subscriptions, queuedBytes } = this.#broker
    if (left + subscriptions + queuedBytes > 0)
      problems.push(`${left} sessions, ${subscriptions} subscriptions and ${queuedBytes} bytes are left`)
    const written = this.#journal.records
      .filter((bytes) => recordKind(bytes) === 'telemetry')
      .map((bytes) => decodeRecord(bytes))
      .flatMap((fact) => (fact.ok && fact.value.kind === 'telemetry' ? [fact.value.body.toString()] : []))
    const taken = this.#expected.taken.map(({ body }) => body)
    if (written.join() !== taken.join()) problems.push(`the journal has ${written.join()}, taken was ${taken.join()}`)
    return problems
  }

  #do(step: Step): void {
    const expected = this.#expected
    if (step.do === 'connect') return this.#connect(step)
    if (step.do === 'policy') {
      expected.change(step.policy)
      this.#desk.policyChanged()
    } else if (step.do === 'wait') {
      expected.wait(step.seconds)
      this.#clock.advance(step.seconds * 1_000)
      this.#desk.tick = this.#clock.monotonic()
      for (const connection of this.#desk.live()) connection.endIfExpired(this.#clock.now())
      this.#broker.tick()
    } else if (step.do === 'flush') {
      expected.flush()
      this.#journal.flush()
    } else {
      const client = this.#clients.find(({ who, place }) => who === step.who && place.isOpen)
      if (client !== undefined) this.#act(client, step)
    }
  }

  #connect(step: Extract<Step, { readonly do: 'connect' }>): void {
    const isOld = step.version === 4
    const { who, version, cleanStart, will, window } = step
    const asked = {
      ...step,
      expirySeconds: isOld ? (cleanStart ? 0 : 3_600) : step.expirySeconds,
      window: isOld ? 20 : window,
      will: will && (isOld ? { ...will, delaySeconds: 0, expirySeconds: 0 } : will),
    }
    this.#who = who
    this.#role = step.role
    this.#credentialSeconds = step.credentialSeconds
    const body = `w${++this.#bodies}`
    const subject = subjectOf(who, step.role)
    const answer = this.#expected.connect(subject, asked, body)
    const transport = new FakeTransport('')
    const connection = new Connection(transport, this.#desk, limits)
    const packet: ConnectPacket = {
      type: 'connect',
      version,
      clientId: subject.clientId,
      cleanStart,
      keepAliveSeconds: 1_000,
      ...(asked.will === undefined
        ? {}
        : { will: { ...wireOf(asked.will, body), properties: isOld ? undefined : willProperties(asked.will) } }),
      ...(isOld ? {} : { properties: { sessionExpiryInterval: asked.expirySeconds, receiveMaximum: window } }),
    }
    connection.receive(encode(packet, version))
    const reader = new FrameReader({ role: 'client', version })
    reader.allow(100_000)
    if (answer === undefined) {
      for (const bytes of transport.written) reader.push(bytes)
      const refused = reader.next()
      const isRefused = refused?.type === 'connack' && refused.reasonCode === 0x87 && transport.state === 'ended'
      if (!isRefused) this.#expected.debts.problems.push(`${subject.identity} ${subject.clientId} was not refused`)
      return
    }
    if (!answer.present) this.#memories.delete(answer.place.session)
    answer.place.answers.push(`connack ${answer.present} 0`)
    this.#clients.push({ who, place: answer.place, version, transport, connection, reader, owes: [], isGreeted: false })
  }

  #act(client: Client, step: Exclude<Step, { readonly do: 'connect' | 'policy' | 'wait' | 'flush' }>): void {
    const expected = this.#expected
    const { place, version, connection, owes } = client
    const isOld = version === 4
    const send = (packet: MqttPacket) => connection.receive(encode(packet, version))
    switch (step.do) {
      case 'leave': {
        const { session } = place
        const isKeepable = !isOld && session.expirySeconds > 0
        const expiry = isKeepable ? step.expirySeconds : undefined
        if (step.how === 'lost') {
          expected.leave(place, undefined, true)
          return connection.lost()
        }
        const withWill = step.how === 'with-will' && !isOld
        if (expiry !== undefined) session.expirySeconds = expiry
        expected.leave(place, undefined, withWill)
        const properties = expiry === undefined ? {} : { properties: { sessionExpiryInterval: expiry } }
        return send({ type: 'disconnect', reasonCode: withWill ? 4 : 0, ...properties })
      }
      case 'subscribe': {
        const { filters, qos } = step
        const asked = isOld ? { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 as const, identifier: undefined } : step
        const { noLocal, retainAsPublished, retainHandling, identifier } = asked
        const codes = expected.subscribe(place, filters, asked)
        const packetId = ++this.#packetId
        place.answers.push(`suback ${packetId} ${codes.join()}`)
        const properties = identifier === undefined ? {} : { properties: { subscriptionIdentifiers: [identifier] } }
        const subscriptions = filters.map((filter) => ({ filter, qos, noLocal, retainAsPublished, retainHandling }))
        return send({ type: 'subscribe', packetId, subscriptions, ...properties })
      }
      case 'unsubscribe': {
        const codes = expected.unsubscribe(place, step.filter)
        const packetId = ++this.#packetId
        place.answers.push(`unsuback ${packetId} ${isOld ? '' : codes.join()}`)
        return send({ type: 'unsubscribe', packetId, filters: [step.filter] })
      }
      case 'publish': {
        const publication = isOld ? { ...step, expirySeconds: 0 } : step
        const packetId = step.qos === 2 ? step.packetId : step.qos === 1 ? ++this.#packetId : undefined
        const body = `m${++this.#bodies}`
        const code = expected.publish(place, publication, step.packetId, body)
        if (step.qos > 0) place.answers.push(`${step.qos === 1 ? 'puback' : 'pubrec'} ${packetId} ${code}`)
        return send({ type: 'publish', ...wireOf(publication, body), dup: false, packetId })
      }
      case 'release': {
        const { releasable } = this.#memoryOf(place.session)
        for (const packetId of releasable) {
          const isKnown = place.session.received.delete(packetId)
          place.answers.push(`pubcomp ${packetId} ${isKnown || isOld ? 0 : 0x92}`)
          send({ type: 'pubrel', packetId, reasonCode: 0 })
        }
        return releasable.clear()
      }
      case 'acknowledge':
        for (const { type, packetId } of owes.splice(0, step.count)) {
          if (!place.isOpen) return
          if (type !== 'pubcomp') expected.debts.acknowledged(place, packetId)
          if (type !== 'pubrec') place.inflight.delete(packetId)
          send({ type, packetId, reasonCode: 0 })
        }
    }
  }

  #read(client: Client): void {
    const { reader, transport } = client
    for (const bytes of transport.written.splice(0)) reader.push(bytes)
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) this.#got(client, packet)
  }

  #got(client: Client, packet: NonNullable<Next>): void {
    const { place, owes } = client
    const { problems } = this.#expected.debts
    const memory = this.#memoryOf(place.session)
    switch (packet.type) {
      case 'publish': {
        const { packetId = 0, qos } = packet
        this.#expected.debts.arrived(place, packet, this.#expected.now)
        if (qos > 0) owes.push({ type: qos === 1 ? 'puback' : 'pubrec', packetId })
        if (qos === 2) memory.received.add(packetId)
        return
      }
      case 'pubrel':
        memory.received.delete(packet.packetId)
        return void owes.push({ type: 'pubcomp', packetId: packet.packetId })
      case 'pubrec':
        if (packet.reasonCode < 0x80) memory.releasable.add(packet.packetId)
        return this.#answered(place, `pubrec ${packet.packetId} ${packet.reasonCode}`)
      case 'connack':
        return this.#answered(place, `connack ${packet.sessionPresent} ${packet.reasonCode}`)
      case 'suback':
      case 'unsuback':
        return this.#answered(place, `${packet.type} ${packet.packetId} ${packet.reasonCodes.join()}`)
      case 'puback':
      case 'pubcomp':
        return this.#answered(place, `${packet.type} ${packet.packetId} ${packet.reasonCode}`)
      case 'disconnect':
        if (place.isOpen || packet.reasonCode !== place.goodbye) problems.push(`DISCONNECT with ${packet.reasonCode}`)
        else place.goodbye = undefined
        return
      case 'auth':
      case 'connect':
      case 'malformed':
      case 'pingreq':
      case 'pingresp':
      case 'subscribe':
      case 'unsubscribe':
        return void problems.push(`a client got ${JSON.stringify(packet)}`)
    }
  }

  #answered(place: Place, answer: string): void {
    const at = place.answers.indexOf(answer)
    if (at < 0) this.#expected.debts.problems.push(`the answer ${answer} instead of ${place.answers.join('; ') || 'none'}`)
    else place.answers.splice(at, 1)
  }

  #compare(step: Step): void {
    const { problems } = this.#expected.debts
    for (const { place, version, transport } of this.#clients) {
      const who = `${place.session.subject.identity} ${place.session.subject.clientId}`
      if (place.isOpen !== (transport.state === 'open')) problems.push(`the connection of ${who} is ${transport.state}`)
      else if (!place.isOpen && version === 5 && place.goodbye !== undefined) problems.push(`${who} was not told ${place.goodbye}`)
      else if (place.isOpen && step.do === 'flush' && place.answers.length > 0)
        problems.push(`${who} has no answer ${place.answers.join('; ')}`)
    }
    if (this.#broker.sessions !== this.#expected.sessions.length)
      problems.push(`there are ${this.#broker.sessions} sessions instead of ${this.#expected.sessions.length}`)
  }

  #memoryOf(session: ModelSession): Memory {
    let memory = this.#memories.get(session)
    if (memory === undefined) this.#memories.set(session, (memory = { received: new Set(), releasable: new Set() }))
    return memory
  }

  #principal(): Principal {
    const subject = subjectOf(this.#who, this.#role)
    const seconds = this.#credentialSeconds
    return {
      device: subject.identity,
      subject,
      generationId: '1',
      mode: 'mqtt',
      userName: undefined,
      expiresAt: seconds === 0 ? undefined : plus(instant(this.#clock.now()), seconds * 1_000),
      authentication: { type: 'x509', scope: 'device', method: 'certificateAuthority', thumbprint: 'ab', serial: '01' },
    }
  }
}

const everyone = Array.from({ length: 36 }, (_, index) => subjectOf(Math.floor(index / 3), index % 3))

function wireOf({ topic, qos, retain, isEmpty, expirySeconds }: Publication, body: string) {
  const properties = expirySeconds === 0 ? undefined : { messageExpiryInterval: expirySeconds }
  return { topic, qos, retain, payload: Buffer.from(isEmpty ? '' : body), properties }
}

function willProperties({ delaySeconds, expirySeconds }: Publication & { readonly delaySeconds: number }) {
  return { willDelayInterval: delaySeconds, ...(expirySeconds === 0 ? {} : { messageExpiryInterval: expirySeconds }) }
}

/** Lives a history; returns what is wrong, the first problems only. */
export async function live({ policy, steps }: History): Promise<readonly string[]> {
  const run = new ModelRun(policy)
  for (const step of steps) {
    const problems = await run.take(step)
    if (problems.length > 0) return [`after ${JSON.stringify(step)}`, ...problems]
  }
  return run.finish()
}

/** Lives the histories of so many seeds. The first that goes wrong is cut down and shown; THINGWALL_SEED=n THINGWALL_HISTORIES=1 repeats it. */
export async function liveAll(firstSeed: number, histories: number): Promise<void> {
  for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
    const history = randomHistory(new SeededRandom(seed * 2_654_435_761))
    if ((await live(history)).length === 0) continue
    const shortest = await shrink(history, async (fewer) => (await live(fewer)).length > 0)
    assert.deepEqual(await live(shortest), [], `THINGWALL_SEED=${seed} THINGWALL_HISTORIES=1\n${shown(shortest)}`)
  }
}
