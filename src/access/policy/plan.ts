import type { Subject } from '#base'
import type { PolicyDocument } from './model.ts'
import type { PolicySet } from './policy-set.ts'
import { type Rights, rightsGained } from './rights.ts'
import { renderRule } from './render.ts'

/** A session as a change of policy meets it: live, or stored for a client that is away. */
export type PlannedSession = {
  readonly subject: Subject
  readonly connected: boolean
  readonly subscriptions: readonly string[]
  /** Topics that it published to lately, as far as anyone remembers. */
  readonly published: readonly string[]
  /** Messages that wait for it. */
  readonly queued: number
}

/** What a change of policy would meet: sessions, and who owns which retained message. */
export type PlanScene = {
  readonly sessions: Iterable<PlannedSession>
  readonly retained: Iterable<{ readonly owner: Subject; readonly topic: string }>
}

/** What one session would lose and win. */
export type PlannedEffect = {
  readonly identity: string
  readonly clientId: string
  readonly connected: boolean
  /** It may not connect any more: it would be disconnected, and what waits for it dropped. */
  readonly closed: boolean
  readonly subscriptionsLost: readonly string[]
  readonly publishesLost: readonly string[]
  readonly rightsLost: Rights
  readonly rightsGained: Rights
  readonly queued: number
}

/** What would happen, before it does. Lists are bounded; counts are of everything. */
export type Plan = {
  readonly from: number
  readonly documents: readonly { readonly name: string; readonly change: 'added' | 'changed' | 'removed' }[]
  /** Rules that go (`- `) and come (`+ `), a line each. */
  readonly diff: readonly string[]
  readonly sessions: { readonly judged: number; readonly closed: number; readonly losing: number; readonly gaining: number }
  readonly subscriptionsLost: number
  readonly publishesLost: number
  readonly retainedHidden: number
  /** Messages that wait for sessions which lose a subscription or may not connect: at most so many are dropped. */
  readonly queuedAtRisk: number
  readonly affected: readonly PlannedEffect[]
}

const maxAffected = 200
const maxDiffLines = 1_000
const maxRights = 20

/** Judges every session and retained message under both policies. Pure: nothing is changed and nobody is told. */
export function plan(current: PolicySet, next: PolicySet, scene: PlanScene): Plan {
  const affected: PlannedEffect[] = []
  const sessions = { judged: 0, closed: 0, losing: 0, gaining: 0 }
  let [subscriptionsLost, publishesLost, queuedAtRisk] = [0, 0, 0]
  for (const session of scene.sessions) {
    sessions.judged += 1
    const effect = effectOn(session, current, next)
    if (effect === undefined) continue
    if (effect.closed) sessions.closed += 1
    if (effect.closed || effect.rightsLost.length > 0) sessions.losing += 1
    if (effect.rightsGained.length > 0) sessions.gaining += 1
    subscriptionsLost += effect.subscriptionsLost.length
    publishesLost += effect.publishesLost.length
    if (effect.closed || effect.subscriptionsLost.length > 0) queuedAtRisk += effect.queued
    if (affected.length < maxAffected) affected.push(effect)
  }
  let retainedHidden = 0
  for (const { owner, topic } of scene.retained)
    if (current.bind(owner).publish(topic) !== undefined && next.bind(owner).publish(topic) === undefined) retainedHidden += 1
  const documents = changedDocuments(current, next)
  const diff = diffOf(current, next)
  return { from: current.version, documents, diff, sessions, subscriptionsLost, publishesLost, retainedHidden, queuedAtRisk, affected }
}

function effectOn(session: PlannedSession, current: PolicySet, next: PolicySet): PlannedEffect | undefined {
  const { subject, connected, queued } = session
  const [before, after] = [current.bind(subject), next.bind(subject)]
  const lost = rightsGained(next, current, subject)
  const gained = rightsGained(current, next, subject)
  const closed = before.connect() !== undefined && after.connect() === undefined
  if (lost.length === 0 && gained.length === 0 && !closed) return undefined
  return {
    identity: subject.identity,
    clientId: subject.clientId,
    connected,
    closed,
    subscriptionsLost: session.subscriptions.filter(
      (filter) => before.subscribe(filter) !== undefined && after.subscribe(filter) === undefined,
    ),
    publishesLost: session.published.filter((topic) => before.publish(topic) !== undefined && after.publish(topic) === undefined),
    rightsLost: lost.slice(0, maxRights),
    rightsGained: gained.slice(0, maxRights),
    queued,
  }
}

function changedDocuments(current: PolicySet, next: PolicySet): Plan['documents'] {
  const before = byName(current)
  const after = byName(next)
  const changes: { readonly name: string; readonly change: 'added' | 'changed' | 'removed' }[] = []
  for (const [name, document] of after) {
    const old = before.get(name)
    if (old === undefined) changes.push({ name, change: 'added' })
    else if (old.text !== document.text) changes.push({ name, change: 'changed' })
  }
  for (const name of before.keys()) if (!after.has(name)) changes.push({ name, change: 'removed' })
  return changes
}

function byName(set: PolicySet): ReadonlyMap<string, PolicyDocument> {
  return new Map(set.documents.map((document) => [document.name, document]))
}

/** Rules by what they say, not by where they stand: a rule that only moved is no difference. */
function diffOf(current: PolicySet, next: PolicySet): readonly string[] {
  const lines: string[] = []
  const [before, after] = [byName(current), byName(next)]
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const old = rendered(before.get(name))
    const now = rendered(after.get(name))
    const gone = [...old].filter((rule) => !now.has(rule)).map((rule) => ['- ', rule] as const)
    const come = [...now].filter((rule) => !old.has(rule)).map((rule) => ['+ ', rule] as const)
    if (gone.length + come.length === 0) continue
    lines.push(name)
    for (const [sign, rule] of [...gone, ...come]) lines.push(...rule.split('\n').map((line) => `${sign}${line}`))
    if (lines.length > maxDiffLines) return [...lines.slice(0, maxDiffLines), `... and more`]
  }
  return lines
}

function rendered(document: PolicyDocument | undefined): ReadonlySet<string> {
  return new Set(document?.rules.map((rule) => renderRule(rule)))
}
