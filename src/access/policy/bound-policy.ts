import type { PolicyAction } from './model.ts'
import { type ClientIdPattern, clientIdMatches } from './client-id-pattern.ts'
import { type TopicPattern, isExact, patternCovers, patternMatches } from './topic-pattern.ts'

/** What one identity may do. Each answers with the id of a rule that allows it, or undefined: denied. */
export interface BoundPolicy {
  /** Whether it may connect, with the client identifier of its subject. */
  connect(): string | undefined
  /** Whether it may publish to a topic name. */
  publish(topic: string): string | undefined
  /** Whether everything that a filter can match is allowed (edge.md 1.11). `$share/{group}/` and `$shared/{group}/` are taken off first. */
  subscribe(filter: string): string | undefined
  /** Whether a message on a topic name may be delivered to it: some pattern of Subscribe matches the name. Checked at delivery. */
  receive(topic: string): string | undefined
}

/** A rule that is for one identity, with its values put in. Patterns whose tokens have no safe value are left out, so they allow nothing. */
export type BoundRule = {
  readonly id: string
  readonly connect: readonly ClientIdPattern[]
  /** True for a Connect grant without client identifiers: any will do. */
  readonly connectAny: boolean
  readonly publish: readonly TopicPattern[]
  readonly subscribe: readonly TopicPattern[]
}

/** The filter behind `$share/{group}/` or `$shared/{group}/`; undefined when nothing stands there. Any other text as it is. */
export function withoutShare(filter: string): string | undefined {
  const prefix = filter.startsWith('$share/') ? '$share/' : filter.startsWith('$shared/') ? '$shared/' : undefined
  if (prefix === undefined) return filter
  const slash = filter.indexOf('/', prefix.length)
  return slash < 0 || slash === filter.length - 1 ? undefined : filter.slice(slash + 1)
}

/** Whether one rule alone allows it. */
export function ruleAllows(rule: BoundRule, action: PolicyAction, topic: string, clientId: string): boolean {
  if (action === 'connect') return rule.connectAny || rule.connect.some((pattern) => clientIdMatches(pattern, clientId))
  if (action === 'publish') return rule.publish.some((pattern) => patternMatches(pattern, topic.split('/')))
  if (action === 'receive') return rule.subscribe.some((pattern) => patternMatches(pattern, topic.split('/')))
  const filter = withoutShare(topic)
  return filter !== undefined && rule.subscribe.some((pattern) => patternCovers(pattern, filter.split('/')))
}

/** Puts the rules that are for one identity into the form that is asked. */
export function bindRules(rules: readonly BoundRule[], clientId: string): BoundPolicy {
  const publish = new Patterns(rules, 'publish')
  const subscribe = new Patterns(rules, 'subscribe')
  const connect = rules.find((rule) => ruleAllows(rule, 'connect', '', clientId))?.id
  return {
    connect: () => connect,
    publish: (topic) => publish.matching(topic),
    receive: (topic) => subscribe.matching(topic),
    subscribe(asked) {
      const filter = withoutShare(asked)
      return filter === undefined ? undefined : subscribe.covering(filter)
    },
  }
}

// A route is made by asking many subscribers about the same topic in a row.
let lastTopic = ''
let lastLevels: readonly string[] = ['']

function levelsOf(topic: string): readonly string[] {
  if (topic !== lastTopic) {
    lastLevels = topic.split('/')
    lastTopic = topic
  }
  return lastLevels
}

/** The patterns of one action: those that name one topic in a Map, the others in a row. */
class Patterns {
  readonly #exact: ReadonlyMap<string, string> | undefined
  readonly #wild: readonly { readonly rule: string; readonly pattern: TopicPattern }[]

  constructor(rules: readonly BoundRule[], action: 'publish' | 'subscribe') {
    const exact = new Map<string, string>()
    const wild: { readonly rule: string; readonly pattern: TopicPattern }[] = []
    for (const rule of rules)
      for (const pattern of rule[action])
        if (isExact(pattern)) exact.set(pattern.join('/'), rule.id)
        else wild.push({ rule: rule.id, pattern })
    this.#exact = exact.size === 0 ? undefined : exact
    this.#wild = wild
  }

  matching(topic: string): string | undefined {
    const exact = this.#exact?.get(topic)
    if (exact !== undefined) return exact
    const levels = levelsOf(topic)
    for (const { rule, pattern } of this.#wild) if (patternMatches(pattern, levels)) return rule
    return undefined
  }

  covering(filter: string): string | undefined {
    // A pattern without wildcards covers the filter that is the same text, and no other.
    const exact = this.#exact?.get(filter)
    if (exact !== undefined) return exact
    const levels = filter.split('/')
    for (const { rule, pattern } of this.#wild) if (patternCovers(pattern, levels)) return rule
    return undefined
  }
}
