import {
  type PlanScene,
  type PlannedSession,
  type PolicySet,
  type ShrinkProposal,
  type Shrinking,
  hubChecksName,
  openShrinking,
} from '#access'
import { type DeviceId, type Instant, type Subject, parseDeviceId } from '#base'
import type { Broker } from '#broker'
import { type Fact, type FactOf, type Journal, type TelemetryFact, decodeRecord } from '#journal'
import { systemDevice } from './system-devices.ts'

const dayMs = 24 * 60 * 60 * 1000
const page = { records: 5_000, bytes: 4 * 1024 * 1024 }
// What a plan looks back on: some seconds of a busy hub, days of a quiet one.
const recentRecords = 20_000
const topicsPerSession = 64
// Connections whose subject is remembered while the journal is read; older ones are judged without client id and attributes.
const maxConnections = 100_000

type Read = Pick<Journal, 'read' | 'start' | 'durableEnd'>
type Sessions = Pick<Broker, 'all' | 'retained'>

/** Who would be met by a change of policy: every session with what it lately published, and who owns which retained message. */
export async function policyScene(broker: Sessions, journal: Read): Promise<PlanScene> {
  const published = await recentTopics(journal)
  const sessions: PlannedSession[] = []
  for (const session of broker.all()) {
    const { subject, subscriptions } = session
    if (systemDevice(subject.identity) !== undefined) continue
    sessions.push({
      subject,
      connected: session.link !== undefined,
      subscriptions: [...subscriptions.keys()],
      published: [...(published.get(subject.identity) ?? [])],
      queued: session.backlog,
    })
  }
  return { sessions, retained: retainedOf(broker) }
}

function* retainedOf({ retained }: Sessions): Iterable<{ readonly owner: Subject; readonly topic: string }> {
  for (const { publisher, topic } of retained.all()) yield { owner: publisher, topic }
}

/** The newest topics of each identity, by the end of the journal. */
async function recentTopics(journal: Read): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const topics = new Map<string, Set<string>>()
  const from = Math.max(journal.start, journal.durableEnd - recentRecords)
  for await (const { fact } of factsFrom(journal, from)) {
    if (fact.kind !== 'telemetry') continue
    const own = topics.get(fact.device) ?? new Set()
    topics.set(fact.device, own)
    if (own.size < topicsPerSession) own.add(fact.topic)
  }
  return topics
}

async function* factsFrom(journal: Read, from: number): AsyncIterable<{ readonly fact: Fact; readonly offset: number }> {
  const end = journal.durableEnd
  let at = Math.max(from, journal.start)
  while (at < end) {
    const { records, next } = await journal.read(at, page)
    for (const record of records) {
      if (!('bytes' in record) || record.offset >= end) continue
      const fact = decodeRecord(record.bytes)
      if (fact.ok) yield { fact: fact.value, offset: record.offset }
    }
    if (next <= at) return
    at = next
  }
}

/** What a search for unused rights looked at, besides what it proposes. */
export type UsageReport = ShrinkProposal & {
  /** The oldest fact that was looked at; null when there was none. Rights used before are not known to be. */
  readonly since: Instant | null
  readonly records: number
  /** False when it was stopped early: then nothing is proposed. */
  readonly complete: boolean
}

/**
 * Reads `days` of the journal and proposes policies without what nobody used in that time. What stands is counted as used, however old: the
 * subscriptions of stored sessions and the topics of retained messages. `progress` is told the share that was read, from 0 to 1.
 */
export async function proposeShrink(
  set: PolicySet,
  rooms: { readonly journal: Read; readonly broker: Sessions },
  span: { readonly days: number; readonly now: Instant },
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<UsageReport> {
  const { journal, broker } = rooms
  const shrinking = openShrinking(set, [hubChecksName])
  for (const { subject, subscriptions } of broker.all()) {
    shrinking.note({ subject, action: 'connect', topic: '' })
    for (const filter of subscriptions.keys()) shrinking.note({ subject, action: 'subscribe', topic: filter })
  }
  for (const { owner: subject, topic } of retainedOf(broker)) shrinking.note({ subject, action: 'publish', topic })
  const oldest = span.now - span.days * dayMs
  const [first, end] = [journal.start, journal.durableEnd]
  const subjects = new Map<string, Subject>()
  let since: Instant | null = null
  let records = 0
  for await (const { fact, offset } of factsFrom(journal, first)) {
    if (signal.aborted) return { version: set.version, uses: 0, unexplained: 0, documents: [], since, records, complete: false }
    if (++records % page.records === 0) progress((offset - first) / Math.max(1, end - first))
    // A connection may be older than the days that are asked for.
    if (fact.kind === 'connected') remember(subjects, fact)
    if (fact.time < oldest) continue
    since ??= fact.time
    noteFact(shrinking, fact, subjects)
  }
  progress(1)
  return { ...shrinking.propose(), since, records, complete: true }
}

function remember(subjects: Map<string, Subject>, { device, clientId, connection, username, attributes }: FactOf<'connected'>): void {
  const identity = identityOf(device)
  if (identity === undefined) return
  const [oldest] = subjects.size >= maxConnections ? subjects.keys() : []
  if (oldest !== undefined) subjects.delete(oldest)
  subjects.set(connection, { identity, username: username ?? device, clientId, attributes: attributes ?? {} })
}

function noteFact(shrinking: Shrinking, fact: Fact, subjects: Map<string, Subject>): void {
  if (fact.kind === 'telemetry') {
    const subject = subjectOf(fact, subjects)
    if (subject !== undefined) shrinking.note({ subject, action: 'publish', topic: fact.topic })
  } else if (fact.kind === 'subscribed') {
    const subject = subjectOf(fact, subjects)
    if (subject !== undefined) for (const filter of fact.filters) shrinking.note({ subject, action: 'subscribe', topic: filter })
  } else if (fact.kind === 'connected') {
    const subject = subjectOf(fact, subjects)
    if (subject === undefined) return
    shrinking.note({ subject, action: 'connect', topic: '' })
    // A CONNECT is refused for a will that may not be published, so its topic is used even when the will never was.
    if (fact.will !== undefined) shrinking.note({ subject, action: 'publish', topic: fact.will })
  }
}

function subjectOf(fact: TelemetryFact | FactOf<'subscribed'> | FactOf<'connected'>, subjects: Map<string, Subject>): Subject | undefined {
  if (systemDevice(fact.device) !== undefined) return undefined
  const known = subjects.get(fact.connection)
  if (known !== undefined) return known
  const identity = identityOf(fact.device)
  if (identity === undefined) return undefined
  const subject = { identity, username: fact.device, clientId: 'clientId' in fact ? fact.clientId : '', attributes: {} }
  subjects.set(fact.connection, subject)
  return subject
}

function identityOf(text: string): DeviceId | undefined {
  const id = parseDeviceId(text)
  return id.ok ? id.value : undefined
}
