import type { Subject } from '#base'
import { authorization } from '../policy-fixture.ts'
import { SeededRandom } from '../seeded-random.ts'
import { Dice, clientIdPatterns, filters, names, pick, tokenPatterns } from './alphabet.ts'

/*
 * The specification of who may do what, written again from edge.md 1.10 and 1.11 without a look at the program: lists, recursion, and
 * coverage by trying every topic. Slow, and too plain to be wrong in the same way.
 */

/** One rule. `connect` undefined: no Connect grant; empty: any client identifier. */
export type ModelRule = {
  readonly usernames: readonly string[]
  readonly clientIds: readonly string[]
  readonly roles: readonly string[]
  readonly connect: readonly string[] | undefined
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** A policy: allow-only. */
export type ModelPolicy = readonly ModelRule[]

export type ModelAction = 'connect' | 'publish' | 'subscribe' | 'receive'

/** Whether a filter matches a topic name, by the book (MQTT 5 section 4.7). */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false
  const rest = (wanted: readonly string[], given: readonly string[]): boolean => {
    if (wanted[0] === '#') return true
    if (wanted.length === 0 || given.length === 0) return wanted.length === given.length
    return (wanted[0] === '+' || wanted[0] === given[0]) && rest(wanted.slice(1), given.slice(1))
  }
  return rest(filter.split('/'), topic.split('/'))
}

// Every topic of up to four levels of these, one of which no pattern has.
const levels = ['a', 'b', '$x', 'z']
const grow = (shorter: readonly string[]) => shorter.flatMap((topic) => levels.map((level) => `${topic}/${level}`))
const universe = [levels, grow(levels), grow(grow(levels)), grow(grow(grow(levels)))].flat()

/** Whether `pattern` covers `filter`: everything that the one matches, the other does. But for `#` under `+/#`, which is refused needlessly. */
function patternCovers(pattern: string, filter: string): boolean {
  const question = `${pattern} ${filter}`
  const answer = covered.get(question) ?? (question !== '+/# #' && matchedBy(filter).every((topic) => matchedBy(pattern).includes(topic)))
  covered.set(question, answer)
  return answer
}
const covered = new Map<string, boolean>()

function matchedBy(filter: string): readonly string[] {
  let found = matched.get(filter)
  if (found === undefined) matched.set(filter, (found = universe.filter((topic) => filterMatches(filter, topic))))
  return found
}
const matched = new Map<string, readonly string[]>()

/** The pattern with its tokens replaced; undefined: it is for nobody, because a value is missing or could be more than one level. */
function bound(pattern: string, subject: Subject): string | undefined {
  const texts: string[] = []
  for (const level of pattern.split('/')) {
    const text = level.startsWith('{') ? valueOf(level, subject) : level
    if (text === undefined || (level !== text && (text === '' || /[/+#\0]/.test(text)))) return undefined
    texts.push(text)
  }
  return texts.join('/')
}

function valueOf(token: string, { username, clientId, attributes }: Subject): string | undefined {
  return { '{principal.username}': username, '{principal.clientId}': clientId }[token] ?? attributes['role']
}

/** Whether a client identifier is what a Connect grant says: `*` is any text, tokens are text. */
function clientIdMatches(pattern: string, subject: Subject): boolean {
  const parts: (string | undefined)[] = []
  for (const part of pattern.split(/(\*|\{[^}]*\})/)) parts.push(part.startsWith('{') ? valueOf(part, subject) : part)
  const rest = (at: number, left: string): boolean => {
    const part = parts[at]
    if (at === parts.length) return left === ''
    if (part === undefined) return false
    if (part === '*') return Array.from({ length: left.length + 1 }, (_, skip) => left.slice(skip)).some((tail) => rest(at + 1, tail))
    return left.startsWith(part) && rest(at + 1, left.slice(part.length))
  }
  return !parts.includes(undefined) && rest(0, subject.clientId)
}

/** The filter behind `$share/{group}/`. */
export function withoutShare(filter: string): string {
  return filter.startsWith('$share/') ? filter.split('/').slice(2).join('/') : filter
}

/** The decision, by trying every rule. `text` is a topic name or, for subscribe, a filter. */
function decide(policy: ModelPolicy, subject: Subject, action: ModelAction, text: string): boolean {
  const { username, clientId, attributes } = subject
  const isFor = (rule: ModelRule) =>
    rule.usernames.includes(username) || rule.clientIds.includes(clientId) || rule.roles.some((role) => attributes['role'] === role)
  const someOf = (patterns: readonly string[], allows: (pattern: string) => boolean) =>
    patterns.some((pattern) => {
      const text = bound(pattern, subject)
      return text !== undefined && allows(text)
    })
  return policy.filter(isFor).some((rule) => {
    if (action === 'connect')
      return rule.connect?.length === 0 || rule.connect?.some((pattern) => clientIdMatches(pattern, subject)) === true
    if (action === 'publish') return someOf(rule.publish, (pattern) => filterMatches(pattern, text))
    if (action === 'receive') return someOf(rule.subscribe, (pattern) => filterMatches(pattern, text))
    return someOf(rule.subscribe, (pattern) => patternCovers(pattern, withoutShare(text)))
  })
}

const known = new Map<number, Map<Subject, Map<string, boolean>>>()

/** Whether the policy of that number allows it. Each question is decided once. */
export function allows(policy: number, subject: Subject, action: ModelAction, text: string): boolean {
  let bySubject = known.get(policy)
  if (bySubject === undefined) known.set(policy, (bySubject = new Map()))
  let answers = bySubject.get(subject)
  if (answers === undefined) bySubject.set(subject, (answers = new Map()))
  const question = `${action} ${text}`
  let answer = answers.get(question)
  if (answer === undefined) answers.set(question, (answer = decide(pick(policies, policy), subject, action, text)))
  return answer
}

/** Everything, for everyone. */
const everything: ModelRule = {
  usernames: names,
  clientIds: [],
  roles: [],
  connect: [],
  publish: ['#', '$x/#'],
  subscribe: ['#', '+/#', '$x/#'],
}

const policyCount = 160

/** The policies that histories choose from; the first allows everything. */
export const policies: readonly ModelPolicy[] = [
  [everything],
  ...Array.from({ length: policyCount - 1 }, (_, index) => randomPolicy(index + 1)),
]

function randomPolicy(seed: number): ModelPolicy {
  const dice = new Dice(new SeededRandom(seed * 7919))
  const some = <T>(list: readonly T[], most: number) => Array.from({ length: 1 + dice.below(most) }, () => dice.of(list))
  const patterns = [...filters, ...tokenPatterns, ...tokenPatterns]
  const rule = (): ModelRule => {
    const whom = dice.below(4)
    const generous = dice.chance(35)
    const topics = () => (generous ? ['#', ...some(patterns, 2)] : some(patterns, 5))
    return {
      usernames: whom === 0 || whom === 3 ? some(names.slice(0, 2), 2) : [],
      clientIds: whom === 1 ? some([...names, '#'], 2) : [],
      roles: whom === 2 || whom === 3 ? some(['a', 'b'], 1) : [],
      connect: dice.chance(60) ? (dice.chance(60) ? [] : some(clientIdPatterns, 2)) : undefined,
      publish: dice.chance(75) ? topics() : [],
      subscribe: dice.chance(75) ? topics() : [],
    }
  }
  const common = { ...everything, publish: some(patterns, 4), subscribe: some(patterns, 4) }
  // Most may at least connect, or nothing would ever happen.
  return [...(dice.chance(70) ? [common] : []), ...Array.from({ length: 1 + dice.below(4) }, rule)]
}

/** A policy as an operator would write it. */
export function policyText(policy: ModelPolicy): string {
  const rules = policy.map(({ usernames, clientIds, roles, connect, publish, subscribe }) => ({
    principals: { usernames, clientIds, attributes: roles.map((role) => ({ role })) },
    brokerResources: [
      ...(connect === undefined ? [] : [{ method: 'Connect', ...(connect.length === 0 ? {} : { clientIds: connect }) }]),
      ...(publish.length === 0 ? [] : [{ method: 'Publish', topics: publish }]),
      ...(subscribe.length === 0 ? [] : [{ method: 'Subscribe', topics: subscribe }]),
    ],
  }))
  return authorization('model', JSON.stringify(rules))
}
