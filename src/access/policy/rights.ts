import type { Subject } from '#base'
import type { BoundRule } from './bound-policy.ts'
import { type ClientIdPattern, clientIdMatches, shownClientId } from './client-id-pattern.ts'
import type { PolicySet } from './policy-set.ts'
import { type TopicPattern, patternCovers } from './topic-pattern.ts'

/** Rights of one subject in words: `connect`, `publish plant/#`, `subscribe plant/b22/+`. */
export type Rights = readonly string[]

/** What a subject may do under `after` and not under `before`. A right that a wider one of `before` covers is not new. */
export function rightsGained(before: PolicySet, after: PolicySet, subject: Subject): Rights {
  const had = before.rulesFor(subject)
  const has = after.rulesFor(subject)
  const gained = new Set<string>()
  const mayConnect = (rules: readonly BoundRule[]) =>
    rules.some((rule) => rule.connectAny || rule.connect.some((pattern: ClientIdPattern) => clientIdMatches(pattern, subject.clientId)))
  if (mayConnect(has) && !mayConnect(had)) gained.add(`connect as ${shownClientId([subject.clientId])}`)
  for (const action of ['publish', 'subscribe'] as const) {
    const old = had.flatMap((rule) => rule[action])
    for (const pattern of has.flatMap((rule) => rule[action])) {
      // A pattern is a filter, so the one question that coverage answers is also this one.
      if (!old.some((wider: TopicPattern) => patternCovers(wider, pattern))) gained.add(`${action} ${pattern.join('/')}`)
    }
  }
  return [...gained]
}
