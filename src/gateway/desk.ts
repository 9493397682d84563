import type { Principal } from '#access'
import type { Message } from '#broker'
import type { DeviceId } from '#base'
import { type ProtocolVersion, type PublishHead, publishHead } from '#wire/mqtt'
import { Acknowledgements } from './acknowledgements.ts'
import type { Connection } from './connection.ts'
import { type Counters, newCounters } from './counters.ts'
import { FactLog } from './fact-log.ts'
import { LoadWatch } from './load-watch.ts'
import { type LoadBounds, defaultLoadBounds } from './overload.ts'
import type { GatewayPorts } from './ports.ts'

/** What all connections of one gateway share. */
export class Desk {
  readonly ports: GatewayPorts
  readonly counters: Counters = newCounters()
  readonly facts: FactLog
  readonly acknowledgements: Acknowledgements
  /** How much of what comes in is still taken. */
  readonly overload: LoadWatch
  /** Monotonic milliseconds, refreshed a few times a second: exact enough for keep alive and free to read. */
  tick: number
  readonly #live = new Map<DeviceId, Set<Connection>>()
  #open = 0
  readonly #due: Connection[] = []
  #head: { readonly message: Message; readonly key: number; readonly head: PublishHead } | undefined

  constructor(ports: GatewayPorts, bounds: LoadBounds = defaultLoadBounds) {
    this.ports = ports
    this.facts = new FactLog(ports.journal, ports.clock)
    this.acknowledgements = new Acknowledgements((message) => ports.broker.publish(message))
    this.overload = new LoadWatch(bounds, this.facts, ports.clock, this.counters)
    this.tick = ports.clock.monotonic()
  }

  /** Connections that have an identity. */
  get open(): number {
    return this.#open
  }

  /** Every live connection. */
  *live(): Iterable<Connection> {
    for (const connections of this.#live.values()) yield* connections
  }

  /** The live connections of one identity. */
  of(device: DeviceId): ReadonlySet<Connection> {
    return this.#live.get(device) ?? new Set()
  }

  enter(principal: Principal, connection: Connection): void {
    let connections = this.#live.get(principal.device)
    if (connections === undefined) {
      connections = new Set()
      this.#live.set(principal.device, connections)
    }
    connections.add(connection)
    this.#open++
  }

  leave(principal: Principal, connection: Connection): void {
    const connections = this.#live.get(principal.device)
    if (connections?.delete(connection) !== true) return
    this.#open--
    if (connections.size === 0) this.#live.delete(principal.device)
  }

  /** The encoded head of a delivery, made once for all who get the message in the same way. */
  headOf(message: Message, qos: 0 | 1, retain: boolean, version: ProtocolVersion): PublishHead {
    const key = version * 4 + qos * 2 + (retain ? 1 : 0)
    if (this.#head?.message === message && this.#head.key === key) return this.#head.head
    const { topicAlias: _, subscriptionIdentifiers: __, ...properties } = message.properties ?? {}
    const head = publishHead({ topic: message.topic, payloadBytes: message.payload.length, qos, retain, properties }, version)
    this.#head = { message, key, head }
    return head
  }

  /** Sends what `connection` gathered when this turn's work is done: many deliveries, one write. */
  flushLater(connection: Connection): void {
    if (this.#due.push(connection) === 1) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const due = this.#due.splice(0)
    for (const connection of due) connection.flush()
  }
}
