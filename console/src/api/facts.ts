import { useEffect, useRef, useState } from 'react'
import { fetchHub, withQuery } from './hub.ts'
import { type LinkState, openLink } from './link.ts'
import type { Fact } from './types.ts'
import { isFact } from './wire.ts'

/** Facts kept on screen; older ones are a timeline's business. */
const keep = 500
/** Records looked back at when the stream opens, so that the page does not begin empty. */
const lookBack = 200
/** Facts are shown in batches, so that ten thousand a second cost no more than ten. */
const batchMs = 200

/** What the stream of facts has brought: newest first, how many came while it was held, and how the stream fares. */
export type FactStream = { readonly facts: readonly Fact[]; readonly held: number; readonly link: LinkState }

/** Facts as they become durable, from the last few on. While `held` nothing moves on the page, and what comes is counted. */
export function useFacts(filter: { readonly device: string; readonly kind: string }, held: boolean): FactStream {
  const [stream, setStream] = useState<FactStream>({ facts: [], held: 0, link: { phase: 'opening' } })
  const holding = useRef(held)
  holding.current = held
  const { device, kind } = filter

  useEffect(() => {
    let waiting: Fact[] = []
    let arrived = 0
    let last = -1
    const close = openLink({
      path: async () => {
        // Never a whole night's backlog: what is older than the last records is a timeline's business.
        const { journal } = await fetchHub()
        const from = Math.max(journal.start, journal.durableEnd - lookBack, last + 1)
        return withQuery('/api/v1/events', { from, device, kind })
      },
      event: 'message',
      take: (data) => {
        if (!isFact(data)) return
        last = Math.max(last, data.offset)
        arrived += 1
        waiting.push(data)
        if (waiting.length > keep) waiting.shift()
      },
      told: (link) => setStream((old) => ({ ...old, link })),
    })
    const timer = setInterval(() => {
      if (arrived === 0 && !(waiting.length > 0 && !holding.current)) return
      const came = arrived
      arrived = 0
      if (holding.current) {
        setStream((old) => ({ ...old, held: old.held + came }))
        return
      }
      const batch = waiting.toReversed()
      waiting = []
      setStream((old) => ({ ...old, held: 0, facts: [...batch, ...old.facts].slice(0, keep) }))
    }, batchMs)
    setStream((old) => ({ ...old, facts: [], held: 0 }))
    return () => {
      clearInterval(timer)
      close()
    }
  }, [device, kind])
  return stream
}
