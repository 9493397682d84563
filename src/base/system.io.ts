import { randomBytes } from 'node:crypto'
import { type Clock, instant } from './clock.ts'
import type { Random } from './random.ts'

/** The host's clock. */
export const systemClock: Clock = {
  now: () => instant(Date.now()),
  monotonic: () => performance.now(),
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
  every(periodMs, work) {
    const timer = setInterval(work, periodMs)
    timer.unref()
    return () => clearInterval(timer)
  },
}

/** The operating system's random source. */
export const systemRandom: Random = { bytes: (count) => randomBytes(count) }
