import { noIdentifiers } from './delivery.ts'

/** How one session wants what matches one filter. */
export type SubscriptionOptions = {
  readonly qos: 0 | 1 | 2
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  /** The Subscription Identifier. */
  readonly identifier?: number | undefined
}

/** How one copy of a message goes out. */
export type Copy = { readonly qos: 0 | 1 | 2; readonly retainAsPublished: boolean; readonly identifiers: readonly number[] }

/** A session that gets a copy. `own` is for what it published itself; undefined: nothing [MQTT-3.8.3-3]. Mostly the same object as `copy`. */
export type Direct<Subscriber> = {
  readonly group: undefined
  readonly subscriber: Subscriber
  readonly copy: Copy
  readonly own: Copy | undefined
}

/** A group of a shared subscription, of which one member gets a copy. `members` are those who may have it. */
export type Shared<Subscriber> = {
  readonly group: ShareGroup<Subscriber>
  readonly members: readonly { readonly subscriber: Subscriber; readonly copy: Copy }[]
}

/** Everyone who subscribed to one filter under one share name. It belongs to nobody in particular, and each member is judged for itself. */
export type ShareGroup<Subscriber> = {
  /** `$share/name/filter`, as its members sent it. */
  readonly text: string
  readonly members: Map<Subscriber, SubscriptionOptions>
  /** Whose turn it is, as an index that only grows. */
  turn: number
}

/** Who gets a message published to one topic: each subscriber once, and each group. */
export type Route<Subscriber> = readonly (Direct<Subscriber> | Shared<Subscriber>)[]

type Node<Subscriber> = {
  readonly children: Map<string, Node<Subscriber>>
  readonly subscribers: Map<Subscriber, SubscriptionOptions>
  /** By share name. */
  groups: Map<string, ShareGroup<Subscriber>> | undefined
}

// A route is worth keeping because devices publish to few topics again and again; the bound is against those who do not.
const maxCachedRoutes = 10_000

/**
 * Topic filters as a tree of levels. A lookup walks only branches that can match, without recursion (mosquitto 1.6.6: a topic of
 * many levels overflowed the stack), and its result is remembered until a subscription or a policy changes. Whoever may not have what is
 * published to a topic is left out when its route is made, so that the check at delivery costs a message nothing.
 */
export class SubscriptionTree<Subscriber> {
  readonly #admits: (subscriber: Subscriber, topic: string) => boolean
  readonly #root: Node<Subscriber> = newNode()
  readonly #routes = new Map<string, Route<Subscriber>>()
  #size = 0

  /** `admits` says whether a subscriber may receive what is published to a topic. */
  constructor(admits: (subscriber: Subscriber, topic: string) => boolean = () => true) {
    this.#admits = admits
  }

  /** Number of subscriptions. */
  get size(): number {
    return this.#size
  }

  /** Forgets routes: the policy changed. */
  forgetRoutes(): void {
    this.#routes.clear()
  }

  /** Adds or replaces; true when it is new. `filter` is checked and without `$share/`; `share` is the share name. */
  add(filter: string, subscriber: Subscriber, options: SubscriptionOptions, share?: string): boolean {
    let node = this.#root
    for (const level of filter.split('/')) {
      let next = node.children.get(level)
      if (next === undefined) {
        next = newNode()
        node.children.set(level, next)
      }
      node = next
    }
    const among = share === undefined ? node.subscribers : groupOf(node, share, filter).members
    const isNew = !among.has(subscriber)
    among.set(subscriber, options)
    if (isNew) this.#size++
    this.#routes.clear()
    return isNew
  }

  /** Removes one subscription and the branches that it leaves empty; false when there was none. */
  remove(filter: string, subscriber: Subscriber, share?: string): boolean {
    const path: { readonly parent: Node<Subscriber>; readonly level: string }[] = []
    let node = this.#root
    for (const level of filter.split('/')) {
      const next = node.children.get(level)
      if (next === undefined) return false
      path.push({ parent: node, level })
      node = next
    }
    const group = share === undefined ? undefined : node.groups?.get(share)
    const among = share === undefined ? node.subscribers : group?.members
    if (among?.delete(subscriber) !== true) return false
    if (share !== undefined && group?.members.size === 0) node.groups?.delete(share)
    this.#size--
    this.#routes.clear()
    for (const { parent, level } of path.toReversed()) {
      const child = parent.children.get(level)
      if (child === undefined || child.subscribers.size > 0 || child.children.size > 0 || (child.groups?.size ?? 0) > 0) break
      parent.children.delete(level)
    }
    return true
  }

  /**
   * Everyone whose filters match `topic`. A subscriber with several that match gets one copy: at the highest QoS [MQTT-3.3.5-1], with
   * all their identifiers [MQTT-3.3.4-3], and with RETAIN as published if one of them asks for it.
   */
  route(topic: string): Route<Subscriber> {
    const known = this.#routes.get(topic)
    if (known !== undefined) return known
    const route = this.#find(topic)
    if (this.#routes.size >= maxCachedRoutes) this.#routes.clear()
    this.#routes.set(topic, route)
    return route
  }

  #find(topic: string): Route<Subscriber> {
    const found = new Map<Subscriber, SubscriptionOptions[]>()
    const shared: Shared<Subscriber>[] = []
    for (const node of this.#walk(topic)) {
      for (const [subscriber, options] of node.subscribers) {
        const others = found.get(subscriber)
        if (others !== undefined) others.push(options)
        else if (this.#admits(subscriber, topic)) found.set(subscriber, [options])
      }
      for (const group of node.groups?.values() ?? []) {
        const members = [...group.members]
          .filter(([subscriber]) => this.#admits(subscriber, topic))
          .map(([subscriber, options]) => ({ subscriber, copy: copyOf([options]) }))
        if (members.length > 0) shared.push({ group, members })
      }
    }
    const direct = [...found].map(([subscriber, all]): Direct<Subscriber> => {
      const copy = copyOf(all)
      const forOwn = all.filter((options) => !options.noLocal)
      const own = forOwn.length === all.length ? copy : forOwn.length === 0 ? undefined : copyOf(forOwn)
      return { group: undefined, subscriber, copy, own }
    })
    return [...direct, ...shared]
  }

  /** Every node whose filter matches. */
  #walk(topic: string): Node<Subscriber>[] {
    const matching: Node<Subscriber>[] = []
    const take = (node: Node<Subscriber> | undefined) => {
      if (node !== undefined) matching.push(node)
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
    return matching
  }
}

function newNode<Subscriber>(): Node<Subscriber> {
  return { children: new Map(), subscribers: new Map(), groups: undefined }
}

function groupOf<Subscriber>(node: Node<Subscriber>, share: string, filter: string): ShareGroup<Subscriber> {
  node.groups ??= new Map()
  let group = node.groups.get(share)
  if (group === undefined) {
    group = { text: `$share/${share}/${filter}`, members: new Map(), turn: 0 }
    node.groups.set(share, group)
  }
  return group
}

function copyOf(all: readonly SubscriptionOptions[]): Copy {
  const identifiers = all.map((options) => options.identifier).filter((identifier) => identifier !== undefined)
  const qos = all.reduce<0 | 1 | 2>((highest, options) => (options.qos > highest ? options.qos : highest), 0)
  return {
    qos,
    retainAsPublished: all.some((options) => options.retainAsPublished),
    identifiers: identifiers.length === 0 ? noIdentifiers : identifiers,
  }
}
