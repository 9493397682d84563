import { bindPattern, patternCovers, patternMatches, type TokenValues, type TopicPattern } from './topic-pattern.ts'

/** What a connected identity can ask to do with a topic. */
export type TopicAction = 'publish' | 'subscribe'

/** One rule: allows `publish` and `subscribe` on the topics that match its patterns. There are no deny rules and order does not matter. */
export type Rule = { readonly name: string; readonly publish: readonly string[]; readonly subscribe: readonly string[] }

/** A whole policy. Empty means: nothing is allowed. */
export type Policy = { readonly rules: readonly Rule[] }

/**
 * What every device may do before anyone writes a policy: use the topics that carry its own name, and no others. Telemetry in
 * the form of IoT Hub (`devices/{id}/messages/events/...`) lies inside.
 */
export const builtInPolicy: Policy = {
  rules: [{ name: 'own-topics', publish: ['devices/{device}/#'], subscribe: ['devices/{device}/#'] }],
}

type BoundRule = { readonly name: string; readonly publish: readonly TopicPattern[]; readonly subscribe: readonly TopicPattern[] }

/** A policy with one identity's values in it; what a connection asks. */
export type BoundPolicy = readonly BoundRule[]

/** Puts an identity into a policy. Patterns whose tokens have no safe value are left out, so they allow nothing. */
export function bindPolicy(policy: Policy, values: TokenValues): BoundPolicy {
  const bind = (patterns: readonly string[]) => patterns.map((text) => bindPattern(text, values)).filter((pattern) => pattern !== undefined)
  return policy.rules.map((rule) => ({ name: rule.name, publish: bind(rule.publish), subscribe: bind(rule.subscribe) }))
}

/**
 * The name of the first rule that allows `action` on `topic`, or undefined: denied. For `subscribe`, `topic` is the filter, and the
 * rule must cover everything that the filter can match. `$share/{group}/` is taken off first.
 */
export function allowingRule(policy: BoundPolicy, action: TopicAction, topic: string): string | undefined {
  if (action === 'publish') {
    for (const rule of policy) if (rule.publish.some((pattern) => patternMatches(pattern, topic))) return rule.name
    return undefined
  }
  const filter = withoutShare(topic)
  if (filter === undefined) return undefined
  for (const rule of policy) if (rule.subscribe.some((pattern) => patternCovers(pattern, filter))) return rule.name
  return undefined
}

function withoutShare(filter: string): string | undefined {
  if (!filter.startsWith('$share/')) return filter
  const slash = filter.indexOf('/', '$share/'.length)
  return slash < 0 ? undefined : filter.slice(slash + 1)
}
