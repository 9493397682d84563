const window = 1_024

/** Durations of the latest flushes, for percentiles. */
export class Durations {
  count = 0
  readonly #latest = new Float64Array(window)

  add(ms: number): void {
    this.#latest[this.count++ % window] = ms
  }

  /** The duration that the share `q` (0 to 1) of the latest flushes did not exceed; 0 before the first. */
  quantile(q: number): number {
    const sorted = this.#latest.slice(0, Math.min(this.count, window)).sort()
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0
  }
}
