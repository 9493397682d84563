import type { Hub } from '#hub'
import type { Ticket } from '../admission.ts'
import type { Desk } from '../desk.ts'
import type { KeyedRates } from '../keyed-rates.ts'
import { AmqpConnection, type AmqpTransport } from './connection.ts'
import type { EventsEndpoint } from './events/endpoint.ts'

/** What AMQP needs of the hub. */
export type AmqpHub = Pick<Hub, 'twins' | 'methods' | 'messages' | 'feedback' | 'fileNotifications' | 'presence'>

/** What all AMQP connections share. `hubName` is what feedback and events call us; `containerId` what AMQP does. */
export type AmqpShared = {
  readonly desk: Desk
  readonly hub: AmqpHub
  readonly hubName: string
  readonly containerId: string
  readonly events: EventsEndpoint
  /** How fast each back end sends to devices, by the name of its caller. */
  readonly sending: KeyedRates<string>
  /** Resolves when the journal takes messages again; at once if it does. */
  resumed(): Promise<void>
}

/** Every AMQP connection of this hub, whatever it came over. */
export class AmqpDoor {
  readonly #shared: AmqpShared
  readonly #connections = new Set<AmqpConnection>()
  readonly #stop: (() => void)[] = []

  /** Begins to listen for rights that end; {@link AmqpDoor.close} ends it. */
  constructor(shared: AmqpShared) {
    this.#shared = shared
    const { desk } = shared
    this.#stop.push(
      desk.ports.services.onRevoked((isGood) => {
        for (const connection of this.#connections) connection.revoked(isGood)
      }),
      desk.ports.journal.onResume(() => {
        for (const connection of this.#connections) connection.resume()
      }),
    )
  }

  /** Open connections. */
  get size(): number {
    return this.#connections.size
  }

  /**
   * A peer has come. Whoever holds its socket gives the connection its bytes, and says when it is lost. `publishesPerSecond`: messages that one identity may
   * send; undefined: there is no bound.
   */
  accept(transport: AmqpTransport, ticket: Ticket, publishesPerSecond?: number): AmqpConnection {
    const connection = new AmqpConnection(transport, this.#shared, ticket, publishesPerSecond)
    this.#connections.add(connection)
    void transport.gone.then(() => {
      this.#connections.delete(connection)
      connection.lost()
    })
    return connection
  }

  /** Called a few times a second. */
  sweep(): void {
    const now = this.#shared.desk.ports.clock.monotonic()
    for (const connection of this.#connections) connection.sweep(now)
  }

  /** The hub goes down: everybody is told. */
  close(): void {
    for (const stop of this.#stop) stop()
    this.#shared.events.close()
    const error = { condition: 'amqp:connection:forced', description: 'The hub is going down.' }
    for (const connection of this.#connections) connection.close(error)
  }

  /** Cuts who did not go. */
  destroy(): void {
    for (const connection of this.#connections) connection.transport.destroy()
  }
}
