import type { Fact, Offset } from '#journal'
import { telemetryForm } from '#hub'
import { uuid } from '#base'
import type { Desk } from '../desk.ts'
import { KeyedRates } from '../keyed-rates.ts'
import { AmqpDoor } from './door.ts'
import { amqpLimits } from './limits.ts'
import { EventsEndpoint } from './events/endpoint.ts'
import { type EventForm, isTelemetry } from './events/event.ts'
import type { EventOf } from './events/source.ts'

/** The hub's own names, and its built-in endpoint for events. */
export type AmqpConfig = {
  /** The first is what feedback and events call the hub; each is a name of the endpoint for events. */
  readonly names: readonly string[]
  /** Partitions of the endpoint: 2 to 32. A change moves devices to other partitions. */
  readonly partitions: number
  /** When the hub began, milliseconds since the epoch. */
  readonly createdAt: number
}

/** Telemetry, as the built-in endpoint shows it where nobody decides otherwise. */
export function telemetryEvent(_offset: Offset, fact: Fact): EventForm | undefined {
  if (fact.kind !== 'telemetry' || !isTelemetry(fact)) return undefined
  const { system, properties } = telemetryForm(fact)
  return { system, properties, body: fact.body }
}

/** Opens AMQP on a desk; `eventOf` decides what readers of events see. */
export function openAmqp(desk: Desk, config: AmqpConfig, eventOf: EventOf = telemetryEvent): AmqpDoor {
  const { hub, journal, random } = desk.ports
  const events = new EventsEndpoint(desk, { ...config, eventOf })
  return new AmqpDoor({
    desk,
    hub,
    hubName: config.names[0] ?? 'localhost',
    containerId: `thingwall-${uuid(random)}`,
    events,
    sending: new KeyedRates(amqpLimits.sending, desk.ports.clock.monotonic()),
    resumed: () => {
      if (!journal.paused) return Promise.resolve()
      const { promise, resolve } = Promise.withResolvers<void>()
      const stop = journal.onResume(() => {
        stop()
        resolve()
      })
      return promise
    },
  })
}
