import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '#base'
import type { Load } from './overload.ts'

const periodMs = 500
const probeMs = 100

/**
 * Measures twice a second how the process is doing and tells `tell`; `bytes` gives what only the gateway knows. Of the event loop's delay
 * the lower one of the last two intervals counts, so that one long turn is no overload. `memoryBytes` is what the process may use;
 * undefined: all that the machine or its container has. Disposing of it stops it.
 *
 * The delay is how late a timer of our own comes. The histogram of node:perf_hooks does not do: after a reset its first interval is not
 * recorded, so a loop whose every turn is longer than our period shows no delay at all.
 */
export function sampleLoad(
  clock: Clock,
  memoryBytes: number | undefined,
  bytes: () => Pick<Load, 'journalPendingBytes' | 'unsentBytes'>,
  tell: (load: Load) => void,
): Disposable {
  const available = memoryBytes ?? machineBytes()
  let probedAt = clock.monotonic()
  let toldAt = probedAt
  let worstMs = 0
  let formerMs = 0
  let rssBytes = 0
  const cancel = clock.every(probeMs, () => {
    const now = clock.monotonic()
    worstMs = Math.max(worstMs, now - probedAt - probeMs)
    probedAt = now
    if (now - toldAt < periodMs) return
    toldAt = now
    const loopDelayMs = Math.min(formerMs, worstMs)
    formerMs = worstMs
    worstMs = 0
    rssBytes = residentBytes() ?? rssBytes
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
    tell({ loopDelayMs, memoryShare: Math.max(rssBytes / available, used / limit), ...bytes() })
  })
  return { [Symbol.dispose]: cancel }
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
