import { type Fact, type FactKind, type Journal, type Offset, decodeRecord, recordKind } from '#journal'
import type { TwinView } from './condition.ts'
import type { RouteSet } from './definition.ts'
import type { RoutedEvent } from './event.ts'
import { eventOf } from './fact-event.ts'
import { concerns, endpointsOf, needsTwin } from './judge.ts'
import type { FactForms } from './ports.ts'
import type { RouteSets } from './route-sets.ts'

/*
 * Theory of operation.
 * All endpoints read through here. The journal is cut into windows of a few offsets; what a window holds is read, decoded and judged once, whoever asks
 * first, and kept for a while. Endpoints that keep up stand in the same few windows, so five cost hardly more than one; one that is behind brings its
 * own windows, and they are soon forgotten. What is kept is bounded in windows and in bytes: a slow endpoint holds its place, not its events.
 */

/** An event with where it goes, and what enrichment needs. */
export type Judgement = {
  readonly event: RoutedEvent
  readonly endpoints: readonly string[]
  readonly set: RouteSet
  readonly twin: TwinView | undefined
}

type Window = { readonly from: Offset; next: Offset; readonly events: Judgement[]; bytes: number; filling: Promise<void> | undefined }

const windowOffsets = 512
const maxWindows = 32
const maxBytes = 16 * 1024 * 1024
const page = { records: windowOffsets, bytes: 1024 * 1024 }
/** Kinds that become events: the others are not even decoded. */
const routed: ReadonlySet<FactKind> = new Set<FactKind>([
  'telemetry',
  'twin-reported',
  'twin-changed',
  'device-created',
  'device-deleted',
  'module-created',
  'module-deleted',
  'connected',
  'disconnected',
  'connection-settled',
  'job-device-ended',
])

/** What the feed is made of. */
export type FeedPorts = FactForms & {
  readonly journal: Pick<Journal, 'read' | 'start' | 'durableEnd'>
  twin(identity: string): Promise<TwinView | undefined>
  /** Whether a fact is about the hub's own probes, which are nobody's events. */
  isOwn(fact: Fact): boolean
}

/** See the theory of operation above. */
export class Feed {
  readonly #ports: FeedPorts
  readonly #sets: Pick<RouteSets, 'at'>
  readonly #windows = new Map<number, Window>()
  #bytes = 0
  /** Records decoded since the start: for benches and tests. */
  decoded = 0

  constructor(ports: FeedPorts, sets: Pick<RouteSets, 'at'>) {
    this.#ports = ports
    this.#sets = sets
  }

  /** Bytes that are kept now. */
  get keptBytes(): number {
    return this.#bytes
  }

  /** Events that go anywhere, from `from` on, of one window at most. `next` is where to go on; it is `from` when the durable end is reached. */
  async read(from: Offset): Promise<{ readonly events: readonly Judgement[]; readonly next: Offset }> {
    const { journal } = this.#ports
    const at = Math.max(from, journal.start)
    if (at >= journal.durableEnd) return { events: [], next: at }
    const window = await this.#windowAt(at)
    const { events } = window
    const first = events[0]
    return {
      events: first === undefined || first.event.offset >= at ? events : events.filter(({ event }) => event.offset >= at),
      next: Math.max(at, window.next),
    }
  }

  /** An event with its judgement; undefined: it is none, or goes nowhere. For the built-in endpoint, whose readers have windows of their own. */
  judge(offset: Offset, fact: Fact): Judgement | undefined | Promise<Judgement | undefined> {
    if (this.#ports.isOwn(fact)) return undefined
    const event = eventOf(offset, fact, this.#ports)
    if (event === undefined) return undefined
    const set = this.#sets.at(offset)
    if (!concerns(set, event.source)) return undefined
    if (!needsTwin(set, event.source)) return judged(event, set, undefined)
    const { device, module } = event
    return this.#ports.twin(module === undefined ? device : `${device}/${module}`).then((twin) => judged(event, set, twin))
  }

  async #windowAt(offset: Offset): Promise<Window> {
    const number = Math.floor(offset / windowOffsets)
    const from = number * windowOffsets
    const window = this.#windows.get(number) ?? { from, next: from, events: [], bytes: 0, filling: undefined }
    // The latest asked for is the last to go.
    this.#windows.delete(number)
    this.#windows.set(number, window)
    while (window.next <= offset) {
      const before = window.next
      window.filling ??= this.#fill(window).finally(() => (window.filling = undefined))
      await window.filling
      if (window.next <= before) break
    }
    this.#forget(window)
    return window
  }

  async #fill(window: Window): Promise<void> {
    const { journal } = this.#ports
    const end = window.from + windowOffsets
    const at = Math.max(window.next, journal.start)
    const { records, next } = await journal.read(at, { ...page, records: end - at })
    for (const record of records) {
      if (!('bytes' in record) || record.offset >= end) continue
      const kind = recordKind(record.bytes)
      if (kind === undefined || !routed.has(kind)) continue
      const fact = decodeRecord(record.bytes)
      this.decoded++
      if (!fact.ok) continue
      const asked = this.judge(record.offset, fact.value)
      const judgement = asked instanceof Promise ? await asked : asked
      if (judgement === undefined) continue
      window.events.push(judgement)
      window.bytes += record.bytes.length
      if (this.#windows.get(window.from / windowOffsets) === window) this.#bytes += record.bytes.length
    }
    window.next = Math.max(window.next, Math.min(end, next))
  }

  #forget(asked: Window): void {
    for (const [number, window] of this.#windows) {
      if (this.#windows.size <= maxWindows && this.#bytes <= maxBytes) return
      if (window === asked || window.filling !== undefined) continue
      this.#windows.delete(number)
      this.#bytes -= window.bytes
    }
  }
}

function judged(event: RoutedEvent, set: RouteSet, twin: TwinView | undefined): Judgement | undefined {
  const endpoints = endpointsOf(event, set, twin)
  return endpoints.length === 0 ? undefined : { event, endpoints, set, twin }
}
