import type { Clock } from '#base'
import type { FactOf } from '#journal'

/** How a connection of an identity turned out. */
type State = FactOf<'connection-settled'>['state']

/** What back ends were told of an identity last, when (monotonic milliseconds), and what has happened since. */
type News = { readonly told: State; readonly at: number; now: State; connection: string; held: number }

const sweepMs = 1_000
/** Identities that are remembered at once; the changes of others are told one by one. */
const maxRemembered = 100_000

/**
 * Keeps a device that comes and goes from flooding back ends: of one identity they hear one change in `everyMs` at most. The first is told at once; those that follow
 * are held, and when the time is over the last of them is told, if it is not what back ends believe already. The journal has every one.
 */
export class ConnectionNews {
  readonly #everyMs: number
  readonly #clock: Clock
  readonly #tell: (fact: FactOf<'connection-settled'>) => void
  /** In the order in which they were told. */
  readonly #news = new Map<string, News>()

  /** `everyMs` 0: each change is told. */
  constructor(everyMs: number, clock: Clock, tell: (fact: FactOf<'connection-settled'>) => void) {
    this.#everyMs = everyMs
    this.#clock = clock
    this.#tell = tell
    if (everyMs > 0) clock.every(sweepMs, () => this.#sweep())
  }

  /** Takes a change. True: back ends are not to hear of it now. */
  holds(device: string, state: State, connection: string): boolean {
    if (this.#everyMs === 0) return false
    const news = this.#news.get(device)
    if (news === undefined || this.#isOver(news)) {
      // What was held until now is older than this, and says nothing more.
      this.#news.delete(device)
      if (this.#news.size < maxRemembered) this.#remember(device, state, connection)
      return false
    }
    news.now = state
    news.connection = connection
    news.held++
    return true
  }

  /** Tells what is held: nobody waits any longer. */
  settle(): void {
    for (const [device, news] of this.#news) this.#settled(device, news)
    this.#news.clear()
  }

  #isOver({ at }: News): boolean {
    return this.#clock.monotonic() - at >= this.#everyMs
  }

  #remember(device: string, told: State, connection: string): void {
    this.#news.set(device, { told, at: this.#clock.monotonic(), now: told, connection, held: 0 })
  }

  #sweep(): void {
    for (const [device, news] of this.#news) {
      if (!this.#isOver(news)) return
      this.#news.delete(device)
      if (this.#settled(device, news)) this.#remember(device, news.now, news.connection)
    }
  }

  #settled(device: string, { told, now, connection, held }: News): boolean {
    if (now === told) return false
    this.#tell({ kind: 'connection-settled', time: this.#clock.now(), device, connection, state: now, held })
    return true
  }
}
