/** Bytes that wait in all queues together: what one session takes, another cannot have. */
export class QueueBudget {
  readonly limit: number
  #used = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Whether `bytes` more fit. */
  fits(bytes: number): boolean {
    return this.#used + bytes <= this.limit
  }

  /** Takes (or with a negative number gives back) bytes. */
  take(bytes: number): void {
    this.#used += bytes
  }
}
