import type { SessionChange, SessionKey } from './session-change.ts'

/** So many settled offsets are recorded at once without waiting for the timer: what a start has to hold depends on it. */
const mostGathered = 1_000

/**
 * Gathers what needs no delivery any more, so that an acknowledgement costs a push and not a record. Whoever owns it calls
 * {@link SettledOffsets.flush} a few times a second; what was not recorded when the process dies is delivered once more.
 */
export class SettledOffsets {
  readonly #record: (change: SessionChange) => number
  #sessions = new Map<SessionKey, number[]>()
  #groups = new Map<string, number[]>()

  /** `record` journals a change and returns its offset, or -1 when there is no room: then it is tried again at the next flush. */
  constructor(record: (change: SessionChange) => number) {
    this.#record = record
  }

  /** A stored session needs the message at `offset` no more: acknowledged at QoS 1, dropped, expired, too large. */
  add(session: SessionKey, offset: number): void {
    const offsets = this.#sessions.get(session)
    if (offsets === undefined) this.#sessions.set(session, [offset])
    else if (offsets.push(offset) >= mostGathered) this.#flushSession(session, offsets)
  }

  /** The members of a shared subscription (its filter, with `$share/`) need the message no more: whichever of them had it, stored or not. */
  addShared(filter: string, offset: number): void {
    const offsets = this.#groups.get(filter)
    if (offsets === undefined) this.#groups.set(filter, [offset])
    else if (offsets.push(offset) >= mostGathered) this.#flushGroup(filter, offsets)
  }

  /** A session that ended owes nothing. */
  forget(session: SessionKey): void {
    this.#sessions.delete(session)
  }

  /** Records everything gathered: one change for each session and group. */
  flush(): void {
    for (const [session, offsets] of this.#sessions) this.#flushSession(session, offsets)
    for (const [filter, offsets] of this.#groups) this.#flushGroup(filter, offsets)
  }

  #flushSession(session: SessionKey, offsets: readonly number[]): void {
    if (this.#record({ kind: 'session-progress', session, offsets }) >= 0) this.#sessions.delete(session)
  }

  #flushGroup(filter: string, offsets: readonly number[]): void {
    if (this.#record({ kind: 'group-progress', filter, offsets }) >= 0) this.#groups.delete(filter)
  }
}
