import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { Fault, instant, ok, refuse } from '#base'
import {
  type AnyKind,
  type Delivered,
  type Egress,
  type EgressPorts,
  type EndpointSpec,
  type RoutedEvent,
  type TwinView,
  anyKind,
  egressMigrations,
  eventSources,
  openEgress,
} from '#egress'
import { telemetryForm, twinEventBody } from '#hub'
import { type TelemetryFact, decodeRecord, encodeTelemetry } from '#journal'
import type { Store } from '#store'
import { FakeClock } from './fake-clock.ts'
import { HeldJournal } from './held-journal.ts'
import { openTestStore } from './open-test-store.ts'
import { SeededRandom } from './seeded-random.ts'

/** The rights of an operator over routes. */
export const mayRead = systemGrant('route.read', 'routes')
/** The same, to change them. */
export const mayWrite = systemGrant('route.write', 'routes')

/** Somebody outside who takes events: what it took, and what it does with the next batch. */
export class Taker {
  readonly taken: RoutedEvent[] = []
  attempts = 0
  /** Most events that were ever given at once. */
  largest = 0
  answer: (batch: readonly RoutedEvent[], signal: AbortSignal) => Delivered | Promise<Delivered> = () => ({ kind: 'ok' })

  /** Bodies of what was taken, in order. */
  get bodies(): readonly string[] {
    return this.taken.map(({ body }) => body.toString())
  }

  /** The kind of endpoint that gives to this taker; settings are whatever. */
  kind(batch = { events: 10, bytes: 100_000, lingerMs: 0 }): AnyKind {
    return anyKind({
      kind: 'taker',
      batch,
      parse: (settings) => ok(settings),
      open: async () => ({
        deliver: async (events, signal) => {
          this.attempts++
          this.largest = Math.max(this.largest, events.length)
          const outcome = await this.answer(events, signal)
          if (outcome.kind === 'ok') this.taken.push(...events)
          if (outcome.kind === 'poison') this.taken.push(...events.slice(0, outcome.index))
          return outcome
        },
        [Symbol.asyncDispose]: async () => undefined,
      }),
    })
  }
}

/** A hub's routing on a real store, with a journal that is durable when it is told. */
export type EgressScene = AsyncDisposable & {
  readonly clock: FakeClock
  readonly journal: HeldJournal
  readonly egress: Egress
  readonly store: Store
  readonly twins: Map<string, TwinView>
  readonly troubles: unknown[]
  /** A device says something, and the disk has it. */
  say(device: string, body: string, properties?: Readonly<Record<string, string>>, topic?: string): void
  /** Closes routing and opens it again on the same rows and records. */
  restart(kinds?: readonly AnyKind[]): Promise<void>
  /** Kinds of facts that the journal has, in order. */
  facts(): readonly string[]
  /** Lets work go on until nothing moves, `ms` later by the clock. */
  settle(ms?: number): Promise<void>
}

/** Opens the scene. `directory` is where endpoints that write files write. */
export async function egressScene(kinds: readonly AnyKind[], more: Partial<EgressPorts> = {}): Promise<EgressScene> {
  const clock = new FakeClock()
  const journal = new HeldJournal()
  const rows = await openTestStore([...auditMigrations, ...egressMigrations])
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-egress-'))
  const signal = new AbortController().signal
  const twins = new Map<string, TwinView>()
  const troubles: unknown[] = []
  const open = async (given: readonly AnyKind[]) => {
    const { store } = rows
    const audit = await openAudit({ store, clock }, signal)
    const ports = {
      store,
      journal,
      clock,
      random: new SeededRandom(5),
      commit: audit.commit,
      hubName: 'hub.example',
      telemetryForm,
      twinEvent: twinEventBody,
      twin: async (identity: string) => twins.get(identity),
      secret: () => undefined,
      vaultSecret: async () => refuse('vault/secret-not-found', 'There is no such secret.'),
      mayReach: () => false,
      directory,
      trouble: (what: string, error: unknown) => void troubles.push(what, error),
      isOwn: () => false,
      ...more,
    }
    return await openEgress(ports, given, signal)
  }
  let last = kinds
  let egress = await open(kinds)
  const settle = async (ms = 0) => {
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setImmediate(resolve))
      await rows.store.query('SELECT 1')
      if (i % 5 === 0) clock.advance(5)
    }
    if (ms > 0) {
      clock.advance(ms)
      await settle()
    }
  }
  return {
    clock,
    journal,
    twins,
    troubles,
    get egress() {
      return egress
    },
    get store() {
      return rows.store
    },
    say(device, body, properties = {}, topic = `devices/${device}/messages/events/`) {
      const bag = Object.entries(properties).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      const fact: TelemetryFact = {
        kind: 'telemetry',
        time: clock.now(),
        device,
        auth: '{}',
        generation: '1',
        connection: 'c',
        transport: 'mqtts',
        topic: topic + bag.join('&'),
        qos: 1,
        retain: false,
        dup: false,
        mqttVersion: 4,
        properties: Buffer.alloc(0),
        body: Buffer.from(body),
      }
      journal.append(encodeTelemetry(fact))
      journal.flush()
    },
    async restart(given = last) {
      await egress[Symbol.asyncDispose]()
      last = given
      egress = await open(given)
    },
    facts: () =>
      journal.records.flatMap((record) => {
        const fact = decodeRecord(record)
        return fact.ok ? [fact.value.kind] : []
      }),
    settle,
    async [Symbol.asyncDispose]() {
      await egress[Symbol.asyncDispose]()
      await rows[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** An endpoint of the taker's kind that may receive everything. */
export function takerSpec(name: string, more: Partial<EndpointSpec> = {}): EndpointSpec {
  return { name, kind: 'taker', settings: {}, sources: eventSources, condition: '', ...more }
}

/** Makes the endpoint and a route to it, named alike. */
export async function addTaker(
  egress: Egress,
  name: string,
  route: Partial<{ source: (typeof eventSources)[number]; condition: string }> = {},
  spec: Partial<EndpointSpec> = {},
): Promise<void> {
  const made = await egress.addEndpoint(mayWrite, takerSpec(name, spec))
  if (!made.ok) throw new Fault(made.error.code, made.error.message)
  const routed = await egress.admin.addRoute(mayWrite, {
    name,
    source: route.source ?? 'DeviceMessages',
    condition: route.condition ?? '',
    endpoint: name,
    isEnabled: true,
  })
  if (!routed.ok) throw new Fault(routed.error.code, routed.error.message)
}

/** The start of all tests, as an instant. */
export const testStart = instant(Date.UTC(2026, 0, 1))
