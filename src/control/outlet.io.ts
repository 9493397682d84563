import type { ServerResponse } from 'node:http'
import type { Clock } from '#base'
import type { StreamOut, Streaming } from './route.ts'

/** Streams open at once, and how long a reader may leave no room before it is dropped. */
export const streamLimits = { open: 64, stallMs: 30_000, identityCheckMs: 5_000 } as const

/** What a stream needs to know of the world. */
export type OutletPorts = {
  readonly clock: Clock
  /** Whether the identity that opened the stream still holds. */
  readonly alive: () => boolean
  /** Aborted when the hub closes. */
  readonly closing: AbortSignal
  /** Told why a stream was cut from our side. */
  readonly dropped: (reason: 'too-slow' | 'signed-out') => void
}

/**
 * Runs a streamed answer to its end. A write waits while the socket's buffer is full, so a slow reader costs one buffer and no more, and one that
 * takes nothing for 30 s is dropped. A stream ends within seconds of the session that opened it.
 */
export async function streamTo(response: ServerResponse, stream: Streaming, ports: OutletPorts): Promise<void> {
  const over = new AbortController()
  const end = () => over.abort()
  const cut = (reason: 'too-slow' | 'signed-out') => {
    if (over.signal.aborted) return
    ports.dropped(reason)
    over.abort()
    response.destroy()
  }
  response.on('close', end)
  response.on('error', end)
  ports.closing.addEventListener('abort', end)
  if (ports.closing.aborted) end()
  const stopChecks = ports.clock.every(streamLimits.identityCheckMs, () => {
    if (!ports.alive()) cut('signed-out')
  })
  const out: StreamOut = {
    signal: over.signal,
    async write(part) {
      over.signal.throwIfAborted()
      if (!ports.alive()) cut('signed-out')
      over.signal.throwIfAborted()
      if (response.write(part)) return
      const stopStall = ports.clock.after(streamLimits.stallMs, () => cut('too-slow'))
      try {
        await drained(response, over.signal)
      } finally {
        stopStall()
      }
    },
  }
  try {
    await stream(out)
  } catch (error) {
    // A reader that left is no mistake; anything else is for whoever started this.
    if (!over.signal.aborted) throw error
  } finally {
    stopChecks()
    response.off('close', end)
    ports.closing.removeEventListener('abort', end)
    over.abort()
    if (!response.destroyed) response.end()
  }
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const clear = () => {
      response.off('drain', room)
      signal.removeEventListener('abort', gone)
    }
    const room = () => {
      clear()
      resolve()
    }
    const gone = () => {
      clear()
      reject(signal.reason)
    }
    response.on('drain', room)
    signal.addEventListener('abort', gone)
    if (signal.aborted) gone()
  })
}
