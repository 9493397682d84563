import type { Clock } from '#base'
import { encodeFact, type FactOf, type Journal, type JsonFact, type Offset } from '#journal'

// Whoever can make us write can make us write much: repeats within a window become one record with a count.
const windowMs = 1_000
const factsPerWindow = 50

type Counted = FactOf<'refused' | 'denied' | 'reconnected' | 'clone-suspected' | 'theft-suspected'>

/**
 * Writes facts about connections to the journal. Refusals, denials and takeovers are limited: of each sort the first in a second is written
 * at once, repeats are counted and written when the second is over, and beyond fifty sorts of one kind a second only totals remain.
 */
export class FactLog {
  readonly #journal: Journal
  readonly #observers = new Set<(fact: JsonFact) => void>()
  readonly #repeats = new Map<string, { readonly fact: Counted; count: number }>()
  /** Records of each kind in this window: a flood of one does not hide another. */
  readonly #written = new Map<Counted['kind'], number>()

  constructor(journal: Journal, clock: Clock) {
    this.#journal = journal
    clock.every(windowMs, () => this.#settle())
  }

  /** Writes a fact now. While the journal is at its memory bound the fact is lost, as QoS 0 would be. */
  tell(fact: JsonFact): void {
    this.#journal.appendSoon(encodeFact(fact))
    for (const observe of this.#observers) observe(fact)
  }

  /** Writes a fact that somebody waits for; returns its offset, or -1 when the journal has no room. */
  tellNow(fact: JsonFact): Offset {
    const offset = this.#journal.append(encodeFact(fact))
    if (offset >= 0) for (const observe of this.#observers) observe(fact)
    return offset
  }

  /** Shows every fact to `observe` as it is written, so that nobody has to read the journal back for it. Returns how to stop. */
  observed(observe: (fact: JsonFact) => void): () => void {
    this.#observers.add(observe)
    return () => void this.#observers.delete(observe)
  }

  /** Writes a fact of which a peer can make many, under the limit. `sort` names what makes two of them the same. */
  tellLimited(sort: string, fact: Counted): void {
    const known = this.#repeats.get(sort)
    if (known !== undefined) {
      known.count++
      return
    }
    const written = this.#written.get(fact.kind) ?? 0
    const key = written < factsPerWindow ? sort : `${fact.kind} beyond the limit`
    const overflow = this.#repeats.get(key)
    if (overflow !== undefined) {
      overflow.count++
      return
    }
    this.#repeats.set(key, { fact, count: 0 })
    this.#written.set(fact.kind, written + 1)
    if (written < factsPerWindow) this.tell(fact)
  }

  #settle(): void {
    for (const { fact, count } of this.#repeats.values()) if (count > 0) this.tell({ ...fact, count })
    this.#repeats.clear()
    this.#written.clear()
  }
}
