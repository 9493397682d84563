import type { Clock } from '#base'

/** Failures in a row that open a breaker, how long it stays open at first and at most, and what may be under way or wait at a time. */
export const breakerLimits = { failures: 5, firstPauseMs: 1_000, longestPauseMs: 60_000, running: 32, waiting: 1_024 } as const

/**
 * Stands before somebody who may be slow or dead, so that ten thousand clients do not each wait for the same time-out. Bounds what is asked at
 * once and what waits for that; after failures in a row nobody is asked for a while, and then one alone, whose success closes it again.
 */
export class Breaker {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #waiting: ((go: boolean) => void)[] = []
  #running = 0
  #failures = 0
  #pauseMs = 0
  #openUntil = 0
  #trying = false

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Whether nobody is asked now. */
  get isOpen(): boolean {
    return this.#pauseMs > 0 && (this.#trying || this.#clock.monotonic() < this.#openUntil)
  }

  /**
   * Asks through the breaker. `work` resolves to undefined for a failure. Undefined, without asking, while the breaker is open or when too many
   * wait. A `work` that throws counts as a failure, and its error passes.
   */
  async ask<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
    if (!(await this.#enter())) return undefined
    let answer: T | undefined
    try {
      answer = await work()
      return answer
    } finally {
      this.#leave(answer !== undefined)
    }
  }

  #enter(): Promise<boolean> | boolean {
    if (this.isOpen) return false
    if (this.#pauseMs > 0) this.#trying = true
    if (this.#running < breakerLimits.running) {
      this.#running++
      return true
    }
    if (this.#waiting.length >= breakerLimits.waiting) return false
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #leave(succeeded: boolean): void {
    this.#running--
    if (succeeded) {
      this.#failures = 0
      this.#pauseMs = 0
      this.#trying = false
    } else if (this.#trying || ++this.#failures >= breakerLimits.failures) this.#open()
    const next = this.#waiting.shift()
    if (next === undefined) return
    this.#running++
    next(true)
  }

  #open(): void {
    this.#trying = false
    this.#failures = 0
    this.#pauseMs = Math.min(Math.max(breakerLimits.firstPauseMs, this.#pauseMs * 2), breakerLimits.longestPauseMs)
    this.#openUntil = this.#clock.monotonic() + this.#pauseMs
    // Whoever waits would only wait for the same failure.
    for (const waiting of this.#waiting.splice(0)) waiting(false)
  }
}
