import { join } from 'node:path'
import { type Grant, type Result, instant, ok, refuse } from '#base'
import type { Row, Statement } from '#store'
import { type Json, parseJson } from '#wire/json'
import { compileOrRefuse } from './condition.ts'
import { type Cursor, cursorOf, newCursor, saveCursor } from './cursor.ts'
import { type Endpoint, builtInEndpoint, isSource, parseName } from './definition.ts'
import type { EventSource } from './event.ts'
import type { Feed } from './feed.ts'
import type { AnyKind } from './kinds.ts'
import { KeptSecrets } from './kept-secrets.ts'
import { egressLimits } from './limits.ts'
import type { EgressFact, EgressPorts } from './ports.ts'
import { Worker } from './worker.ts'

/** An endpoint to be. `condition` empty: every event of its sources. */
export type EndpointSpec = Pick<Endpoint, 'name' | 'kind' | 'settings' | 'condition'> & { readonly sources: readonly EventSource[] }

/** What may be changed of an endpoint under its name: it stays of its kind. */
export type EndpointPatch = Partial<Pick<EndpointSpec, 'settings' | 'sources' | 'condition'>>

/** What the endpoints are made of. */
export type EndpointAdminPorts = EgressPorts & { readonly feed: Feed; readonly tell: (fact: EgressFact) => void }

type Held = { endpoint: Endpoint; worker: Worker }

/** The endpoints that were made, each with its worker. */
export class EndpointAdmin implements AsyncDisposable {
  readonly #ports: EndpointAdminPorts
  readonly #kinds: ReadonlyMap<string, AnyKind>
  readonly #endpoints = new Map<string, Held>()
  readonly #secrets = new Map<string, KeptSecrets>()

  constructor(ports: EndpointAdminPorts, kinds: readonly AnyKind[]) {
    this.#ports = ports
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]))
  }

  /** Reads what was made before and begins to deliver. Throws the store's Faults. */
  async open(): Promise<void> {
    const { store, journal, trouble } = this.#ports
    const cursors = new Map((await store.query('SELECT * FROM egress_cursors')).map((row) => [String(row['endpoint']), cursorOf(row)]))
    for (const row of await store.query('SELECT * FROM egress_endpoints ORDER BY name')) {
      const endpoint = endpointOf(row)
      let cursor = cursors.get(endpoint.name) ?? newCursor(journal.durableEnd)
      if (cursor.cursor > journal.durableEnd) {
        trouble(`the journal is older than the cursor of the endpoint ${endpoint.name}, which begins again at its end`, undefined)
        cursor = { ...cursor, cursor: journal.durableEnd }
      }
      this.#endpoints.set(endpoint.name, { endpoint, worker: this.#start(endpoint, cursor) })
    }
  }

  /** Endpoints with their workers, by name. */
  get all(): readonly { readonly endpoint: Endpoint; readonly worker: Worker }[] {
    return [...this.#endpoints.values()]
  }

  has(name: string): boolean {
    return this.#endpoints.has(name)
  }

  find(name: string): { readonly endpoint: Endpoint; readonly worker: Worker } | undefined {
    return this.#endpoints.get(name)
  }

  /**
   * Makes an endpoint; it gets what happens from now on. Refuses `egress/name-malformed`, `egress/endpoint-exists`, `egress/too-many-endpoints`,
   * `egress/kind-unknown`, `egress/endpoint-malformed`, `egress/condition-malformed`.
   */
  async add(grant: Grant<'route.write'>, spec: EndpointSpec): Promise<Result<Endpoint>> {
    const { clock, journal, commit, tell } = this.#ports
    const good = this.#judgeNew(spec)
    if (!good.ok) return good
    const { name, kind, settings, condition } = spec
    const createdBy = actorOf(grant)
    const endpoint: Endpoint = { name, kind, settings, sources: [...new Set(spec.sources)], condition, createdAt: clock.now(), createdBy }
    const cursor = newCursor(journal.end)
    const committed = await commit(grant, { action: 'endpoint.add', resource: `endpoint:${name}`, detail: { kind } }, [
      insertion(endpoint),
      saveCursor(name, cursor),
    ])
    if (!committed.ok) return exists(name)
    tell({ kind: 'endpoint-changed', time: clock.now(), actor: createdBy, action: 'create', endpoint: name, type: kind })
    this.#endpoints.set(name, { endpoint, worker: this.#start(endpoint, cursor) })
    return ok(endpoint)
  }

  /**
   * Changes an endpoint, which goes on from its place: what was under way is delivered again, by the new settings. Refuses `egress/endpoint-not-found`,
   * `egress/kind-unknown`, `egress/endpoint-malformed`, `egress/condition-malformed`.
   */
  async change(grant: Grant<'route.write'>, name: string, patch: EndpointPatch): Promise<Result<Endpoint>> {
    const { clock, commit, tell } = this.#ports
    const held = this.#endpoints.get(name)
    if (held === undefined) return notFound(name)
    const changed: Endpoint = { ...held.endpoint, ...patch }
    const good = this.#judge(changed)
    if (!good.ok) return good
    const { kind, settings, condition } = changed
    const endpoint: Endpoint = { ...changed, sources: [...new Set(changed.sources)] }
    const detail = { kind, changed: Object.keys(patch).join(' ') }
    await held.worker[Symbol.asyncDispose]()
    try {
      await commit(grant, { action: 'endpoint.change', resource: `endpoint:${name}`, detail }, [
        {
          sql: 'UPDATE egress_endpoints SET settings = ?, sources = ?, condition = ? WHERE name = ?',
          args: [JSON.stringify(settings), endpoint.sources.join(' '), condition, name],
        },
      ])
      held.endpoint = endpoint
    } finally {
      held.worker = this.#start(held.endpoint, await this.#cursor(name))
    }
    tell({ kind: 'endpoint-changed', time: clock.now(), actor: actorOf(grant), action: 'change', endpoint: name, type: kind })
    return ok(endpoint)
  }

  /** Ends an endpoint with its cursor and its dead letters. The caller has seen that no route names it. Refuses `egress/endpoint-not-found`. */
  async remove(grant: Grant<'route.write'>, name: string): Promise<Result<void>> {
    const { clock, commit, tell } = this.#ports
    const held = this.#endpoints.get(name)
    if (held === undefined) return notFound(name)
    const by = (table: string, column: string): Statement => ({ sql: `DELETE FROM ${table} WHERE ${column} = ?`, args: [name] })
    await held.worker[Symbol.asyncDispose]()
    try {
      await commit(grant, { action: 'endpoint.remove', resource: `endpoint:${name}` }, [
        by('egress_endpoints', 'name'),
        by('egress_cursors', 'endpoint'),
        by('egress_dead_letters', 'endpoint'),
      ])
    } catch (error) {
      held.worker = this.#start(held.endpoint, await this.#cursor(name))
      throw error
    }
    this.#endpoints.delete(name)
    this.#secrets.delete(name)
    const { kind } = held.endpoint
    tell({ kind: 'endpoint-changed', time: clock.now(), actor: actorOf(grant), action: 'delete', endpoint: name, type: kind })
    return ok(undefined)
  }

  /** A secret of the vault has changed. */
  secretChanged(secret: string): void {
    for (const [name, { worker }] of this.#endpoints) if (this.#secrets.get(name)?.wants(secret) === true) worker.reopen()
  }

  /** There is more in the journal. */
  wake(): void {
    for (const { worker } of this.#endpoints.values()) worker.wake()
  }

  /** Writes how far every endpoint is. */
  async save(): Promise<void> {
    await Promise.all(this.all.map(({ worker }) => worker.save()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map(({ worker }) => worker[Symbol.asyncDispose]()))
  }

  #judgeNew(spec: EndpointSpec): Result<unknown> {
    const { name } = spec
    const named = parseName(name, 'an endpoint')
    if (!named.ok) return named
    if (name === builtInEndpoint || this.#endpoints.has(name)) return exists(name)
    if (this.#endpoints.size >= egressLimits.endpoints)
      return refuse('egress/too-many-endpoints', `There are ${egressLimits.endpoints} endpoints already.`)
    return this.#judge(spec)
  }

  #judge({ kind, settings, sources, condition }: Omit<EndpointSpec, 'name'>): Result<unknown> {
    const known = this.#kinds.get(kind)
    if (known === undefined) return refuse('egress/kind-unknown', `Kinds of endpoints are ${[...this.#kinds.keys()].join(', ')}.`)
    if (sources.length === 0) return malformed('An endpoint has at least one source that it may receive.')
    if (Buffer.byteLength(JSON.stringify(settings)) > egressLimits.settingsBytes) return malformed('The settings are too large.')
    const parsed = known.parse(settings)
    return parsed.ok ? compileOrRefuse(condition) : parsed
  }

  #start(endpoint: Endpoint, cursor: Cursor): Worker {
    const { feed, journal, store, clock, random, hubName, secret, vaultSecret, mayReach, directory, tell, trouble } = this.#ports
    const { name, kind } = endpoint
    const secrets = new KeptSecrets(endpoint.settings, {
      own: (wanted) => secret(name, wanted),
      fromVault: (wanted, version) => vaultSecret(name, wanted, version),
    })
    this.#secrets.set(name, secrets)
    return new Worker(endpoint, this.#kinds.get(kind), cursor, {
      feed,
      journal,
      store,
      clock,
      random,
      hubName,
      tell,
      trouble,
      loadSecrets: () => secrets.load(),
      endpointPorts: { clock, random, secret: (wanted) => secrets.get(wanted), mayReach, directory: join(directory, name) },
    })
  }

  async #cursor(name: string): Promise<Cursor> {
    const [row] = await this.#ports.store.query('SELECT * FROM egress_cursors WHERE endpoint = ?', name)
    return row === undefined ? newCursor(this.#ports.journal.durableEnd) : cursorOf(row)
  }
}

function insertion({ name, kind, settings, sources, condition, createdAt, createdBy }: Endpoint): Statement {
  return {
    sql: 'INSERT INTO egress_endpoints (name, kind, settings, sources, condition, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)',
    args: [name, kind, JSON.stringify(settings), sources.join(' '), condition, createdAt, createdBy],
  }
}

function endpointOf(row: Row): Endpoint {
  return {
    name: String(row['name']),
    kind: String(row['kind']),
    settings: settingsOf(String(row['settings'])),
    sources: String(row['sources']).split(' ').filter(isSource),
    condition: String(row['condition']),
    createdAt: instant(Number(row['created_at'])),
    createdBy: String(row['created_by']),
  }
}

function settingsOf(text: string): Json {
  const parsed = parseJson(text)
  return parsed.ok ? parsed.value : null
}

function actorOf({ actor }: Grant): string {
  return `${actor.kind}:${actor.id}`
}

function notFound(name: string): Result<never> {
  return refuse('egress/endpoint-not-found', `There is no endpoint ${name}.`)
}

function exists(name: string): Result<never> {
  return refuse('egress/endpoint-exists', `There is an endpoint ${name} already.`)
}

function malformed(message: string): Result<never> {
  return refuse('egress/endpoint-malformed', message)
}
