import { Problem } from './problem.ts'
import { request } from './send.ts'

/*
 * Theory of operation: server-sent events that outlive the network.
 * An EventSource cannot say why it failed, so on failure we close it, ask `/api/v1/me` once (401 tells the shell), and try again with
 * growing pauses. A hidden page holds no stream: browsers allow six connections to a host, shared by all tabs.
 */

/** How a stream fares. `retryAt` is the wall time of the next try. */
export type LinkState = { readonly phase: 'opening' | 'open' } | { readonly phase: 'lost'; readonly retryAt: number }

const firstPauseMs = 1000
const longestPauseMs = 20_000

/** Keeps a stream of server-sent events open until the returned function is called. `path()` is asked anew at each opening. */
export function openLink(ports: {
  readonly path: () => string
  readonly event: string
  readonly take: (data: unknown) => void
  readonly told: (state: LinkState) => void
}): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let pauseMs = firstPauseMs
  let over = false

  const close = (): void => {
    source?.close()
    source = undefined
    clearTimeout(timer)
  }
  const retry = (): void => {
    ports.told({ phase: 'lost', retryAt: Date.now() + pauseMs })
    timer = setTimeout(open, pauseMs)
    pauseMs = Math.min(pauseMs * 2, longestPauseMs)
  }
  const failed = async (): Promise<void> => {
    close()
    // A session that ended is not a lost network: `request` tells the shell, which leaves the page.
    const gone = await request('GET', '/api/v1/me').then(
      () => false,
      (error: unknown) => error instanceof Problem && error.status === 401,
    )
    if (!over && !gone && !document.hidden) retry()
  }
  function open(): void {
    close()
    if (over || document.hidden) return
    source = new EventSource(ports.path())
    source.addEventListener('open', () => {
      pauseMs = firstPauseMs
      ports.told({ phase: 'open' })
    })
    source.addEventListener(ports.event, (event) => ports.take(JSON.parse(event.data)))
    source.addEventListener('error', () => void failed())
  }
  const seen = (): void => {
    if (document.hidden) close()
    else if (source === undefined) open()
  }
  const online = (): void => {
    pauseMs = firstPauseMs
    if (source === undefined) open()
  }

  document.addEventListener('visibilitychange', seen)
  window.addEventListener('online', online)
  ports.told({ phase: 'opening' })
  open()
  return () => {
    over = true
    close()
    document.removeEventListener('visibilitychange', seen)
    window.removeEventListener('online', online)
  }
}
