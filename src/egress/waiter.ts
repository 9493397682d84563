import type { Clock } from '#base'

/** Sleeps until it is woken, a time is over, or the work is to end; and misses no wake-up that came while it was busy. */
export class Waiter {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #woken = 0
  #wake: (() => void) | undefined

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
  }

  /** Wake-ups so far; take it before you look whether there is work. */
  get seen(): number {
    return this.#woken
  }

  wake(): void {
    this.#woken++
    this.#wake?.()
  }

  /** Resolves when there was a wake-up after `seen`, or `ms` milliseconds are over. */
  async next(seen: number, ms?: number): Promise<void> {
    if (this.#woken === seen) await this.#sleep(ms, true)
  }

  /** Resolves after `ms` milliseconds, whatever happens but the end. */
  async pause(ms: number): Promise<void> {
    await this.#sleep(ms, false)
  }

  async #sleep(ms: number | undefined, wakes: boolean): Promise<void> {
    if (this.#signal.aborted) return
    const slept = Promise.withResolvers<void>()
    const cancel = ms === undefined ? () => undefined : this.#clock.after(ms, () => slept.resolve())
    const atEnd = () => slept.resolve()
    this.#signal.addEventListener('abort', atEnd)
    if (wakes) this.#wake = atEnd
    await slept.promise
    this.#wake = undefined
    cancel()
    this.#signal.removeEventListener('abort', atEnd)
  }
}
