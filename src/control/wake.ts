/** Lets any number of tasks sleep until something happens. A wake reaches those asleep, and only them. */
export class Wake {
  readonly #asleep = new Set<() => void>()

  /** Resolves at the next {@link Wake.wake}, or when `signal` is aborted. Ask for it before looking at what you wait for. */
  next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const rise = () => {
        this.#asleep.delete(rise)
        signal.removeEventListener('abort', rise)
        resolve()
      }
      this.#asleep.add(rise)
      signal.addEventListener('abort', rise)
    })
  }

  /** Calls `listener` at each wake. Returns how to stop. */
  on(listener: () => void): () => void {
    this.#asleep.add(listener)
    return () => void this.#asleep.delete(listener)
  }

  /** Wakes everybody. */
  wake(): void {
    for (const rise of this.#asleep) rise()
  }
}
