import { useEffect, useRef } from 'react'
import { useLive } from '../api/live.ts'
import { queryClient } from '../api/query-client.ts'
import { announce } from '../ui/announce.tsx'
import { useNow } from '../ui/time.tsx'

/** Says that the hub cannot be reached and when it is tried again; goes away, and refreshes the page, once it is back. */
export function LinkBanner() {
  const { link } = useLive()
  const now = useNow()
  const wasLost = useRef(false)
  const { phase } = link
  useEffect(() => {
    if (phase === 'lost' && !wasLost.current) {
      wasLost.current = true
      announce('The connection to the hub is lost. Trying again.')
    } else if (phase === 'open' && wasLost.current) {
      wasLost.current = false
      announce('Connected to the hub again.')
      void queryClient.invalidateQueries()
    }
  }, [phase])
  if (link.phase !== 'lost') return null
  const seconds = Math.max(0, Math.ceil((link.retryAt - now) / 1000))
  return (
    <div className="banner">
      <strong>The hub does not answer.</strong> What you see is what was known last.{' '}
      <span className="banner-when">{seconds === 0 ? 'Trying now…' : `Trying again in ${seconds} s.`}</span>
    </div>
  )
}
