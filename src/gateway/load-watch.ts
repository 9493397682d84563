import type { Clock, Instant } from '#base'
import type { Counters } from './counters.ts'
import type { FactLog } from './fact-log.ts'
import { type Level, type Load, type LoadBounds, type LoadState, calm, levelOf, stepLoad } from './overload.ts'

/** Keeps the level of load, says what follows from it, and writes its changes to the journal. */
export class LoadWatch {
  /** Read once a message: a plain field. */
  dropsQos0 = false
  /** False: no new connections of devices. */
  takesConnections = true
  readonly #bounds: LoadBounds
  readonly #facts: Pick<FactLog, 'tell'>
  readonly #clock: Clock
  readonly #counters: Counters
  #state: LoadState = calm
  #load: Load = { loopDelayMs: 0, journalPendingBytes: 0, unsentBytes: 0, memoryShare: 0 }
  #reasons: readonly string[] = []
  #since: { readonly at: Instant; readonly refused: number; readonly dropped: number } | undefined

  constructor(bounds: LoadBounds, facts: Pick<FactLog, 'tell'>, clock: Clock, counters: Counters) {
    this.#bounds = bounds
    this.#facts = facts
    this.#clock = clock
    this.#counters = counters
  }

  get level(): Level {
    return this.#state.level
  }

  /** The latest measurement. */
  get load(): Load {
    return this.#load
  }

  /** Why new connections are turned away; empty: they are not. */
  get reasons(): readonly string[] {
    return this.#state.level === 'normal' ? [] : [`load ${this.#state.level}: ${this.#reasons.join(', ')}`]
  }

  /** Takes a measurement. */
  measured(load: Load): void {
    const { level: from } = this.#state
    this.#load = load
    this.#state = stepLoad(this.#state, load, this.#bounds, this.#clock.monotonic())
    const { level } = this.#state
    if (level === from) return
    this.takesConnections = level === 'normal'
    this.dropsQos0 = level === 'overloaded'
    const time = this.#clock.now()
    const refused = this.#counters.refused.get('gateway/server-busy') ?? 0
    const dropped = this.#counters.droppedQos0
    if (level === 'normal') {
      const since = this.#since ?? { at: time, refused, dropped }
      this.#since = undefined
      this.#facts.tell({
        kind: 'recovered',
        time,
        durationMs: Math.max(0, time - since.at),
        refusedConnections: refused - since.refused,
        droppedMessages: dropped - since.dropped,
        ...load,
      })
    } else {
      const { reasons } = levelOf(load, this.#bounds)
      if (reasons.length > 0) this.#reasons = reasons
      this.#since ??= { at: time, refused, dropped }
      this.#facts.tell({ kind: 'overloaded', time, level, from, reasons: [...reasons], ...load })
    }
  }
}
