import { limits } from '#base'

/*
 * How much of what comes in the hub still takes. Numbers in, a level out; who measures is elsewhere (overload-sampler.io.ts).
 *
 *   normal      everything is served
 *   strained    no new connections; those that live notice nothing
 *   overloaded  QoS 0 is dropped as well, and counted
 *
 * QoS 1 and 2 are never dropped for load: their senders are held back by TCP, as always. The console is not asked. The level rises at the
 * first measurement that calls for it and falls, one level at a time, when every number has been clearly below its bound for a while:
 * a hub at its limit must not open and shut its door with every sample.
 */

/** How bad it is. */
export type Level = 'normal' | 'strained' | 'overloaded'

/** One measurement. */
export type Load = {
  /** Milliseconds by which work of the event loop came late at worst, in the better one of the last two intervals. */
  readonly loopDelayMs: number
  /** Bytes that wait for the disk. */
  readonly journalPendingBytes: number
  /** Bytes written for live clients that they have not taken. */
  readonly unsentBytes: number
  /** Share of the memory that we may use: the higher one of process and heap. */
  readonly memoryShare: number
}

/** From where on the hub is strained, and overloaded. */
export type LoadBounds = { readonly [K in keyof Load]: { readonly strained: number; readonly overloaded: number } }

/** The level now, and since when (monotonic milliseconds) nothing has called for it any more. */
export type LoadState = { readonly level: Level; readonly calmSince: number | undefined }

/** Where everything begins. */
export const calm: LoadState = { level: 'normal', calmSince: undefined }

// A level is left when every number is below this part of its bound for as long as the next line says.
const lowShare = 0.7
/** How long all must be well before a level is left. */
export const recoveryMs = 5_000

const names: Readonly<Record<keyof Load, string>> = {
  loopDelayMs: 'event loop delay',
  journalPendingBytes: 'bytes waiting for the disk',
  unsentBytes: 'bytes that clients have not taken',
  memoryShare: 'memory in use',
}
const numbers = ['loopDelayMs', 'journalPendingBytes', 'unsentBytes', 'memoryShare'] as const

/** What the numbers alone call for, and which of them do, in words. A number that is none calls for nothing. */
export function levelOf(load: Load, bounds: LoadBounds, share = 1): { readonly level: Level; readonly reasons: readonly string[] } {
  const over = (kind: 'strained' | 'overloaded') => numbers.filter((name) => load[name] >= bounds[name][kind] * share)
  const overloaded = over('overloaded')
  const strained = overloaded.length > 0 ? overloaded : over('strained')
  const level = overloaded.length > 0 ? 'overloaded' : strained.length > 0 ? 'strained' : 'normal'
  return { level, reasons: strained.map((name) => names[name]) }
}

const heights: Readonly<Record<Level, number>> = { normal: 0, strained: 1, overloaded: 2 }

/** The state after one more measurement at `now`. */
export function stepLoad(state: LoadState, load: Load, bounds: LoadBounds, now: number): LoadState {
  const called = levelOf(load, bounds).level
  if (heights[called] > heights[state.level]) return { level: called, calmSince: undefined }
  if (state.level === 'normal') return calm
  // Below the lowered bounds of this very level, not of the one that is next.
  if (heights[levelOf(load, bounds, lowShare).level] >= heights[state.level]) return { level: state.level, calmSince: undefined }
  const calmSince = state.calmSince ?? now
  if (now - calmSince < recoveryMs) return { level: state.level, calmSince }
  return { level: state.level === 'overloaded' ? 'strained' : 'normal', calmSince: undefined }
}

/** Far beyond what a busy hub shows; a hub that is held up for a second each turn serves nobody well. */
export const defaultLoadBounds: LoadBounds = {
  loopDelayMs: { strained: 1_000, overloaded: 5_000 },
  // Sockets are paused from one times the journal's bound on, and appends refused at two times it.
  journalPendingBytes: { strained: 1.5 * limits.journalPendingBytes, overloaded: 1.9 * limits.journalPendingBytes },
  unsentBytes: { strained: 256 * 1024 * 1024, overloaded: 512 * 1024 * 1024 },
  memoryShare: { strained: 0.8, overloaded: 0.9 },
}
