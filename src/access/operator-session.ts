import { timingSafeEqual } from 'node:crypto'
import { type Clock, type Instant, type Random, plus } from '#base'
import { type Caller, mintCaller, operatorRights } from './grant.ts'
import { digestOf } from './operator-token.ts'

/** A session of a browser ends after this long, whatever happens in it. */
export const sessionMs = 8 * 60 * 60_000

/** A session of a browser ends after this long without a request. */
export const sessionIdleMs = 60 * 60_000

/** Sessions held at once; the oldest gives way. */
const maxSessions = 256

/** A browser that has signed in. `id` is fit for logs: it opens nothing. `csrf` must come back with every change. */
export type Session = { readonly id: string; readonly caller: Caller; readonly csrf: string; readonly expiresAt: Instant }

type Held = { readonly session: Session; readonly deadline: number; idleDeadline: number }

/** Browser sessions, kept as digests in memory: a restart signs everybody out, and a leaked table opens nothing. */
export class Sessions {
  readonly #clock: Clock
  readonly #random: Random
  readonly #held = new Map<string, Held>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** Begins a session for `operator`; `cookie` (43 characters of base64url) is told once. */
  begin(operator: string): { readonly cookie: string; readonly session: Session } {
    const cookie = this.#random.bytes(32).toString('base64url')
    const digest = digestOf(cookie)
    const session: Session = Object.freeze({
      id: digest.slice(0, 16),
      caller: mintCaller({ kind: 'operator', id: operator, via: 'session' }, operatorRights),
      csrf: this.#random.bytes(32).toString('base64url'),
      expiresAt: plus(this.#clock.now(), sessionMs),
    })
    const now = this.#clock.monotonic()
    this.#sweep(now)
    if (this.#held.size >= maxSessions) for (const oldest of this.#held.keys()) if (this.#held.delete(oldest)) break
    this.#held.set(digest, { session, deadline: now + sessionMs, idleDeadline: now + sessionIdleMs })
    return { cookie, session }
  }

  /** The live session of a cookie. With `touch` the idle time starts anew; a stream that asks whether it may go on does not touch. */
  find(cookie: string, touch: boolean): Session | undefined {
    const digest = digestOf(cookie)
    const held = this.#held.get(digest)
    if (held === undefined) return undefined
    const now = this.#clock.monotonic()
    if (now >= held.deadline || now >= held.idleDeadline) {
      this.#held.delete(digest)
      return undefined
    }
    if (touch) held.idleDeadline = now + sessionIdleMs
    return held.session
  }

  /** Ends the session of a cookie; false when there was none. */
  end(cookie: string): boolean {
    return this.#held.delete(digestOf(cookie))
  }

  #sweep(now: number): void {
    for (const [digest, held] of this.#held) if (now >= held.deadline || now >= held.idleDeadline) this.#held.delete(digest)
  }
}

/** True when `given` is the anti-forgery token of `session`; compared in constant time. */
export function isCsrfOf(session: Session, given: string): boolean {
  const mine = Buffer.from(digestOf(session.csrf))
  return timingSafeEqual(mine, Buffer.from(digestOf(given)))
}
