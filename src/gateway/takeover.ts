import { createHash } from 'node:crypto'
import { placeOf } from './place.ts'

/*
 * What a takeover means. A device that comes back, a key that is used in two places and somebody with another key look the same to the
 * protocol: a CONNECT with a client identifier that is in use. They differ in the key, the place and the silence before:
 *
 *   key    place    the old connection    judgement
 *   same   same     -                     reconnected: it restarted, and the old socket has not noticed
 *   same   other    silent                reconnected: it moved
 *   same   other    heard lately          clone-suspected; certain when the two take the session from each other again and again
 *   newer  -        -                     reconnected, with a new key: renewed
 *   older  same     -                     reconnected, with another key
 *   older  other    heard lately          theft-suspected: who holds the newer key does not go back to the older one
 *
 * Another identity with the client identifier of somebody's session can neither resume nor end it (sessions belong to identities), but
 * somebody who tries is theft-suspected all the same. Nothing is refused here: these are facts for whoever reads them.
 */

/** One end of a takeover. `thumbprint` is null where no certificate proved the identity. */
export type Party = {
  readonly address: string
  readonly thumbprint: string | null
  /** When its credential ends, milliseconds since the epoch; what ends later is newer. */
  readonly expiresAt: number | undefined
}

/** The connection that was there: silent for so long, with so long a keep alive. */
export type Former = Party & { readonly silentMs: number; readonly keepAliveMs: number }

/** What it was. */
export type Takeover =
  | { readonly kind: 'reconnected'; readonly why: 'same-place' | 'silent' | 'renewed'; readonly keyChanged: boolean }
  | { readonly kind: 'clone-suspected'; readonly certain: boolean }
  | { readonly kind: 'theft-suspected'; readonly why: 'older-key' }

/** So many takeovers between the same two places within the window are no moving device any more. */
export const certainSwaps = 4
/** How far back takeovers count. */
export const swapWindowMs = 10 * 60 * 1000

/** Judges a takeover of a live session by the same identity. `swaps` counts those between these two places lately, this one included. */
export function judgeTakeover(fresh: Party, former: Former, swaps: number): Takeover {
  const keyChanged = fresh.thumbprint !== former.thumbprint
  const samePlace = placeOf(fresh.address) === placeOf(former.address)
  const silent = former.silentMs > former.keepAliveMs
  if (keyChanged) {
    const isOlder = (fresh.expiresAt ?? Infinity) < (former.expiresAt ?? Infinity)
    if (!isOlder) return { kind: 'reconnected', why: 'renewed', keyChanged }
    if (!samePlace && !silent) return { kind: 'theft-suspected', why: 'older-key' }
  }
  if (samePlace) return { kind: 'reconnected', why: 'same-place', keyChanged }
  if (silent) return { kind: 'reconnected', why: 'silent', keyChanged }
  return { kind: 'clone-suspected', certain: swaps >= certainSwaps }
}

// What is remembered by a name that a peer chose must not cost what the peer likes.
const longestName = 64
const keyOf = (name: string): string => (name.length <= longestName ? name : `\0${createHash('sha256').update(name).digest('base64')}`)

type Swap = { readonly at: number; readonly pair: string }

const maxSwaps = 16

/** The takeovers of each session lately, of a bounded number of sessions: those that were taken over longest ago are forgotten first. */
export class TakeoverHistory {
  readonly #sessions = new Map<string, readonly Swap[]>()
  readonly #maxSessions: number

  constructor(maxSessions = 10_000) {
    this.#maxSessions = maxSessions
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Notes a takeover of `session` at `now` (monotonic). How many it had lately, and between these two places; this one counts. */
  note(session: string, from: string, to: string, now: number): { readonly takeovers: number; readonly swaps: number } {
    const key = keyOf(session)
    const pair = [placeOf(from), placeOf(to)].toSorted().join(' ')
    const before = (this.#sessions.get(key) ?? []).filter(({ at }) => now - at < swapWindowMs)
    const all = [...before, { at: now, pair }].slice(-maxSwaps)
    this.#sessions.delete(key)
    this.#sessions.set(key, all)
    if (this.#sessions.size > this.#maxSessions) for (const oldest of this.#sessions.keys()) return this.#forget(oldest, all, pair)
    return count(all, pair)
  }

  #forget(oldest: string, all: readonly Swap[], pair: string): { readonly takeovers: number; readonly swaps: number } {
    this.#sessions.delete(oldest)
    return count(all, pair)
  }
}

function count(all: readonly Swap[], pair: string): { readonly takeovers: number; readonly swaps: number } {
  return { takeovers: all.length, swaps: all.filter((swap) => swap.pair === pair).length }
}

/** Who used a client identifier last. */
export type Holder = {
  readonly device: string
  readonly connection: string
  readonly address: string
  readonly thumbprint: string | null
  /** How long its session outlives the connection. */
  readonly expirySeconds: number
}

/** Who holds which client identifier, live or with a stored session; of a bounded number, the most recent ones. Forgotten with the process. */
export class Holders {
  readonly #holders = new Map<string, { readonly holder: Holder; until: number }>()
  readonly #max: number

  constructor(max = 65_536) {
    this.#max = max
  }

  /** `holder` has connected with `clientId`. */
  entered(clientId: string, holder: Holder): void {
    const key = keyOf(clientId)
    this.#holders.delete(key)
    this.#holders.set(key, { holder, until: Infinity })
    if (this.#holders.size <= this.#max) return
    for (const oldest of this.#holders.keys()) {
      this.#holders.delete(oldest)
      return
    }
  }

  /** That connection is gone; what it leaves behind lasts as long as its session. */
  left(clientId: string, connection: string, now: number): void {
    const key = keyOf(clientId)
    const known = this.#holders.get(key)
    if (known?.holder.connection !== connection) return
    if (known.holder.expirySeconds === 0) this.#holders.delete(key)
    else known.until = now + known.holder.expirySeconds * 1000
  }

  /** Who holds `clientId`, if it is somebody else than `device`. */
  other(clientId: string, device: string | undefined, now: number): Holder | undefined {
    const key = keyOf(clientId)
    const known = this.#holders.get(key)
    if (known === undefined || known.holder.device === device) return undefined
    if (now < known.until) return known.holder
    this.#holders.delete(key)
    return undefined
  }
}
