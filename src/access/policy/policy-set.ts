import type { Subject } from '#base'
import { type BoundPolicy, type BoundRule, bindRules } from './bound-policy.ts'
import { type ClientIdPattern, bindClientIdPattern } from './client-id-pattern.ts'
import type { PolicyDocument, PolicyRule } from './model.ts'
import { attributesOf, tokenValueOf } from './principal-view.ts'
import { type TokenValue, type TopicPattern, type Unbound, bindPattern } from './topic-pattern.ts'

/*
 * Theory of operation.
 * A set is made once from all documents and never changes; a change of policy is another set. Rules stand in three indexes: by user name,
 * by client identifier, and by one pair of each attribute map (the rarest of its pairs), so that an identity meets its own rules and not
 * ten thousand others. What was bound is remembered with the subject it was bound for, and forgotten with it.
 */

/** Every rule in force, immutable. */
export interface PolicySet {
  /** Goes up by one with every change; 0: nothing was ever applied. */
  readonly version: number
  readonly documents: readonly PolicyDocument[]
  /** What the subject may do. Asked again for the same object it costs a lookup. */
  bind(subject: Subject): BoundPolicy
  /** The rules that are for the subject, in the order of the documents. */
  rulesFor(subject: Subject): readonly BoundRule[]
}

type Entry = { readonly order: number; readonly rule: PolicyRule }
type AttributeEntry = Entry & { readonly pairs: ReadonlyMap<string, string> }

/**
 * Compiles documents. `rejected` is called for each pattern that allows nothing to somebody because the value of a token could be read as
 * more than text (`authorization_token_rejected`).
 */
export function compilePolicies(documents: readonly PolicyDocument[], version: number, rejected: () => void = () => {}): PolicySet {
  const rules = documents.flatMap((document) => document.rules)
  const index = new RuleIndex(rules)
  const shared = new Map<string, TopicPattern>()
  const known = new WeakMap<Subject, BoundPolicy>()
  const rulesFor = (subject: Subject) => {
    const attributes = attributesOf(subject)
    const valueOf = tokenValueOf(subject, attributes)
    return index.of(subject, attributes).map((rule) => bindRule(rule, valueOf, shared, rejected))
  }
  return {
    version,
    documents,
    rulesFor,
    bind(subject) {
      let bound = known.get(subject)
      if (bound === undefined) {
        bound = bindRules(rulesFor(subject), subject.clientId)
        known.set(subject, bound)
      }
      return bound
    },
  }
}

class RuleIndex {
  readonly #usernames = new Map<string, Entry[]>()
  readonly #clientIds = new Map<string, Entry[]>()
  readonly #pairs = new Map<string, AttributeEntry[]>()

  constructor(rules: readonly PolicyRule[]) {
    const counts = new Map<string, number>()
    for (const { principals } of rules)
      for (const map of principals.attributes) for (const pair of pairsOf(map)) counts.set(pair, (counts.get(pair) ?? 0) + 1)
    for (const [order, rule] of rules.entries()) {
      for (const username of rule.principals.usernames) put(this.#usernames, username, { order, rule })
      for (const clientId of rule.principals.clientIds) put(this.#clientIds, clientId, { order, rule })
      for (const pairs of rule.principals.attributes) {
        const [rarest] = pairsOf(pairs).toSorted((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0))
        // A map without pairs would be for everyone; the parser refuses it, and here it is for nobody.
        if (rarest !== undefined) put(this.#pairs, rarest, { order, rule, pairs })
      }
    }
  }

  /** The rules that are for the subject, once each, in order. */
  of(subject: Subject, attributes: ReadonlyMap<string, string>): readonly PolicyRule[] {
    const found = new Map<number, PolicyRule>()
    for (const { order, rule } of this.#usernames.get(subject.username) ?? []) found.set(order, rule)
    for (const { order, rule } of this.#clientIds.get(subject.clientId) ?? []) found.set(order, rule)
    for (const pair of pairsOf(attributes))
      for (const { order, rule, pairs } of this.#pairs.get(pair) ?? [])
        if ([...pairs].every(([name, value]) => attributes.get(name) === value)) found.set(order, rule)
    return [...found].toSorted(([a], [b]) => a - b).map(([, rule]) => rule)
  }
}

function pairsOf(map: ReadonlyMap<string, string>): readonly string[] {
  return [...map].map(([name, value]) => `${name.length}:${name}${value}`)
}

function put<T>(index: Map<string, T[]>, key: string, entry: T): void {
  const entries = index.get(key)
  if (entries === undefined) index.set(key, [entry])
  else entries.push(entry)
}

/** A pattern without tokens is the same for everyone and is split once. */
function bindTopic(text: string, valueOf: TokenValue, shared: Map<string, TopicPattern>): TopicPattern | Unbound {
  if (text.includes('{')) return bindPattern(text, valueOf)
  let pattern = shared.get(text)
  if (pattern === undefined) {
    pattern = text.split('/')
    shared.set(text, pattern)
  }
  return pattern
}

function bindRule(rule: PolicyRule, valueOf: TokenValue, shared: Map<string, TopicPattern>, rejected: () => void): BoundRule {
  const connect: ClientIdPattern[] = []
  const publish: TopicPattern[] = []
  const subscribe: TopicPattern[] = []
  let connectAny = false
  const keep = <T extends readonly string[]>(list: T[], bound: T | Unbound) => {
    if (bound === 'rejected') rejected()
    else if (bound !== 'missing') list.push(bound)
  }
  for (const resource of rule.brokerResources) {
    if (resource.method === 'Connect') {
      if (resource.clientIds.length === 0) connectAny = true
      for (const text of resource.clientIds) keep(connect, bindClientIdPattern(text, valueOf))
    } else {
      const list = resource.method === 'Publish' ? publish : subscribe
      for (const text of resource.topics) keep(list, bindTopic(text, valueOf, shared))
    }
  }
  return { id: rule.id, connect, connectAny, publish, subscribe }
}
