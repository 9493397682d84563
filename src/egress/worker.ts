import type { Clock, Instant, Random } from '#base'
import type { Journal, Offset } from '#journal'
import type { Statement, Store } from '#store'
import { type Compiled, Judged, compile } from './condition.ts'
import { type Cursor, type EndpointCounts, saveCursor } from './cursor.ts'
import { type OpenedLetter, excessLetters, putAside, replayedLetters, trim } from './dead-letters.ts'
import type { Endpoint } from './definition.ts'
import type { Delivered, EndpointPorts, EndpointSink } from './endpoint.ts'
import { type EndpointHealth, Health } from './endpoint-health.ts'
import { enrich } from './enrich.ts'
import type { RoutedEvent } from './event.ts'
import type { Feed, Judgement } from './feed.ts'
import type { AnyKind, Openable } from './kinds.ts'
import { egressLimits } from './limits.ts'
import type { EgressFact } from './ports.ts'
import { Waiter } from './waiter.ts'

/*
 * Theory of operation.
 * One worker serves one endpoint: it gathers a batch from its cursor on, delivers it, and only then moves the cursor, in rows. So a hub that dies
 * delivers again and never forgets. One batch is under way at a time, which keeps order, and it is all that the worker has in memory: an endpoint that
 * takes nothing holds a place in the journal. What it will never take goes to the dead letters in the same commit that moves the cursor past it.
 */

/** What a worker is given. */
export type WorkerPorts = {
  readonly feed: Feed
  readonly journal: Pick<Journal, 'start' | 'durableEnd'>
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly hubName: string
  readonly endpointPorts: EndpointPorts
  /** Called before the endpoint is opened; throws where a secret cannot be had. */
  readonly loadSecrets: () => Promise<void>
  readonly tell: (fact: EgressFact) => void
  readonly trouble: (what: string, error: unknown) => void
}

/** How one endpoint does. Lag is in records and in milliseconds since the oldest event that waits; `inFlight` are the events under way. */
export type EndpointState = {
  readonly health: EndpointHealth
  readonly failingSince: Instant | undefined
  readonly reason: string | undefined
  readonly cursor: Offset
  readonly lagRecords: number
  readonly lagMs: number
  readonly inFlight: number
  readonly counts: EndpointCounts
}

const attemptMs = 60_000
const firstBackoffMs = 500
const maxBackoffMs = 60_000
/** Longest that an endpoint may ask us to wait. */
const maxAskedMs = 60 * 60_000
const afterTroubleMs = 1_000

type Batch = { readonly events: readonly RoutedEvent[]; readonly end: Offset }

/** See the theory of operation above. */
export class Worker implements AsyncDisposable {
  readonly #endpoint: Endpoint
  readonly #kind: AnyKind | undefined
  readonly #ports: WorkerPorts
  readonly #health: Health
  readonly #scope: Compiled | undefined
  readonly #ending = new AbortController()
  readonly #waiter: Waiter
  #openable: Openable | undefined
  #sink: EndpointSink | undefined
  #counts: EndpointCounts
  #cursor: Offset
  /** What the rows have. */
  #saved: Cursor
  #batch: readonly RoutedEvent[] = []
  #oldest: Instant | undefined
  #isReplayWanted = true
  #isStale = false
  readonly #running: Promise<void>

  constructor(endpoint: Endpoint, kind: AnyKind | undefined, cursor: Cursor, ports: WorkerPorts) {
    this.#endpoint = endpoint
    this.#kind = kind
    this.#ports = ports
    this.#health = new Health(endpoint.name, cursor.failingSince, ports.clock, (fact) => ports.tell(fact))
    const scope = compile(endpoint.condition)
    this.#scope = scope.ok ? scope.value : undefined
    this.#waiter = new Waiter(ports.clock, this.#ending.signal)
    this.#counts = cursor.counts
    this.#cursor = cursor.cursor
    this.#saved = cursor
    this.#running = this.#run()
  }

  get state(): EndpointState {
    const { journal, clock } = this.#ports
    const behind = Math.max(0, journal.durableEnd - this.#cursor)
    const since = this.#oldest
    return {
      health: this.#health.state,
      failingSince: this.#health.failingSince,
      reason: this.#health.reason,
      cursor: this.#cursor,
      lagRecords: behind,
      lagMs: since === undefined ? 0 : Math.max(0, clock.now() - since),
      inFlight: this.#batch.length,
      counts: this.#counts,
    }
  }

  /** One of its secrets has changed: the next delivery opens the endpoint anew. */
  reopen(): void {
    this.#isStale = true
  }

  /** There is more in the journal. */
  wake(): void {
    this.#waiter.wake()
  }

  /** Dead letters wait to be tried again. */
  replay(): void {
    this.#isReplayWanted = true
    this.#waiter.wake()
  }

  /** Writes how far the worker is, if the rows do not know: of records that it passed over, and of an outage. */
  async save(): Promise<void> {
    if (this.#cursor === this.#saved.cursor && this.#health.failingSince === this.#saved.failingSince) return
    await this.#commit([], this.#cursor)
  }

  /** Gives up what is under way, which will be delivered again, and closes the endpoint. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#running
    await this.#close()
    await this.save()
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      try {
        if (this.#isReplayWanted) await this.#deliverLetters()
        const batch = await this.#gather()
        if (batch !== undefined) await this.#deliverAll(batch)
      } catch (error) {
        if (signal.aborted) return
        this.#ports.trouble(`delivery to the endpoint ${this.#endpoint.name}`, error)
        await this.#waiter.pause(afterTroubleMs)
      }
    }
  }

  /** The next events for this endpoint, as many as it takes at once. Undefined: it is to close, or there are dead letters to try. */
  async #gather(): Promise<Batch | undefined> {
    const { feed, clock } = this.#ports
    const most = this.#kind?.batch ?? { events: 1, bytes: 1, lingerMs: 0 }
    const events: RoutedEvent[] = []
    let bytes = 0
    let at = this.#passLost()
    let until: number | undefined
    for (;;) {
      if (this.#ending.signal.aborted) return undefined
      const seen = this.#waiter.seen
      const read = await feed.read(at)
      for (const judgement of read.events) {
        const event = this.#take(judgement)
        if (event === undefined) continue
        const size = event.body.length
        if (events.length > 0 && (events.length >= most.events || bytes + size > most.bytes))
          return this.#begin({ events, end: event.offset })
        if (events.length === 0) this.#oldest = event.time
        events.push(event)
        bytes += size
      }
      if (read.next > at) {
        at = read.next
        if (events.length === 0) this.#cursor = at
        continue
      }
      if (events.length === 0) {
        this.#oldest = undefined
        if (this.#isReplayWanted) return undefined
        await this.#waiter.next(seen)
        continue
      }
      until ??= clock.monotonic() + most.lingerMs
      const left = until - clock.monotonic()
      if (left <= 0 || this.#health.failingSince !== undefined) return this.#begin({ events, end: at })
      await this.#waiter.next(seen, left)
    }
  }

  #begin(batch: Batch): Batch {
    this.#batch = batch.events
    return batch
  }

  /** An event as this endpoint gets it; undefined: it is not for it. */
  #take({ event, endpoints, set, twin }: Judgement): RoutedEvent | undefined {
    const { name, sources, condition } = this.#endpoint
    if (!endpoints.includes(name) || !sources.includes(event.source)) return undefined
    // A scope that cannot be read lets nothing through.
    if (condition !== '' && this.#scope?.matches(new Judged(event, twin)) !== true) return undefined
    const enriched = enrich(event, name, set.enrichments, twin, this.#ports.hubName)
    if (enriched === undefined) this.#count({ tooLarge: 1 })
    return enriched
  }

  /** Where to read on: behind what retention has dropped, which is counted and told. */
  #passLost(): Offset {
    const { journal, clock, tell } = this.#ports
    if (journal.start <= this.#cursor) return this.#cursor
    const first = this.#cursor
    this.#cursor = journal.start
    this.#count({ lost: journal.start - first })
    tell({ kind: 'egress-lost', time: clock.now(), endpoint: this.#endpoint.name, first, last: journal.start - 1 })
    return this.#cursor
  }

  async #deliverAll({ events, end }: Batch): Promise<void> {
    let rest = events
    let tries = 0
    while (rest.length > 0 && !this.#ending.signal.aborted) {
      this.#batch = rest
      this.#oldest = rest[0]?.time
      tries++
      const outcome = await this.#attempt(rest)
      if (outcome.kind === 'ok') {
        this.#health.worked()
        this.#count({ delivered: rest.length })
        rest = []
      } else if (outcome.kind === 'poison') {
        this.#health.worked()
        this.#count({ delivered: outcome.index })
        const [poison, ...after] = rest.slice(outcome.index)
        if (poison === undefined) throw new Error('bug: an endpoint named an event that it was not given')
        await this.#putAside([poison], outcome.reason, tries, poison.offset + 1)
        rest = after
        tries = 0
      } else {
        if (this.#ending.signal.aborted) return
        this.#health.failed(outcome.reason)
        this.#count({ failures: 1 })
        const old = this.#tooOld(rest)
        if (old > 0) {
          const given = rest.slice(0, old)
          await this.#putAside(given, outcome.reason, tries, (given.at(-1)?.offset ?? 0) + 1)
          rest = rest.slice(old)
          tries = 0
        } else await this.#waiter.pause(this.#backoffMs(tries, outcome.afterMs))
      }
    }
    if (rest.length > 0) return
    this.#batch = []
    // Delivered is delivered, whether or not the rows can say so now.
    this.#cursor = end
    await this.#commit([], end)
  }

  async #attempt(events: readonly RoutedEvent[]): Promise<Delivered> {
    const { clock } = this.#ports
    const attempt = new AbortController()
    const stop = () => attempt.abort()
    const cancel = clock.after(attemptMs, stop)
    this.#ending.signal.addEventListener('abort', stop)
    try {
      this.#openable ??= this.#parse()
      if (this.#openable === undefined) return { kind: 'retry', reason: 'its settings cannot be read by this release' }
      return await (await this.#opened(this.#openable)).deliver(events, attempt.signal)
    } catch (error) {
      await this.#close()
      return { kind: 'retry', reason: attempt.signal.aborted ? 'it did not answer in time' : messageOf(error) }
    } finally {
      cancel()
      this.#ending.signal.removeEventListener('abort', stop)
    }
  }

  async #opened(openable: Openable): Promise<EndpointSink> {
    const { endpointPorts, loadSecrets } = this.#ports
    if (this.#isStale) await this.#close()
    if (this.#sink !== undefined) return this.#sink
    this.#isStale = false
    await loadSecrets()
    return (this.#sink = await openable.open(this.#endpoint.name, endpointPorts))
  }

  #parse(): Openable | undefined {
    const parsed = this.#kind?.parse(this.#endpoint.settings)
    return parsed?.ok === true ? parsed.value : undefined
  }

  /** Dead letters that an operator wants tried again: once. What is not taken stays, with the new reason. */
  async #deliverLetters(): Promise<void> {
    const most = this.#kind?.batch.events ?? 1
    const letters = await replayedLetters(this.#ports.store, this.#endpoint.name, Math.min(most, 100))
    if (letters.length === 0) {
      this.#isReplayWanted = false
      return
    }
    const outcome = await this.#attempt(letters.map(({ event }) => event))
    const taken = outcome.kind === 'ok' ? letters.length : outcome.kind === 'poison' ? outcome.index : 0
    if (taken > 0) this.#health.worked()
    this.#count({ delivered: taken })
    const refused = outcome.kind === 'poison' ? letters.slice(taken, taken + 1) : letters.slice(taken)
    const back = ({ id }: OpenedLetter): Statement => ({
      sql: 'UPDATE egress_dead_letters SET replays = 0, tries = tries + 1, reason = ? WHERE id = ?',
      args: [outcome.kind === 'ok' ? '' : outcome.reason.slice(0, 500), id],
    })
    const gone = letters.slice(0, taken).map(({ id }): Statement => ({ sql: 'DELETE FROM egress_dead_letters WHERE id = ?', args: [id] }))
    await this.#commit([...gone, ...refused.map(back)], this.#cursor)
  }

  async #putAside(events: readonly RoutedEvent[], reason: string, tries: number, cursor: Offset): Promise<void> {
    const { clock, tell } = this.#ports
    const { name } = this.#endpoint
    const now = clock.now()
    const before = this.#counts
    const trimmed = await excessLetters(this.#ports.store, name, events.length)
    this.#count({ deadLettered: events.length, trimmed })
    try {
      await this.#commit([...events.map((event) => putAside(name, event, reason, tries, now)), trim(name)], cursor)
    } catch (error) {
      this.#counts = before
      throw error
    }
    this.#cursor = cursor
    tell({
      kind: 'egress-dead-lettered',
      time: now,
      endpoint: name,
      reason,
      count: events.length,
      first: events[0]?.offset ?? 0,
      ...(trimmed === 0 ? {} : { trimmed }),
    })
  }

  /** How many of the first events have waited longer than anything is tried for. */
  #tooOld(events: readonly RoutedEvent[]): number {
    const since = this.#health.failingSince
    const limit = this.#ports.clock.now() - egressLimits.retryForMs
    if (since === undefined || since > limit) return 0
    const first = events.findIndex(({ time }) => time > limit)
    return first < 0 ? events.length : first
  }

  #backoffMs(tries: number, askedMs: number | undefined): number {
    const full = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(tries - 1, 10))
    const jitter = 0.5 + this.#ports.random.bytes(2).readUInt16BE(0) / 0x20000
    return Math.max(full * jitter, Math.min(askedMs ?? 0, maxAskedMs))
  }

  #count(more: Partial<EndpointCounts>): void {
    const { delivered, deadLettered, trimmed, failures, lost, tooLarge } = this.#counts
    this.#counts = {
      delivered: delivered + (more.delivered ?? 0),
      deadLettered: deadLettered + (more.deadLettered ?? 0),
      trimmed: trimmed + (more.trimmed ?? 0),
      failures: failures + (more.failures ?? 0),
      lost: lost + (more.lost ?? 0),
      tooLarge: tooLarge + (more.tooLarge ?? 0),
    }
  }

  /** Writes rows and the cursor together. Throws the store's Faults; then nothing of it is written, as far as we know. */
  async #commit(statements: readonly Statement[], cursor: Offset): Promise<void> {
    const saved: Cursor = { cursor, failingSince: this.#health.failingSince, counts: this.#counts }
    const outcome = await this.#ports.store.commit([...statements, saveCursor(this.#endpoint.name, saved)])
    if (!outcome.ok) throw new Error('bug: the cursor of an endpoint met a conflict')
    this.#saved = saved
  }

  async #close(): Promise<void> {
    const sink = this.#sink
    this.#sink = undefined
    try {
      await sink?.[Symbol.asyncDispose]()
    } catch (error) {
      this.#ports.trouble(`closing the endpoint ${this.#endpoint.name}`, error)
    }
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 300)
}
