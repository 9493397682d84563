import type { CancelTimer, Clock } from '#base'

const everyMs = 5 * 60_000
/** Many changes in a row are one evaluation. */
const soonMs = 500
/** While devices are being made by the thousand, they are looked at so often. */
const whileMs = 10_000

/** Runs evaluations one at a time: every five minutes, and soon when something asks for one. */
export class EvaluationRunner implements AsyncDisposable {
  readonly #clock: Clock
  readonly #work: (signal: AbortSignal) => Promise<void>
  readonly #trouble: (what: string, error: unknown) => void
  readonly #ending = new AbortController()
  readonly #stop: CancelTimer
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #timer: CancelTimer | undefined
  #due = Infinity

  constructor(clock: Clock, work: (signal: AbortSignal) => Promise<void>, trouble: (what: string, error: unknown) => void) {
    this.#clock = clock
    this.#work = work
    this.#trouble = trouble
    this.#stop = clock.every(everyMs, () => this.#runQuietly())
  }

  /** Half a second from now. */
  soon(): void {
    this.#in(soonMs)
  }

  /** Ten seconds from now, or earlier if something else wants it. */
  inAWhile(): void {
    this.#in(whileMs)
  }

  /** Resolves when an evaluation that began after the call has ended; rejects when it failed. */
  run(): Promise<void> {
    if (this.#running === undefined) {
      this.#disarm()
      return (this.#running = this.#work(this.#ending.signal).finally(() => (this.#running = undefined)))
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.run()
      })
    return this.#next
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    this.#disarm()
    this.#ending.abort()
    await this.#running?.catch(() => undefined)
    await this.#next?.catch(() => undefined)
  }

  #in(delayMs: number): void {
    const due = this.#clock.monotonic() + delayMs
    if (due >= this.#due || this.#ending.signal.aborted) return
    this.#disarm()
    this.#due = due
    this.#timer = this.#clock.after(delayMs, () => this.#runQuietly())
  }

  #disarm(): void {
    this.#timer?.()
    this.#timer = undefined
    this.#due = Infinity
  }

  #runQuietly(): void {
    this.#disarm()
    this.run().catch((error: unknown) => {
      if (!this.#ending.signal.aborted) this.#trouble('configurations were not evaluated', error)
    })
  }
}
