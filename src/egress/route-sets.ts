import { Fault, type Grant, type Instant, type Result, instant, ok, refuse } from '#base'
import { type Journal, type Offset, decodeRecord, encodeFact, recordKind } from '#journal'
import type { Row } from '#store'
import { type Enrichment, type Route, type RouteContent, type RouteSet, digestOf, firstContent, isSource } from './definition.ts'
import { egressLimits } from './limits.ts'
import type { EgressPorts } from './ports.ts'

/*
 * Theory of operation.
 * A change is a row first, with its audit entry, and then a fact in the journal. The fact's offset is where the new set begins to hold, so whoever reads
 * records, now or again after a restart, judges each by the set of its time. Appending the fact and putting the set in force is one turn: nobody can
 * read a record behind the fact before the set is there. A hub that dies in between finds the row without its offset, looks for the fact, and tells it
 * if it is not there.
 */

const page = { records: 5_000, bytes: 1024 * 1024 }

/** The set of before anybody has said anything. */
const firstSet: RouteSet = {
  ...firstContent,
  version: 0,
  from: 0,
  digest: digestOf(firstContent),
  actor: 'system:hub',
  changedAt: instant(0),
}

type SetPorts = Pick<EgressPorts, 'store' | 'journal' | 'clock' | 'commit'>

/** Every set of routes that records of now may need, and the one way to change it. */
export class RouteSets {
  readonly #ports: SetPorts
  readonly #sets: RouteSet[]

  constructor(ports: SetPorts, sets: readonly RouteSet[]) {
    this.#ports = ports
    this.#sets = [firstSet, ...sets]
  }

  /** The set that is in force now. */
  get current(): RouteSet {
    return this.#sets.at(-1) ?? firstSet
  }

  /** The set that was in force when a record was written. */
  at(offset: Offset): RouteSet {
    for (let i = this.#sets.length - 1; i > 0; i--) {
      const set = this.#sets[i]
      if (set !== undefined && set.from <= offset) return set
    }
    return this.#sets[0] ?? firstSet
  }

  /** Puts other content in force. The caller has judged it, and calls one at a time. Refuses `egress/routes-conflict` when another hub was faster. */
  async change(grant: Grant<'route.write'>, what: string, content: RouteContent): Promise<Result<RouteSet>> {
    const { store: _store, journal, clock, commit } = this.#ports
    const version = this.current.version + 1
    const actor = `${grant.actor.kind}:${grant.actor.id}`
    const digest = digestOf(content)
    const changedAt = clock.now()
    const oldest = this.#sets.length >= egressLimits.sets ? this.#sets[1]?.version : undefined
    const audited = { action: 'routes.change', resource: 'routes', detail: { what, version, digest } }
    const committed = await commit(grant, audited, [
      {
        sql: `INSERT INTO egress_sets (version, seen_from, from_offset, content, digest, actor, what, changed_at) VALUES (?, ?, NULL, ?, ?, ?, ?, ?)`,
        args: [version, journal.end, JSON.stringify(content), digest, actor, what, changedAt],
      },
      ...(oldest === undefined ? [] : [{ sql: 'DELETE FROM egress_sets WHERE version <= ?', args: [oldest] }]),
    ])
    if (!committed.ok) return refuse('egress/routes-conflict', 'Somebody else has changed the routes at this moment. Try again.')
    const from = await tell(this.#ports, { actor, version, digest, what }, changedAt, (offset) => {
      // The oldest that is kept then speaks for all before it.
      if (oldest !== undefined) this.#sets.splice(0, 1)
      this.#sets.push({ ...content, version, from: offset, digest, actor, changedAt })
    })
    await noteOffset(this.#ports, version, from)
    return ok(this.current)
  }
}

/** Reads every set back. Throws the Fault `egress/routes-unreadable`: a hub that does not know its routes must not guess. */
export async function openRouteSets(ports: SetPorts): Promise<RouteSets> {
  const rows = await ports.store.query('SELECT * FROM egress_sets ORDER BY version')
  const sets: RouteSet[] = []
  for (const row of rows) {
    const content = contentOf(row)
    const version = Number(row['version'])
    if (content === undefined) throw new Fault('egress/routes-unreadable', `Version ${version} of the routes cannot be read.`)
    const actor = String(row['actor'])
    const digest = String(row['digest'])
    const changedAt = instant(Number(row['changed_at']))
    let from = row['from_offset'] === null ? await find(ports.journal, version, Number(row['seen_from'])) : Number(row['from_offset'])
    from ??= await tell(ports, { actor, version, digest, what: String(row['what']) }, ports.clock.now(), () => undefined)
    if (row['from_offset'] === null) await noteOffset(ports, version, from)
    sets.push({ ...content, version, from, digest, actor, changedAt })
  }
  return new RouteSets(ports, sets)
}

/** Appends the fact and calls `inForce` with its offset in the same turn; resolves when it is on disk. */
async function tell(
  { journal }: SetPorts,
  about: { readonly actor: string; readonly version: number; readonly digest: string; readonly what: string },
  time: Instant,
  inForce: (offset: Offset) => void,
): Promise<Offset> {
  const record = encodeFact({ kind: 'routes-changed', time, ...about })
  let offset = journal.append(record)
  while (offset < 0) {
    await journal.flushed()
    offset = journal.append(record)
  }
  inForce(offset)
  await journal.flushed()
  return offset
}

async function noteOffset({ store }: SetPorts, version: number, from: Offset): Promise<void> {
  await store.commit([{ sql: 'UPDATE egress_sets SET from_offset = ? WHERE version = ?', args: [from, version] }])
}

async function find(journal: Journal, version: number, from: Offset): Promise<Offset | undefined> {
  for (let at = Math.max(from, journal.start); at < journal.durableEnd;) {
    const { records, next } = await journal.read(at, page)
    for (const record of records) {
      if (!('bytes' in record) || recordKind(record.bytes) !== 'routes-changed') continue
      const fact = decodeRecord(record.bytes)
      if (fact.ok && fact.value.kind === 'routes-changed' && fact.value.version === version) return record.offset
    }
    if (next <= at) return undefined
    at = next
  }
  return undefined
}

function contentOf(row: Row): RouteContent | undefined {
  let content: unknown
  try {
    content = JSON.parse(String(row['content']))
  } catch {
    return undefined
  }
  const { routes, enrichments, fallback } = membersOf(content)
  if (!Array.isArray(routes) || !Array.isArray(enrichments) || typeof fallback !== 'boolean') return undefined
  const read = { routes: routes.map(routeOf), enrichments: enrichments.map(enrichmentOf), fallback }
  const isWhole = <T>(list: readonly (T | undefined)[]): list is readonly T[] => list.every((one) => one !== undefined)
  return isWhole(read.routes) && isWhole(read.enrichments) ? { routes: read.routes, enrichments: read.enrichments, fallback } : undefined
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

function routeOf(value: unknown): Route | undefined {
  const { name, source, condition, endpoint, isEnabled } = membersOf(value)
  if (typeof name !== 'string' || typeof source !== 'string' || !isSource(source)) return undefined
  if (typeof condition !== 'string' || typeof endpoint !== 'string' || typeof isEnabled !== 'boolean') return undefined
  return { name, source, condition, endpoint, isEnabled }
}

function enrichmentOf(value: unknown): Enrichment | undefined {
  const { key, value: text, endpoints } = membersOf(value)
  if (typeof key !== 'string' || typeof text !== 'string' || !Array.isArray(endpoints)) return undefined
  return { key, value: text, endpoints: endpoints.filter((one) => typeof one === 'string') }
}
