import type { Brand } from './result.ts'

/** A point in time: milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = Brand<number, 'Instant'>

/** Milliseconds since the epoch as an {@link Instant}. The number must be finite; anything else is our bug. */
export function instant(epochMs: number): Instant {
  if (!Number.isFinite(epochMs)) throw new Error('bug: instant is not a finite number')
  return epochMs as Instant
}

/** `at` moved by `ms` milliseconds. */
export function plus(at: Instant, ms: number): Instant {
  return instant(at + ms)
}

/** RFC 3339 text in UTC with milliseconds, as every API and file of ours prints time. */
export function isoTime(at: Instant): string {
  return new Date(at).toISOString()
}

/** Stops a timer; calling it twice is harmless. */
export type CancelTimer = () => void

/**
 * Time as a thing that is passed in. Only `system.io.ts` meets the real clock; tests advance a fake one.
 * Timers never keep the process alive by themselves.
 */
export interface Clock {
  /** Wall time. May jump when the host's clock is set. */
  now(): Instant
  /** Milliseconds that only ever grow; for durations. */
  monotonic(): number
  /** Runs `work` once, after at least `delayMs`. */
  after(delayMs: number, work: () => void): CancelTimer
  /** Runs `work` every `periodMs` until cancelled. */
  every(periodMs: number, work: () => void): CancelTimer
}
