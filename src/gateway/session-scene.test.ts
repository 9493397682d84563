import type { DeviceId, Subject } from '#base'
import { type Link, type Message, type SessionChange, Broker } from '#broker'
import { type TelemetryFact, encodeFact, encodeTelemetry } from '#journal'
import type { Session, StoredSubscription } from '#broker'
import { Acknowledgements } from './acknowledgements.ts'
import { changeRecord } from './change-record.ts'
import { type SessionRow, type StateChanges, type StateStore, followState } from './session-cursor.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { HeldJournal } from '../../test/held-journal.ts'

/*
 * A hub in small, for tests of what survives a crash: the real engine, the real line of acknowledgements and the real records on a journal
 * whose disk does what the test says, rows in memory, and clients that remember what they got. A crash keeps the rows and a part of the
 * journal; everything else is new.
 */

/** Rows in memory that fail when told to. */
export class MemoryState implements StateStore {
  readonly retained: Map<string, { readonly record: Buffer; readonly about: string | undefined }>
  readonly sessions: Map<string, SessionRow>
  upTo = 0
  /** Fails the nth save from now. */
  failAt = Infinity
  saves = 0

  constructor(from?: MemoryState) {
    this.retained = new Map(from?.retained)
    this.sessions = new Map(from?.sessions)
    this.upTo = from?.upTo ?? 0
  }

  async load() {
    return { retained: [...this.retained.values()], sessions: [...this.sessions.values()], upTo: this.upTo }
  }

  async save(changes: StateChanges, upTo: number | undefined) {
    this.saves++
    if (--this.failAt === 0) throw new Error('the disk says no')
    for (const [topic, row] of changes.retained)
      if (row === undefined) this.retained.delete(topic)
      else this.retained.set(topic, row)
    for (const { owner, clientId, row } of changes.sessions)
      if (row === undefined) this.sessions.delete(`${owner}\0${clientId}`)
      else this.sessions.set(`${owner}\0${clientId}`, { owner, clientId, row })
    if (upTo !== undefined) this.upTo = upTo
  }
}

/** Identity `name`, client identifier `c`. */
export function subjectOf(name: string): Subject {
  return { identity: name as DeviceId, username: name, clientId: 'c', attributes: {} }
}

/** A client of the world: it lives longer than the hub, and does with packets what MQTT asks. */
export class WorldClient implements Link {
  readonly subject: Subject
  id = ''
  session: Session | undefined
  readonly writable = true
  /** Bodies as the application got them, in order: QoS 2 once for each identifier. */
  readonly got: {
    readonly body: string
    readonly qos: 0 | 1 | 2
    readonly dup: boolean
    readonly retain: boolean
    readonly identifiers: readonly number[]
  }[] = []
  /** Acknowledgements that it owes. */
  readonly owes: (() => void)[] = []
  readonly #received = new Set<number>()

  constructor(name: string) {
    this.subject = subjectOf(name)
  }

  deliver(message: Message, qos: 0 | 1 | 2, packetId: number, retain: boolean, dup: boolean, identifiers: readonly number[]): boolean {
    const session = this.session
    if (qos < 2 || !this.#received.has(packetId)) this.got.push({ body: message.payload.toString(), qos, dup, retain, identifiers })
    if (qos === 2) this.#received.add(packetId)
    if (qos === 1) this.owes.push(() => session?.outgoing.acknowledge(packetId))
    if (qos === 2) this.owes.push(() => session?.outgoing.received(packetId, 0))
    return true
  }

  release(packetId: number): void {
    const session = this.session
    this.#received.delete(packetId)
    this.owes.push(() => session?.outgoing.completed(packetId))
  }

  takenOver(): void {}
  stuck(): void {}

  /** The hub has no session for it: it knows nothing of QoS 2 either [MQTT-3.2.2-5]. */
  forget(): void {
    this.#received.clear()
  }

  /** The connection is gone; what it owed on it is void. */
  cut(): void {
    this.session = undefined
    this.owes.length = 0
  }
}

/** One life of the hub. */
export class World {
  readonly clock: FakeClock
  readonly journal: HeldJournal
  readonly rows: MemoryState
  readonly broker: Broker
  readonly acknowledgements: Acknowledgements
  readonly errors: string[] = []
  readonly wills: string[] = []
  readonly changes: SessionChange[] = []
  #connections = 0
  #isOpen = false
  #stop: () => Promise<void> = async () => {}

  private constructor(clock: FakeClock, journal: HeldJournal, rows: MemoryState, denied: (subject: Subject, topic: string) => boolean) {
    this.clock = clock
    this.journal = journal
    this.rows = rows
    const session = {
      queueMessages: 200,
      queueBytes: 100_000_000,
      queueStrategy: 'None',
      subscriptionsPerSession: 100,
      messageExpirySeconds: undefined,
    } as const
    this.broker = new Broker(
      { retained: { messages: 1_000, bytes: 1_000_000 }, totalQueueBytes: 1_000_000_000, session },
      {
        now: () => clock.now(),
        mayReceive: (subject, topic) => !denied(subject, topic),
        maySubscribe: () => true,
        mayPublish: () => true,
      },
    )
    this.acknowledgements = new Acknowledgements((message) => this.broker.publish(message))
  }

  /** Starts on what an earlier life left. */
  static async open(
    from: { readonly clock?: FakeClock; readonly journal?: HeldJournal; readonly rows?: MemoryState } = {},
    denied: (subject: Subject, topic: string) => boolean = () => false,
  ): Promise<World> {
    const world = new World(from.clock ?? new FakeClock(), from.journal ?? new HeldJournal(), from.rows ?? new MemoryState(), denied)
    const { journal, broker, clock, rows } = world
    world.#stop = await followState({
      journal,
      broker,
      clock,
      store: rows,
      mayReceive: (subject, topic) => !denied(subject, topic),
      routedTo: () => (world.#isOpen ? world.acknowledgements.routedTo : journal.durableEnd),
      messageExpirySeconds: undefined,
      totalQueueBytes: 1_000_000_000,
      trouble: (what, error) => void world.errors.push(`${what} ${String(error)}`),
    })
    world.acknowledgements.durable(journal.durableEnd)
    world.#isOpen = true
    journal.onDurable((end) => world.acknowledgements.durable(end))
    broker.open({
      record: (change) => world.#record(change),
      whenDurable: (offset, then) => world.acknowledgements.whenDurable(offset + 1, then),
      publishWill: (_, will) => {
        world.wills.push(will.topic)
        world.publish('will', { topic: will.topic, body: `will ${will.topic}`, qos: 1 })
      },
      dropped: (_, reason, count) => void world.errors.push(`dropped ${count} ${reason}`),
    })
    return world
  }

  #record(change: SessionChange): number {
    this.changes.push(change)
    const record = changeRecord(change, this.clock.now())
    return this.journal.append(Buffer.isBuffer(record) ? record : encodeFact(record))
  }

  /** Connects a client; true when its session was there. */
  connect(
    client: WorldClient,
    options: {
      readonly cleanStart?: boolean
      readonly expirySeconds?: number
      readonly window?: number
      readonly will?: string
      readonly delaySeconds?: number
    } = {},
  ): boolean {
    client.cut()
    client.id = `${client.subject.identity}-${this.clock.now()}-${this.journal.end}-${++this.#connections}`
    const { cleanStart = false, expirySeconds = 3_600, window = 5, delaySeconds = 60 } = options
    const will =
      options.will === undefined
        ? undefined
        : ({
            topic: options.will,
            payload: Buffer.from('x'),
            qos: 1,
            retain: false,
            properties: undefined,
            delaySeconds,
            stamp: Buffer.alloc(0),
          } as const)
    const { subject } = client
    const asked = { subject, cleanStart, expirySeconds, limits: this.limits, mqttVersion: 5, will, link: client } as const
    const { session, present } = this.broker.attach(asked)
    client.session = session
    if (!present) client.forget()
    this.broker.start(session, client, window)
    return present
  }

  get limits() {
    return {
      queueMessages: 200,
      queueBytes: 100_000_000,
      queueStrategy: 'None',
      subscriptionsPerSession: 100,
      messageExpirySeconds: undefined,
    } as const
  }

  /** The client vanishes. */
  leave(client: WorldClient, will: 'publish' | 'discard' = 'publish'): void {
    const { session } = client
    client.cut()
    if (session !== undefined) this.broker.detach(session, client, will)
  }

  /** SUBSCRIBE; `granted` is called when SUBACK leaves. */
  subscribe(client: WorldClient, asked: Partial<StoredSubscription> & { readonly filter: string }, granted: () => void = () => {}): void {
    const { session } = client
    if (session === undefined) return
    const full = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: undefined, ...asked } as const
    const { recorded, retained } = this.broker.subscribe(session, [full])
    this.#then(recorded, () => {
      granted()
      this.broker.sendRetained(session, retained)
    })
  }

  unsubscribe(client: WorldClient, filter: string): void {
    if (client.session !== undefined) this.broker.unsubscribe(client.session, [filter])
  }

  /** PUBLISH of somebody; `acknowledged` is called when PUBACK or PUBREC leaves. False: it was a duplicate of QoS 2. */
  publish(
    device: string,
    message: { readonly topic: string; readonly body: string; readonly qos: 0 | 1 | 2; readonly retain?: boolean; readonly dup?: boolean },
    acknowledged: () => void = () => {},
    from?: { readonly client: WorldClient; readonly packetId: number },
  ): boolean {
    const session = from?.client.session
    if (from !== undefined && session?.received.has(from.packetId) === true) {
      this.#then(this.journal.end - 1, acknowledged)
      return false
    }
    const isHeld = session?.isStored === true && message.qos === 2
    const { topic, body, qos, retain = false, dup = false } = message
    const connection = from?.client.id ?? ''
    const stamp = { device, auth: '', generation: '', connection, transport: 'mqtts' }
    const fact: TelemetryFact = {
      kind: 'telemetry',
      time: this.clock.now(),
      ...stamp,
      topic,
      qos,
      retain,
      dup,
      mqttVersion: 5,
      properties: Buffer.alloc(0),
      body: Buffer.from(body),
      ...(isHeld && from !== undefined ? { packetId: from.packetId } : {}),
    }
    const offset = this.journal.append(encodeTelemetry(fact))
    if (isHeld && from !== undefined) session.take(from.packetId)
    const publisher = from?.client.subject ?? { ...subjectOf(device), clientId: '' }
    const sent: Message = {
      topic,
      payload: fact.body,
      qos,
      retain,
      properties: undefined,
      publisher,
      from: connection,
      offset,
      expiresAt: undefined,
    }
    if (retain) this.broker.retained.set(sent)
    this.acknowledgements.wait(undefined, 0, 0, offset + 1, sent)
    this.#then(offset, acknowledged)
    return true
  }

  /** PUBREL of a publisher; `completed` is called when PUBCOMP leaves. */
  release(client: WorldClient, packetId: number, completed: () => void = () => {}): void {
    const released = client.session === undefined ? undefined : this.broker.release(client.session, packetId)
    this.#then(released?.recorded ?? -1, completed)
  }

  #then(recorded: number, then: () => void): void {
    if (recorded < 0) then()
    else this.acknowledgements.whenDurable(recorded + 1, then)
  }

  /** Rows are written, if the store lets them. */
  async checkpoint(): Promise<void> {
    this.clock.advance(5_000)
    await new Promise<void>((resolve) => void setImmediate(resolve))
    await new Promise<void>((resolve) => void setImmediate(resolve))
  }

  /** An orderly end. */
  async stop(): Promise<void> {
    await this.#stop()
  }

  /** What a crash leaves: rows, and the journal with `more` of the records that were not durable. */
  crash(more = 0): { readonly clock: FakeClock; readonly journal: HeldJournal; readonly rows: MemoryState } {
    const journal = new HeldJournal()
    for (const record of this.journal.records.slice(0, Math.min(this.journal.end, this.journal.durableEnd + more))) journal.append(record)
    journal.start = this.journal.start
    journal.flush()
    return { clock: new FakeClock(this.clock.now()), journal, rows: new MemoryState(this.rows) }
  }
}
