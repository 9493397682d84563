import type { Clock } from '#base'
import type { Observations } from './evidence.ts'

const dayMs = 24 * 60 * 60_000

/** How often the synthetic device publishes. */
export const periodMs = 60_000

/** A round trip that takes longer counts as slow. */
export const limitMs = 5_000

/** After this a message counts as lost. */
export const lostMs = 30_000

/**
 * The round trips of the last 24 hours. Every minute that passes expects one: a synthetic device that has stopped shows as lost trips,
 * not as silence. Runs on the monotonic clock, so that a clock that is set does not look like an outage.
 */
export class RoundTrips {
  readonly #clock: Clock
  readonly #started: number
  /** When each trip began, and how long it took: null is lost. */
  #trips: { readonly at: number; readonly tookMs: number | null }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#started = clock.monotonic()
  }

  /** Takes the outcome of a trip that began at `at` (monotonic). */
  record(at: number, tookMs: number | null): void {
    this.#trips.push({ at, tookMs })
    const oldest = this.#clock.monotonic() - dayMs
    if (this.#trips.length > (2 * dayMs) / periodMs) this.#trips = this.#trips.filter((trip) => trip.at >= oldest)
  }

  /** The window as evidence. A trip that may still be under way is not expected yet. */
  summary(): Observations['round-trips'] {
    const now = this.#clock.monotonic()
    const windowMs = Math.min(dayMs, now - this.#started)
    const trips = this.#trips.filter((trip) => trip.at >= now - windowMs)
    const took = trips.flatMap((trip) => (trip.tookMs === null ? [] : [trip.tookMs])).sort((a, b) => a - b)
    const withinLimit = took.filter((ms) => ms <= limitMs).length
    // The first trip leaves at the start; each further one a period later, and has the time to be lost.
    const due = windowMs < lostMs ? 0 : Math.floor((windowMs - lostMs) / periodMs) + 1
    const expected = Math.max(trips.length, due)
    const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? null
    return {
      windowMs,
      expected,
      withinLimit,
      slow: took.length - withinLimit,
      lost: expected - took.length,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    }
  }
}
