import { fetchMe } from './hub.ts'
import { Problem } from './problem.ts'

/*
 * Theory of operation: server-sent events that outlive the network.
 * An EventSource cannot say why it failed, so on failure we close it, ask `/api/v1/me` once (401 tells the shell), and try again with
 * growing pauses. A hidden page holds no stream: browsers allow six connections to a host, shared by all tabs.
 */

/** How a stream fares. `retryAt` is the wall time of the next try. */
export type LinkState = { readonly phase: 'opening' | 'open' } | { readonly phase: 'lost'; readonly retryAt: number }

const firstPauseMs = 1000
const longestPauseMs = 20_000

/** Keeps a stream of server-sent events open until the returned function is called. `path()` is asked anew at each opening and may itself ask the hub. */
export function openLink(ports: {
  readonly path: () => Promise<string>
  readonly event: string
  readonly take: (data: unknown) => void
  readonly told: (state: LinkState) => void
}): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let pauseMs = firstPauseMs
  let over = false
  // Which opening is the current one: `path()` may answer after its opening was given up.
  let turn = 0

  const close = (): void => {
    turn += 1
    source?.close()
    source = undefined
    clearTimeout(timer)
  }
  const retry = (): void => {
    ports.told({ phase: 'lost', retryAt: Date.now() + pauseMs })
    timer = setTimeout(() => void open(), pauseMs)
    pauseMs = Math.min(pauseMs * 2, longestPauseMs)
  }
  const failed = async (): Promise<void> => {
    close()
    const mine = turn
    // A session that ended is not a lost network: the client tells the shell, which leaves the page.
    const gone = await fetchMe().then(
      () => false,
      (error: unknown) => error instanceof Problem && error.status === 401,
    )
    if (mine === turn && !over && !gone && !document.hidden) retry()
  }
  async function open(): Promise<void> {
    close()
    if (over || document.hidden) return
    const mine = turn
    const path = await ports.path().catch(() => undefined)
    if (mine !== turn) return
    if (path === undefined) {
      await failed()
      return
    }
    source = new EventSource(path)
    source.addEventListener('open', () => {
      pauseMs = firstPauseMs
      ports.told({ phase: 'open' })
    })
    source.addEventListener(ports.event, (event) => ports.take(JSON.parse(event.data)))
    source.addEventListener('error', () => void failed())
  }
  const seen = (): void => {
    if (document.hidden) close()
    else if (source === undefined) void open()
  }
  const online = (): void => {
    pauseMs = firstPauseMs
    if (source === undefined) void open()
  }

  document.addEventListener('visibilitychange', seen)
  window.addEventListener('online', online)
  ports.told({ phase: 'opening' })
  void open()
  return () => {
    over = true
    close()
    document.removeEventListener('visibilitychange', seen)
    window.removeEventListener('online', online)
  }
}
