import type { Principal } from '#access'
import type { PolicyEffect } from '#broker'
import type { DeviceId } from '#base'
import { Acknowledgements } from './acknowledgements.ts'
import { openDoor } from './broker-door.ts'
import type { Connection } from './connection.ts'
import { type Counters, newCounters } from './counters.ts'
import { FactLog } from './fact-log.ts'
import { LoadWatch } from './load-watch.ts'
import { type LoadBounds, defaultLoadBounds } from './overload.ts'
import type { GatewayPorts } from './ports.ts'
import { PublishRates } from './publish-rates.ts'
import { Takeovers } from './takeover-facts.ts'
import { PublishHeads } from './publish-heads.ts'

/** What all connections of one gateway share. */
export class Desk {
  readonly ports: GatewayPorts
  readonly counters: Counters = newCounters()
  readonly facts: FactLog
  readonly acknowledgements: Acknowledgements
  /** How much of what comes in is still taken. */
  readonly overload: LoadWatch
  readonly takeovers = new Takeovers()
  readonly rates = new PublishRates()
  readonly heads: PublishHeads
  /** Monotonic milliseconds, refreshed a few times a second: exact enough for keep alive and free to read. */
  tick: number
  readonly #live = new Map<DeviceId, Set<Connection>>()
  #open = 0
  readonly #due: Connection[] = []

  constructor(ports: GatewayPorts, bounds: LoadBounds = defaultLoadBounds) {
    this.ports = ports
    this.facts = new FactLog(ports.journal, ports.clock)
    this.acknowledgements = new Acknowledgements((message) => ports.broker.publish(message))
    this.overload = new LoadWatch(bounds, this.facts, ports.clock, this.counters)
    this.tick = ports.clock.monotonic()
    this.heads = new PublishHeads(ports.clock)
    this.acknowledgements.durable(ports.journal.durableEnd)
    ports.broker.open(openDoor(this))
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
    this.takeovers.holders.left(connection.clientId, connection.id, this.tick)
    if (connections.size > 0) return
    this.#live.delete(principal.device)
    this.rates.forget(principal.device)
  }

  /**
   * The policy is another: whoever may not be here any more, or lost a subscription, is cut off and told so (0x98); everybody else is
   * judged by it from the next packet on, and so is what was stored.
   */
  policyChanged(): PolicyEffect & { readonly closed: number } {
    let closed = 0
    // The will of who is cut off may go out in the middle of this.
    this.ports.broker.forgetRoutes()
    for (const connection of this.live()) if (!connection.judgeAgain()) closed++
    return { ...this.ports.broker.policyChanged(), closed }
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
