import type { Subject } from '#base'
import { withoutShare } from './bound-policy.ts'
import { bindClientIdPattern, clientIdMatches } from './client-id-pattern.ts'
import type { BrokerResource, PolicyDocument, PolicyRule, Principals } from './model.ts'
import type { PolicySet } from './policy-set.ts'
import { attributesOf, tokenValueOf } from './principal-view.ts'
import { renderDocument, renderResource } from './render.ts'
import { renderTests } from './render-tests.ts'
import { type TopicPattern, bindPattern, isExact, patternCovers, patternMatches } from './topic-pattern.ts'
import { type UsageTrie, narrowed, newTrie, noteLevels } from './usage-trie.ts'

/*
 * Theory of operation.
 * Every use is charged to the narrowest pattern that allows it, at the moment it is seen; nothing else is remembered of it. What was charged
 * stays, what was not goes, and a `#` under which only a few levels were used is drawn in. Since each use is charged to something that stays,
 * what is proposed allows everything that was seen. A use that no rule explains (an older policy allowed it, or the record does not say who it
 * was) is charged to every pattern that could have allowed it to anybody.
 */

/** Something that somebody did, by the journal or as it stands. `topic` is a name for publish, a filter for subscribe. */
export type Use = { readonly subject: Subject; readonly action: 'connect' | 'publish' | 'subscribe'; readonly topic: string }

/** A right that would go, or be drawn in to `to`. `from` is as written in the document. */
export type Cut = { readonly rule: string; readonly from: string; readonly to: readonly string[] }

/** What one document would become. `text` is null when nothing of it would stay: then take it out. */
export type ShrunkDocument = {
  readonly name: string
  readonly cuts: readonly Cut[]
  readonly text: string | null
}

/** A smaller policy that allows everything that was used. Only documents that would change are named. */
export type ShrinkProposal = {
  readonly version: number
  readonly uses: number
  /** Uses that no rule in force explains; what they might need is kept. */
  readonly unexplained: number
  readonly documents: readonly ShrunkDocument[]
}

/** Sees what is used and then says what is not. */
export interface Shrinking {
  note(use: Use): void
  propose(): ShrinkProposal
}

type Held = {
  readonly text: string
  readonly trie: UsageTrie | undefined
  used: boolean
}

type HeldResource = {
  readonly resource: BrokerResource
  readonly held: readonly Held[] /** For Connect without client identifiers. */
  isUsed: boolean
}
type HeldRule = { readonly rule: PolicyRule; readonly resources: readonly HeldResource[]; readonly usedBy: PrincipalsUsed }
type PrincipalsUsed = { readonly usernames: Set<string>; readonly clientIds: Set<string>; readonly attributes: Set<number> }

// Repeats of the same use by the same client are most of a journal.
const maxSeen = 50_000
const maxSeenLength = 512

/** Begins to watch what is used of `set`, except for documents named in `keep`, which stay as they are. */
export function openShrinking(set: PolicySet, keep: readonly string[] = []): Shrinking {
  const documents = set.documents.filter(({ name, kind }) => kind === 'BrokerAuthorization' && !keep.includes(name))
  const rules = new Map<string, HeldRule>()
  for (const rule of documents.flatMap((document) => document.rules)) rules.set(rule.id, holdRule(rule))
  const seen = new Set<string>()
  // By the object: the same identity may come back with other attributes.
  const subjects = new WeakMap<Subject, number>()
  let met = 0
  let [uses, unexplained] = [0, 0]
  const charge = (use: Use) => {
    const mine = set.rulesFor(use.subject).map(({ id }) => id)
    const best = narrowest(
      mine.map((id) => rules.get(id)).filter((held) => held !== undefined),
      use,
    )
    if (best !== undefined) return chargeTo(best, use)
    // Rules of a kept document may have allowed it; those are not ours to charge.
    if (allowedByKept(set, keep, use)) return
    unexplained += 1
    for (const held of rules.values()) chargeAnybody(held, use)
  }
  const note = (use: Use) => {
    uses += 1
    let who = subjects.get(use.subject)
    if (who === undefined) subjects.set(use.subject, (who = ++met))
    const key = `${who} ${use.action} ${use.topic}`
    if (seen.has(key)) return
    if (seen.size >= maxSeen) seen.clear()
    if (key.length <= maxSeenLength) seen.add(key)
    // Whoever did something was connected, even when that was too long ago to be seen.
    if (use.action !== 'connect') charge({ ...use, action: 'connect', topic: '' })
    charge(use)
  }
  return {
    note,
    propose() {
      const changed = documents.map((document) => shrunk(document, rules)).filter((one) => one !== undefined)
      return { version: set.version, uses, unexplained, documents: changed }
    },
  }
}

// A twin that is read and a method that is answered leave no record of their topic, so nobody can say that these were not used.
const unseen = '$iothub/'

function holdRule(rule: PolicyRule): HeldRule {
  const resources = rule.brokerResources.map((resource) => {
    const texts = resource.method === 'Connect' ? resource.clientIds : resource.topics
    const held = texts.map((text): Held => {
      const used = text.startsWith(unseen)
      const wide = !used && resource.method !== 'Connect' && (text === '#' || text.endsWith('/#'))
      return { text, trie: wide ? newTrie() : undefined, used }
    })
    return { resource, held, isUsed: held.some(({ used }) => used) }
  })
  const { usernames, clientIds, attributes } = resources.some(({ isUsed }) => isUsed) ? rule.principals : noPrincipals
  const usedBy = { usernames: new Set(usernames), clientIds: new Set(clientIds), attributes: new Set(attributes.keys()) }
  return { rule, resources, usedBy }
}

const noPrincipals: Principals = { usernames: [], clientIds: [], attributes: [] }

type Found = { readonly rule: HeldRule; readonly resource: HeldResource; readonly held: Held | undefined; readonly pattern: TopicPattern }

/** The grant that allows the use and the least besides: no wildcard before `+` before `#`, and the longer before the shorter. */
function narrowest(rules: readonly HeldRule[], use: Use): Found | undefined {
  let best: Found | undefined
  for (const rule of rules) for (const found of grantsOf(rule, use)) if (best === undefined || width(found) < width(best)) best = found
  return best
}

function width({ held, pattern }: Found): number {
  if (held === undefined) return 4_000
  const open = pattern.at(-1) === '#' ? 2_000 : isExact(pattern) ? 0 : 1_000
  return open + pattern.filter((level) => level === '+').length - pattern.length
}

function* grantsOf(rule: HeldRule, { subject, action, topic }: Use): Iterable<Found> {
  const valueOf = tokenValueOf(subject, attributesOf(subject))
  for (const resource of rule.resources) {
    if (resource.resource.method.toLowerCase() !== action) continue
    if (action === 'connect' && resource.held.length === 0) yield { rule, resource, held: undefined, pattern: [] }
    for (const held of resource.held) {
      if (action === 'connect') {
        const texts = bindClientIdPattern(held.text, valueOf)
        if (typeof texts !== 'string' && clientIdMatches(texts, subject.clientId))
          yield { rule, resource, held, pattern: texts.length === 1 ? ['='] : ['#'] }
        continue
      }
      const pattern = bindPattern(held.text, valueOf)
      if (typeof pattern !== 'string' && fits(pattern, action, topic)) yield { rule, resource, held, pattern }
    }
  }
}

function fits(pattern: TopicPattern, action: 'publish' | 'subscribe', topic: string): boolean {
  if (action === 'publish') return patternMatches(pattern, topic.split('/'))
  const filter = withoutShare(topic)
  return filter !== undefined && patternCovers(pattern, filter.split('/'))
}

function chargeTo({ rule, resource, held, pattern }: Found, { subject, topic }: Use): void {
  resource.isUsed = true
  if (held !== undefined) {
    held.used = true
    if (held.trie !== undefined) noteLevels(held.trie, (withoutShare(topic) ?? topic).split('/').slice(pattern.length - 1))
  }
  const { usernames, clientIds, attributes } = rule.rule.principals
  if (usernames.includes(subject.username)) rule.usedBy.usernames.add(subject.username)
  if (clientIds.includes(subject.clientId)) rule.usedBy.clientIds.add(subject.clientId)
  const own = attributesOf(subject)
  for (const [index, pairs] of attributes.entries())
    if ([...pairs].every(([name, value]) => own.get(name) === value)) rule.usedBy.attributes.add(index)
}

/** Keeps what could have allowed the use to somebody: every token stands for anything, and everyone whom the rule is for stays. */
function chargeAnybody(rule: HeldRule, { action, topic }: Use): void {
  let touched = false
  for (const resource of rule.resources) {
    if (resource.resource.method.toLowerCase() !== action) continue
    if (action === 'connect') {
      resource.isUsed = true
      for (const held of resource.held) held.used = true
      touched = true
      continue
    }
    for (const held of resource.held) {
      const pattern = held.text.split('/').map((level) => (level.startsWith('{') ? '+' : level))
      if (!fits(pattern, action, topic)) continue
      held.used = true
      resource.isUsed = true
      touched = true
      if (held.trie !== undefined) noteLevels(held.trie, [])
    }
  }
  if (!touched) return
  const { usernames, clientIds, attributes } = rule.rule.principals
  for (const username of usernames) rule.usedBy.usernames.add(username)
  for (const clientId of clientIds) rule.usedBy.clientIds.add(clientId)
  for (const index of attributes.keys()) rule.usedBy.attributes.add(index)
}

function allowedByKept(set: PolicySet, keep: readonly string[], use: Use): boolean {
  const held = set.documents.filter(({ name }) => keep.includes(name)).flatMap(({ rules }) => rules)
  const ids = new Set(set.rulesFor(use.subject).map(({ id }) => id))
  return held.some((rule) => ids.has(rule.id) && [...grantsOf(holdRule(rule), use)].length > 0)
}

function shrunk(document: PolicyDocument, held: ReadonlyMap<string, HeldRule>): ShrunkDocument | undefined {
  const cuts: Cut[] = []
  const rules = document.rules.flatMap((rule) => {
    const one = held.get(rule.id)
    return one === undefined ? [rule] : shrunkRule(one, cuts)
  })
  if (cuts.length === 0) return undefined
  if (rules.length === 0 && document.tests.length === 0) return { name: document.name, cuts, text: null }
  return { name: document.name, cuts, text: `${renderDocument(document, rules)}${renderTests(document.tests)}` }
}

function shrunkRule({ rule, resources, usedBy }: HeldRule, cuts: Cut[]): readonly PolicyRule[] {
  const kept: BrokerResource[] = []
  const cutFrom = cuts.length
  for (const { resource, held, isUsed } of resources) {
    const texts = held.map((one) => {
      if (!one.used) return []
      return one.trie === undefined ? [one.text] : narrowed(one.text.split('/').slice(0, -1), one.trie)
    })
    // Without its client identifiers a Connect would be for any of them, so a resource of which nothing stays goes as a whole.
    if (held.length === 0 ? !isUsed : texts.every((to) => to.length === 0)) {
      cuts.push({ rule: rule.id, from: renderResource(resource), to: [] })
      continue
    }
    for (const [index, one] of held.entries()) {
      const to = texts[index] ?? []
      if (to.length !== 1 || to[0] !== one.text) cuts.push({ rule: rule.id, from: `${resource.method} ${one.text}`, to })
    }
    if (resource.method === 'Connect') kept.push({ method: 'Connect', clientIds: texts.flat() })
    else kept.push({ method: resource.method, topics: [...new Set(texts.flat())] })
  }
  // Keys of the state store are used where this hub does not see it.
  if (kept.length === 0 && rule.stateStoreResources.length === 0) {
    cuts.splice(cutFrom)
    cuts.push({ rule: rule.id, from: 'the whole rule', to: [] })
    return []
  }
  if (rule.stateStoreResources.length > 0) return [{ ...rule, brokerResources: kept }]
  const { usernames, clientIds, attributes } = rule.principals
  for (const [list, all, used] of [
    ['usernames', usernames, usedBy.usernames],
    ['clientIds', clientIds, usedBy.clientIds],
  ] as const)
    for (const name of all) if (!used.has(name)) cuts.push({ rule: rule.id, from: `${list} ${name}`, to: [] })
  for (const [index, pairs] of attributes.entries())
    if (!usedBy.attributes.has(index)) cuts.push({ rule: rule.id, from: `attributes ${JSON.stringify(Object.fromEntries(pairs))}`, to: [] })
  const principals = {
    usernames: usernames.filter((name) => usedBy.usernames.has(name)),
    clientIds: clientIds.filter((name) => usedBy.clientIds.has(name)),
    attributes: attributes.filter((_, index) => usedBy.attributes.has(index)),
  }
  return [{ ...rule, principals, brokerResources: kept }]
}
