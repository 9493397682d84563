import { useSyncExternalStore } from 'react'
import type { Moment } from '../api/types.ts'
import { dateTime, relative, toMs } from '../lib/format.ts'

const tickMs = 1000
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  if (timer === undefined) {
    now = Date.now()
    timer = setInterval(() => {
      now = Date.now()
      for (const each of listeners) each()
    }, tickMs)
  }
  return () => {
    listeners.delete(tell)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** The browser's wall time, moving once a second, the same for all who look. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

/** Milliseconds since the epoch, for a decision at this moment (not for display). */
export const wallTime = (): number => Date.now()

/** `4 min ago`, with the exact time for whoever points at it. */
export function Ago({ at }: { readonly at: Moment }) {
  const ms = toMs(at)
  const tick = useNow()
  // What happened since the last tick happened now, not in the future.
  const now = ms > tick && ms < tick + 1500 ? ms : tick
  return (
    <time dateTime={Number.isNaN(ms) ? '' : new Date(ms).toISOString()} title={dateTime(at)}>
      {relative(at, now)}
    </time>
  )
}
