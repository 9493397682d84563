import { setTimeout as wait } from 'node:timers/promises'

/** Waits 0.2 s, 0.4 s and so on up to 5 s; false as soon as `signal` ends it. */
export async function pauseBetween(attempt: number, signal: AbortSignal): Promise<boolean> {
  try {
    await wait(Math.min(5_000, 200 * 2 ** (attempt - 1)), undefined, { signal })
    return true
  } catch {
    return false
  }
}
