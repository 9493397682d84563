import type { Principal } from '#access'
import type { PolicyEffect } from '#broker'
import type { DeviceId } from '#base'
import { Acknowledgements } from './acknowledgements.ts'
import { openDoor } from './broker-door.ts'
import { ConnectionNews } from './connection-news.ts'
import { type Counters, newCounters } from './counters.ts'
import { FactLog } from './fact-log.ts'
import { LoadWatch } from './load-watch.ts'
import type { Member } from './member.ts'
import { DesiredListeners } from './operations/desired-listeners.ts'
import { type LoadBounds, defaultLoadBounds } from './overload.ts'
import type { GatewayPorts } from './ports.ts'
import type { RegistrationConversation } from './provisioning/mqtt-conversation.ts'
import { PublishRates } from './publish-rates.ts'
import { Takeovers } from './takeover-facts.ts'
import { PublishHeads } from './publish-heads.ts'

/** What gathers in a turn and is sent when the turn's work is done. */
type Flushed = { flush(): void }

/** What all connections of one gateway share. */
export class Desk {
  readonly ports: GatewayPorts
  readonly counters: Counters = newCounters()
  readonly facts: FactLog
  /** Which changes of connections back ends hear of. */
  readonly news: ConnectionNews
  readonly acknowledgements: Acknowledgements
  /** How much of what comes in is still taken. */
  readonly overload: LoadWatch
  readonly takeovers = new Takeovers()
  readonly rates = new PublishRates()
  readonly heads: PublishHeads
  /** Who wants to hear of desired properties. */
  readonly desired = new DesiredListeners()
  /** Devices that register by MQTT, who are nobody of the hub. */
  readonly registering = new Set<RegistrationConversation>()
  /** Monotonic milliseconds, refreshed a few times a second: exact enough for keep alive and free to read. */
  tick: number
  readonly #live = new Map<DeviceId, Set<Member>>()
  #open = 0
  readonly #due: Flushed[] = []

  constructor(ports: GatewayPorts, bounds: LoadBounds = defaultLoadBounds) {
    this.ports = ports
    this.facts = new FactLog(ports.journal, ports.clock)
    this.news = new ConnectionNews(ports.connectionEventMs ?? 0, ports.clock, (fact) => this.facts.tell(fact))
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
  *live(): Iterable<Member> {
    for (const connections of this.#live.values()) yield* connections
  }

  /** The live connections of one identity. */
  of(device: DeviceId): ReadonlySet<Member> {
    return this.#live.get(device) ?? new Set()
  }

  /**
   * A connection has an identity from now on. IoT Hub allows one stateful connection for each, by whichever protocol, so one in its form ends
   * the others in its form (azure-wire 2.3); plain MQTT clients are told apart by their client identifiers.
   */
  enter(principal: Principal, connection: Member): void {
    if (principal.mode === 'azure')
      for (const other of this.of(principal.device)) if (other !== connection && other.principal?.mode === 'azure') other.takenOver()
    let connections = this.#live.get(principal.device)
    if (connections === undefined) {
      connections = new Set()
      this.#live.set(principal.device, connections)
      if (isRegistered(principal)) this.ports.hub.presence.connected(principal.device)
    }
    connections.add(connection)
    this.#open++
  }

  /** It is gone. Harmless to call twice. */
  leave(principal: Principal, connection: Member): void {
    const connections = this.#live.get(principal.device)
    if (connections?.delete(connection) !== true) return
    this.#open--
    this.takeovers.holders.left(connection.clientId, connection.id, this.tick)
    if (connections.size > 0) return
    this.#live.delete(principal.device)
    this.rates.forget(principal.device)
    if (isRegistered(principal)) this.ports.hub.presence.disconnected(principal.device)
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
  flushLater(connection: Flushed): void {
    if (this.#due.push(connection) === 1) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const due = this.#due.splice(0)
    for (const connection of due) connection.flush()
  }
}

/** Identities of other methods than the registry's have no twin, and nobody asks whether they are connected. */
function isRegistered({ generationId }: Principal): boolean {
  return generationId !== ''
}
