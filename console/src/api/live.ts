import { useSyncExternalStore } from 'react'
import { toMs } from '../lib/format.ts'
import { type LinkState, openLink } from './link.ts'
import type { Sample } from './types.ts'
import { isSample } from './wire.ts'

/** Seconds of history kept: two minutes. */
export const liveSeconds = 120

/** What the live stream has told so far; oldest sample first. */
export type Live = { readonly samples: readonly Sample[]; readonly link: LinkState }

let live: Live = { samples: [], link: { phase: 'opening' } }
let users = 0
let stop: (() => void) | undefined
const listeners = new Set<() => void>()

function set(next: Live): void {
  live = next
  for (const tell of listeners) tell()
}

function take(sample: Sample): void {
  // On each opening the hub repeats the last two minutes: what we have already is dropped.
  const last = live.samples.at(-1)
  if (last !== undefined && toMs(sample.time) <= toMs(last.time)) return
  const from = toMs(sample.time) - liveSeconds * 1000
  set({ ...live, samples: [...live.samples.filter((old) => toMs(old.time) > from), sample] })
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  users += 1
  stop ??= openLink({
    path: () => Promise.resolve('/api/v1/live'),
    event: 'sample',
    take: (data) => {
      if (isSample(data)) take(data)
    },
    told: (link) => set({ ...live, link }),
  })
  return () => {
    listeners.delete(tell)
    users -= 1
    if (users > 0) return
    stop?.()
    stop = undefined
  }
}

/** The hub's last two minutes, second by second; one stream however many components look at it. */
export function useLive(): Live {
  return useSyncExternalStore(subscribe, () => live)
}
