import { type Refusal } from '#base'
import type { Offset } from '#journal'
import { wholeOf } from '#wire/amqp'
import type { Desk } from '../../desk.ts'
import type { Address } from '../addresses.ts'
import { amqpError } from '../amqp-error.ts'
import { onClosed } from '../device-links.ts'
import { ReceiverLink } from '../receiver-link.ts'
import { SenderLink } from '../sender-link.ts'
import type { Link } from '../session.ts'
import { runtimeMetric } from './event.ts'
import { Management, partitionNumber } from './management.ts'
import { type Position, offsetOf, parsePosition } from './position.ts'
import { Readers } from './readers.ts'
import { type EventOf, EventSource } from './source.ts'

/** The built-in endpoint for events, as the hub is configured. */
export type EventsConfig = {
  /** The hub's own names; each is a name of the endpoint, beside `messages/events`. */
  readonly names: readonly string[]
  /** 2 to 32; a change moves devices to other partitions. */
  readonly partitions: number
  /** Milliseconds since the epoch, for who asks how old it is. */
  readonly createdAt: number
  readonly eventOf: EventOf
}

const wakeMs = 2
const metricCapability = 'com.microsoft:enable-receiver-runtime-metric'
const groupName = /^[A-Za-z0-9$][A-Za-z0-9._$-]{0,49}$/

/** Reading telemetry as from an Event Hub (azure-wire 8): receivers of partitions, and `$management`. It keeps no positions: those are the readers'. */
export class EventsEndpoint {
  /** Names under which it is found, lower-case. */
  readonly entities: readonly string[]
  /** What a token for `$management` may cover. */
  readonly managementPaths: readonly (readonly string[])[]
  readonly #desk: Desk
  readonly #config: EventsConfig
  readonly #source: EventSource
  readonly #readers = new Readers()
  readonly #management = new WeakMap<object, Management>()
  readonly #waiting = new Set<() => void>()
  readonly #stop: () => void
  #isWaking = false

  constructor(desk: Desk, config: EventsConfig) {
    this.#desk = desk
    this.#config = config
    this.entities = [...new Set(['messages/events', ...config.names.map((name) => name.toLowerCase())])]
    this.managementPaths = this.entities.map((entity) => [...entity.split('/'), '$management'])
    this.#source = new EventSource(desk.ports.journal, config.partitions, config.eventOf)
    this.#stop = desk.ports.journal.onDurable(() => this.#durable())
  }

  /** Stops listening to the journal. */
  close(): void {
    this.#stop()
  }

  /** Serves a link that was authorized. `connection` is whose: questions and answers of one connection belong together. */
  serve(link: Link, address: Address, connection: object): void {
    if (address.row.purpose === 'events') {
      if (link instanceof SenderLink) this.#serveReader(link, address)
      return
    }
    const management = this.#managementOf(connection)
    if (link instanceof ReceiverLink) management.serveRequests(link)
    else management.serveAnswers(link, (work) => onClosed(link, work))
  }

  #managementOf(connection: object): Management {
    const known = this.#management.get(connection)
    if (known !== undefined) return known
    const { partitions, createdAt } = this.#config
    const management = new Management({
      entities: this.entities,
      partitions,
      createdAt,
      state: (partition) => this.#source.state(partition),
      trouble: (error) => this.#trouble(error),
    })
    this.#management.set(connection, management)
    return management
  }

  #serveReader(link: SenderLink, { group, partition: name }: Address): void {
    const refuse = (refusal: Refusal) => link.refuse(amqpError(refusal))
    const partition = partitionNumber(name, this.#config.partitions)
    if (partition === undefined || !groupName.test(group))
      return refuse({ code: 'gateway/amqp-address-unknown', message: 'There is no such partition or consumer group.' })
    const position = parsePosition(link.attach.source?.filter ?? new Map())
    if (!position.ok) return refuse(position.error)
    const epoch = wholeOf(link.attach.properties.get('com.microsoft:epoch'))
    const entered = this.#readers.enter(`${group.toLowerCase()}/${partition}`, { epoch, close: (error) => link.close(error) })
    if (!entered.ok) return refuse(entered.error)
    onClosed(link, entered.value)
    const hasMetric = link.attach.desiredCapabilities.includes(metricCapability)
    this.#pump(link, partition, position.value, hasMetric)
    link.accept(hasMetric ? { offeredCapabilities: [metricCapability] } : undefined)
  }

  /** Pulls: a reader is given what it has credit for and its socket takes; what it does not take stays in the journal. */
  #pump(link: SenderLink, partition: number, position: Position, hasMetric: boolean): void {
    const { journal, clock } = this.#desk.ports
    let at: Offset | undefined
    let isRunning = false
    let isCalled = false
    // Who asks for the latest means: from now on, whenever it gives its first credit.
    const latest = journal.durableEnd
    const run = async () => {
      at ??= position.from === 'latest' ? latest : await offsetOf(position, journal)
      while (link.isReady) {
        isCalled = false
        const { events, next } = await this.#source.read(partition, at)
        for (const event of events) {
          if (!link.isReady) return
          const payload = hasMetric
            ? Buffer.concat([runtimeMetric(this.#source.known(partition), clock.now()), event.payload])
            : event.payload
          link.send({ payload, settled: link.attach.sndSettleMode !== 0 })
          at = event.offset + 1
        }
        if (next > at || events.length > 0) {
          at = Math.max(at, next)
          continue
        }
        if (isCalled) continue
        link.nothingLeft()
        return
      }
    }
    const call = () => {
      isCalled = true
      if (isRunning || !link.isOpen) return
      isRunning = true
      run()
        .catch((error: unknown) => {
          this.#trouble(error)
          link.close({ condition: 'amqp:internal-error', description: 'Events could not be read.' })
        })
        .finally(() => (isRunning = false))
    }
    link.onCredit = call
    this.#waiting.add(call)
    onClosed(link, () => this.#waiting.delete(call))
  }

  /** Flushes may be thousands in a second; readers are woken a few hundred times. */
  #durable(): void {
    if (this.#isWaking || this.#waiting.size === 0) return
    this.#isWaking = true
    this.#desk.ports.clock.after(wakeMs, () => {
      this.#isWaking = false
      for (const call of this.#waiting) call()
    })
  }

  #trouble(error: unknown): void {
    this.#desk.ports.trouble?.('the built-in endpoint for events', error)
  }
}
