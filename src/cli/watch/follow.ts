import { type Result, ok } from '#base'
import { type Problem, exit } from '../exit.ts'
import type { Hub } from '../hub.ts'
import { withQuery } from '../hub.ts'
import type { SseEvent } from '../sse.ts'

/** What to follow. `from` is `now`, `start` or an offset. */
export type Query = {
  readonly from: string
  readonly until: 'end' | undefined
  readonly device: string | undefined
  readonly kind: string | undefined
}

/** What becomes of following, told to the caller as it happens. */
export type Told = {
  readonly fact: (offset: string, data: string) => Promise<void>
  /** Something other than a fact: `damaged` for a record that cannot be read, `gap` for what retention took before it was read. */
  readonly notice: (name: string, data: string) => Promise<void>
  /** The connection broke after it had stood; `from` is where it will go on, undefined when nothing was seen yet. */
  readonly broke: (from: string | undefined) => void
  readonly back: () => void
}

/** Waits before the nth attempt to come back; false when there is no point in waiting any more. */
export type Pause = (attempt: number) => Promise<boolean>

// A hub that has just started serves a moment before its files are new; a refusal that stays is one.
const deniedAtMost = 5

/**
 * Follows the hub's journal until its end (with `until`), or until `pause` gives up. A broken connection is taken up again at the last
 * offset seen, which is asked for once more and then skipped: whether the hub counts an offset in or out, no fact is lost or doubled.
 * `find` looks for the hub anew before each connection: one that was started again has another credential, and perhaps another port.
 */
export async function follow(find: () => Result<Hub, Problem>, query: Query, told: Told, pause: Pause): Promise<Result<void, Problem>> {
  const failure = 'The events were not read.'
  let last: string | undefined
  let attempt = 0
  let denied = 0
  for (;;) {
    const path = withQuery('/api/v1/events', { from: last ?? query.from, until: query.until, device: query.device, kind: query.kind })
    const hub = find()
    const stream = hub.ok ? await hub.value.events(path, failure) : hub
    if (!stream.ok) {
      const isDenied = stream.error.exit === exit.denied
      // Only a hub that is away is waited for, and only if it was there before.
      if (attempt === 0 || (stream.error.exit !== exit.unreachable && !isDenied) || (isDenied && ++denied >= deniedAtMost)) return stream
      if (!(await pause(attempt++))) return stream
      continue
    }
    if (attempt > 0) told.back()
    attempt = 1
    denied = 0
    const ended = await drain(stream.value, last, async (event) => {
      await (event.event === 'message' ? told.fact(event.id, event.data) : told.notice(event.event, event.data))
      if (event.id !== '') last = event.id
    })
    if (ended === 'end') return ok(undefined)
    told.broke(last)
    if (!(await pause(attempt++))) return ok(undefined)
  }
}

async function drain(
  events: AsyncIterable<SseEvent>,
  seen: string | undefined,
  take: (event: SseEvent) => Promise<void>,
): Promise<'end' | 'broken'> {
  const iterator = events[Symbol.asyncIterator]()
  try {
    for (;;) {
      let next: IteratorResult<SseEvent>
      try {
        next = await iterator.next()
      } catch {
        return 'broken'
      }
      if (next.done) return 'broken'
      if (next.value.event === 'end') return 'end'
      const isGap = next.value.event === 'gap'
      if (!isGap && seen !== undefined && next.value.id !== '' && !isAfter(next.value.id, seen)) continue
      await take(next.value)
    }
  } finally {
    await iterator.return?.()
  }
}

function isAfter(offset: string, seen: string): boolean {
  const whole = /^[0-9]+$/
  return whole.test(offset) && whole.test(seen) ? BigInt(offset) > BigInt(seen) : offset !== seen
}
