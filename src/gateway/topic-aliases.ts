type Known = { readonly alias: number; uses: number }

/** An alias costs three bytes, so it must stand for more. */
const shortestTopic = 5

/**
 * Topic aliases towards one client, for the topics that it gets most. While aliases are free the next topic takes one; then a topic must
 * have come more often than the least used one that has an alias, whose place it takes. Bounded by what the client allows and by what we do.
 */
export class TopicAliases {
  readonly #maximum: number
  readonly #known = new Map<string, Known>()
  /** Topics without an alias, and how often they came; forgotten when they are many. */
  readonly #others = new Map<string, number>()

  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /** The alias for a topic: above 0 when the client knows it, below 0 when it is to be told (then {@link learn} it), 0 for none. */
  choose(topic: string): number {
    if (this.#maximum === 0 || topic.length < shortestTopic) return 0
    const known = this.#known.get(topic)
    if (known !== undefined) {
      known.uses++
      return known.alias
    }
    if (this.#known.size < this.#maximum) return -(this.#known.size + 1)
    const uses = (this.#others.get(topic) ?? 0) + 1
    const [, least] = this.#least()
    if (uses > least.uses) return -least.alias
    if (this.#others.size >= this.#maximum * 4) this.#others.clear()
    this.#others.set(topic, uses)
    return 0
  }

  /** The client is being told that `alias` stands for `topic` from now on. */
  learn(topic: string, alias: number): void {
    const [old, least] = this.#least()
    if (least.alias === alias && this.#known.size >= this.#maximum) {
      this.#known.delete(old)
      // What was much used long ago must not keep its place for ever.
      for (const known of this.#known.values()) known.uses >>= 1
    }
    this.#known.set(topic, { alias, uses: (this.#others.get(topic) ?? 0) + 1 })
    this.#others.delete(topic)
  }

  #least(): readonly [topic: string, known: Known] {
    let least: readonly [string, Known] = ['', { alias: 0, uses: Number.MAX_SAFE_INTEGER }]
    for (const entry of this.#known) if (entry[1].uses < least[1].uses) least = entry
    return least
  }
}
