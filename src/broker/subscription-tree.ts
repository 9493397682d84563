/** How one session wants what matches one filter. */
export type SubscriptionOptions = {
  readonly qos: 0 | 1
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
}

type Node<Subscriber> = { readonly children: Map<string, Node<Subscriber>>; readonly subscribers: Map<Subscriber, SubscriptionOptions> }

/** Who gets a message published to one topic, each subscriber once. */
export type Route<Subscriber> = readonly { readonly subscriber: Subscriber; readonly options: SubscriptionOptions }[]

// A route is worth keeping because devices publish to few topics again and again; the bound is against those who do not.
const maxCachedRoutes = 10_000

/**
 * Topic filters as a tree of levels. A lookup walks only branches that can match, without recursion (mosquitto 1.6.6: a topic of
 * many levels overflowed the stack), and its result is remembered until a subscription changes.
 */
export class SubscriptionTree<Subscriber> {
  readonly #root: Node<Subscriber> = { children: new Map(), subscribers: new Map() }
  readonly #routes = new Map<string, Route<Subscriber>>()
  #size = 0

  /** Number of subscriptions. */
  get size(): number {
    return this.#size
  }

  /** Adds or replaces; true when it is new. `filter` is checked and without `$share/`. */
  add(filter: string, subscriber: Subscriber, options: SubscriptionOptions): boolean {
    let node = this.#root
    for (const level of filter.split('/')) {
      let next = node.children.get(level)
      if (next === undefined) {
        next = { children: new Map(), subscribers: new Map() }
        node.children.set(level, next)
      }
      node = next
    }
    const isNew = !node.subscribers.has(subscriber)
    node.subscribers.set(subscriber, options)
    if (isNew) this.#size++
    this.#routes.clear()
    return isNew
  }

  /** Removes one subscription and the branches that it leaves empty; false when there was none. */
  remove(filter: string, subscriber: Subscriber): boolean {
    const path: { readonly parent: Node<Subscriber>; readonly level: string }[] = []
    let node = this.#root
    for (const level of filter.split('/')) {
      const next = node.children.get(level)
      if (next === undefined) return false
      path.push({ parent: node, level })
      node = next
    }
    if (!node.subscribers.delete(subscriber)) return false
    this.#size--
    this.#routes.clear()
    for (const { parent, level } of path.toReversed()) {
      const child = parent.children.get(level)
      if (child === undefined || child.subscribers.size > 0 || child.children.size > 0) break
      parent.children.delete(level)
    }
    return true
  }

  /** Everyone whose filters match `topic`; where several of one subscriber do, the highest QoS counts [MQTT-3.3.5-1]. */
  route(topic: string): Route<Subscriber> {
    const known = this.#routes.get(topic)
    if (known !== undefined) return known
    const route = this.#walk(topic)
    if (this.#routes.size >= maxCachedRoutes) this.#routes.clear()
    this.#routes.set(topic, route)
    return route
  }

  #walk(topic: string): Route<Subscriber> {
    const found = new Map<Subscriber, SubscriptionOptions>()
    const take = (node: Node<Subscriber> | undefined) => {
      if (node === undefined) return
      for (const [subscriber, options] of node.subscribers) {
        const other = found.get(subscriber)
        if (other === undefined || options.qos > other.qos) found.set(subscriber, options)
      }
    }
    const levels = topic.split('/')
    let here: Node<Subscriber>[] = [this.#root]
    for (const [depth, level] of levels.entries()) {
      const next: Node<Subscriber>[] = []
      // A filter that begins with a wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
      const wild = depth > 0 || !level.startsWith('$')
      for (const node of here) {
        const exact = node.children.get(level)
        if (exact !== undefined) next.push(exact)
        if (!wild) continue
        const any = node.children.get('+')
        if (any !== undefined) next.push(any)
        take(node.children.get('#'))
      }
      here = next
    }
    for (const node of here) {
      take(node)
      take(node.children.get('#'))
    }
    return [...found].map(([subscriber, options]) => ({ subscriber, options }))
  }
}
