import { totalmem } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '#base'
import type { Load } from './overload.ts'

const periodMs = 500
const resolutionMs = 20

/**
 * Measures twice a second how the process is doing and tells `tell`; `bytes` gives what only the gateway knows. Of the event loop's delay
 * the lower one of the last two intervals counts, so that one long turn is no overload. `memoryBytes` is what the process may use;
 * undefined: all that the machine or its container has. Disposing of it stops it.
 */
export function sampleLoad(
  clock: Clock,
  memoryBytes: number | undefined,
  bytes: () => Pick<Load, 'journalPendingBytes' | 'unsentBytes'>,
  tell: (load: Load) => void,
): Disposable {
  const available = memoryBytes ?? machineBytes()
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  let lastMs = 0
  let rssBytes = 0
  const cancel = clock.every(periodMs, () => {
    // The histogram holds the length of its own interval as well.
    const nowMs = delay.count === 0 ? 0 : Math.max(0, delay.percentile(90) / 1e6 - resolutionMs)
    delay.reset()
    const loopDelayMs = Math.min(lastMs, nowMs)
    lastMs = nowMs
    rssBytes = residentBytes() ?? rssBytes
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
    tell({ loopDelayMs, memoryShare: Math.max(rssBytes / available, used / limit), ...bytes() })
  })
  return {
    [Symbol.dispose]() {
      cancel()
      delay.disable()
    },
  }
}

/** A container's bound where there is one. Node says 0, or more than there is, where there is none. */
function machineBytes(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** Undefined when the system does not say: it reads a file, and a hub without descriptors must not end for that. */
function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss()
  } catch {
    return undefined
  }
}
