import assert from 'node:assert/strict'
import { type DeviceId, type Subject, limits, parseDeviceId } from '#base'
import {
  Broker,
  type BrokerDoor,
  type BrokerPorts,
  type DropReason,
  type Link,
  type Message,
  type Session,
  type SessionChange,
  type SessionLimits,
  type StoredWill,
} from '#broker'
import { FakeClock } from './fake-clock.ts'

/** A device id that the registry would take. */
export function deviceId(text: string): DeviceId {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}

/** Whom a policy speaks about, when its client identifier does not matter. */
export function subjectOf(name: string, clientId = 'c'): Subject {
  return { identity: deviceId(name), username: name, clientId, attributes: {} }
}

export const aliceId = deviceId('alice')
export const alice = subjectOf('alice')
export const bob = subjectOf('bob')

let connections = 0

/** What a link was given, in order. */
export type Sent =
  | {
      readonly type: 'publish'
      readonly topic: string
      readonly qos: number
      readonly packetId: number
      readonly retain: boolean
      readonly dup: boolean
      readonly body: string
      readonly identifiers: readonly number[]
    }
  | { readonly type: 'pubrel'; readonly packetId: number; readonly known: boolean }

type Published = Extract<Sent, { readonly type: 'publish' }>

/** A client that takes everything down. */
export class FakeLink implements Link {
  readonly log: Sent[] = []
  writable = true
  isTakenOver = false
  isStuck = false
  /** Bodies longer than this are refused. */
  longest = Number.MAX_SAFE_INTEGER
  readonly id: string
  constructor(name = `connection ${connections++}`) {
    this.id = name
  }
  /** The PUBLISHes alone. */
  get sent(): Published[] {
    return this.log.filter((sent) => sent.type === 'publish')
  }
  deliver(
    { topic, payload }: Message,
    qos: 0 | 1 | 2,
    packetId: number,
    retain: boolean,
    dup: boolean,
    identifiers: readonly number[],
  ): boolean {
    if (payload.length > this.longest) return false
    this.log.push({ type: 'publish', topic, qos, packetId, retain, dup, body: payload.toString(), identifiers })
    return true
  }
  release(packetId: number, known: boolean): void {
    this.log.push({ type: 'pubrel', packetId, known })
  }
  takenOver(): void {
    this.isTakenOver = true
  }
  stuck(): void {
    this.isStuck = true
  }
}

/** A publication by alice, at QoS 1. */
export function message(topic: string, body = 'x', more: Partial<Message> = {}): Message {
  return {
    topic,
    payload: Buffer.from(body),
    qos: 1,
    retain: false,
    properties: undefined,
    publisher: subjectOf('alice', 'publisher'),
    from: 'publisher',
    offset: -1,
    expiresAt: undefined,
    ...more,
  }
}

export const sessionLimits: SessionLimits = {
  queueMessages: limits.clientQueueMessages,
  queueBytes: limits.clientQueueBytes,
  queueStrategy: 'None',
  subscriptionsPerSession: limits.subscriptionsPerSession,
  messageExpirySeconds: undefined,
}

/** Connects a client, and lets messages flow. */
export function open(
  broker: Broker,
  subject: Subject,
  link: Link = new FakeLink(),
  more: { clean?: boolean; expiry?: number; window?: number; limits?: SessionLimits; will?: StoredWill; version?: 4 | 5 } = {},
): { readonly session: Session; readonly present: boolean } {
  const { session, present } = broker.attach({
    subject,
    cleanStart: more.clean ?? true,
    expirySeconds: more.expiry ?? 0,
    limits: more.limits ?? sessionLimits,
    mqttVersion: more.version ?? 5,
    will: more.will,
    link,
  })
  broker.start(session, link, more.window ?? 10)
  return { session, present }
}

type Options = { noLocal?: boolean; retainAsPublished?: boolean; retainHandling?: 0 | 1 | 2; identifier?: number }

/** Subscribes to one filter; retained messages are returned and not sent. */
export function subscribe(broker: Broker, session: Session, filter: string, qos: 0 | 1 | 2 = 1, more: Options = {}) {
  const { noLocal = false, retainAsPublished = false, retainHandling = 0, identifier } = more
  const { granted, retained, recorded } = broker.subscribe(session, [
    { filter, qos, noLocal, retainAsPublished, retainHandling, identifier },
  ])
  return { granted: granted[0], retained, recorded }
}

/** An engine that allows everything, with small bounds and a clock that stands still. */
export function newBroker(ports: Partial<BrokerPorts> & { totalQueueBytes?: number } = {}): Broker {
  const { totalQueueBytes = 100_000_000, ...rest } = ports
  const clock = new FakeClock()
  const allow = { now: () => clock.now(), mayReceive: () => true, maySubscribe: () => true, mayPublish: () => true }
  return new Broker({ retained: { messages: 4, bytes: 10_000 }, totalQueueBytes, session: sessionLimits }, { ...allow, ...rest })
}

/** A door whose disk does what the test says. */
export class FakeDoor implements BrokerDoor {
  readonly changes: SessionChange[] = []
  readonly wills: { readonly session: Session; readonly will: StoredWill }[] = []
  readonly drops: { readonly clientId: string; readonly reason: DropReason; readonly count: number }[] = []
  /** The journal takes nothing. */
  isFull = false
  durableTo = 0
  #waiting: { readonly offset: number; readonly go: () => void }[] = []
  record(change: SessionChange): number {
    return this.isFull ? -1 : this.changes.push(change) - 1
  }
  whenDurable(offset: number, go: () => void): void {
    if (this.#waiting.length === 0 && offset < this.durableTo) go()
    else this.#waiting.push({ offset, go })
  }
  /** The disk takes everything. */
  flush(): void {
    this.durableTo = this.changes.length
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.go()
  }
  publishWill(session: Session, will: StoredWill): void {
    this.wills.push({ session, will })
  }
  dropped({ clientId }: Session, reason: DropReason, count: number): void {
    this.drops.push({ clientId, reason, count })
  }
  /** Kinds of what was recorded. */
  get kinds(): readonly string[] {
    return this.changes.map((change) => change.kind)
  }
}
