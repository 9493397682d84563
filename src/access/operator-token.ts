import { createHash } from 'node:crypto'
import { type Clock, type Instant, type Random, type Result, ok, plus, refuse } from '#base'

/** How long a sign-in link can be used. */
export const signInLinkMs = 15 * 60_000

/** Links that may wait at once; the oldest gives way. */
const maxWaiting = 16

/** Used links that are remembered, so that a replay is told apart from a stranger. */
const maxSpent = 256

type Waiting = { readonly deadline: number }

/** The key under which a token is kept: a leaked copy of this table opens nothing. */
export function digestOf(token: string): string {
  return createHash('sha256').update('thingwall/token/1\0').update(token).digest('hex')
}

/** Sign-in tokens: 32 random bytes, good once, for 15 minutes. Held as digests, in memory: a restart forgets them all. */
export class OneTimeTokens {
  readonly #clock: Clock
  readonly #random: Random
  readonly #waiting = new Map<string, Waiting>()
  readonly #spent = new Set<string>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** A fresh token (43 characters of base64url) and when it ends. */
  issue(): { readonly token: string; readonly expiresAt: Instant } {
    const token = this.#random.bytes(32).toString('base64url')
    if (this.#waiting.size >= maxWaiting) forgetOldest(this.#waiting)
    // Measured on the monotonic clock: setting the host's clock back must not make an old link good again.
    this.#waiting.set(digestOf(token), { deadline: this.#clock.monotonic() + signInLinkMs })
    return { token, expiresAt: plus(this.#clock.now(), signInLinkMs) }
  }

  /** Uses a token up. Refuses `access/link-used` on a replay, `access/link-expired` after its time, `access/link-unknown` otherwise. */
  spend(token: string): Result<void> {
    const digest = digestOf(token)
    if (this.#spent.has(digest)) return refuse('access/link-used', 'This sign-in link was used already. Each one works once.')
    const waiting = this.#waiting.get(digest)
    if (waiting === undefined) return refuse('access/link-unknown', 'This sign-in link is not one of ours, or the hub was restarted since.')
    this.#waiting.delete(digest)
    if (this.#clock.monotonic() >= waiting.deadline)
      return refuse('access/link-expired', 'This sign-in link is older than 15 minutes. Ask for a new one.')
    if (this.#spent.size >= maxSpent) forgetOldest(this.#spent)
    this.#spent.add(digest)
    return ok(undefined)
  }
}

/** Maps and sets iterate in the order of insertion, so the first key is the oldest. */
function forgetOldest(table: { keys(): Iterable<string>; delete(key: string): boolean }): void {
  for (const oldest of table.keys()) {
    table.delete(oldest)
    return
  }
}
