import { type CancelTimer, type Clock, type Instant, instant, plus } from '#base'

type Timer = { at: number; readonly periodMs: number | undefined; readonly work: () => void }

/** A clock that stands still until told. Timers run inside {@link FakeClock.advance}, in order of their time. */
export class FakeClock implements Clock {
  #now: Instant
  #elapsed = 0
  readonly #timers = new Set<Timer>()

  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#now = instant(start)
  }

  now(): Instant {
    return this.#now
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(delayMs: number, work: () => void): CancelTimer {
    return this.#add({ at: this.#elapsed + delayMs, periodMs: undefined, work })
  }

  every(periodMs: number, work: () => void): CancelTimer {
    return this.#add({ at: this.#elapsed + periodMs, periodMs, work })
  }

  /** Sets wall time without moving timers, as an administrator or a bad NTP server does. */
  jump(to: number): void {
    this.#now = instant(to)
  }

  /** Moves time forward by `ms`, running every timer that falls due on the way. */
  advance(ms: number): void {
    const end = this.#elapsed + ms
    for (;;) {
      let next: Timer | undefined
      for (const timer of this.#timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer
      if (next === undefined) break
      this.#now = plus(this.#now, next.at - this.#elapsed)
      this.#elapsed = next.at
      if (next.periodMs === undefined) this.#timers.delete(next)
      else next.at += next.periodMs
      next.work()
    }
    this.#now = plus(this.#now, end - this.#elapsed)
    this.#elapsed = end
  }

  #add(timer: Timer): CancelTimer {
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }
}
