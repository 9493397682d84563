import { type Grant, type Result, ok, refuse } from '#base'
import { type Fact, type Offset, encodeFact } from '#journal'
import type { ConditionProblem, TwinView } from './condition.ts'
import { type DeadLetter, type OpenedLetter, countLetters, openLetter, readLetters } from './dead-letters.ts'
import { type Endpoint, type RouteSet, builtInEndpoint } from './definition.ts'
import { EndpointAdmin, type EndpointPatch, type EndpointSpec } from './endpoint-admin.ts'
import { enrich } from './enrich.ts'
import type { RoutedEvent } from './event.ts'
import { Feed, type Judgement } from './feed.ts'
import type { AnyKind } from './kinds.ts'
import type { EgressFact, EgressPorts } from './ports.ts'
import { RouteAdmin } from './route-admin.ts'
import { openRouteSets } from './route-sets.ts'
import { type TestMessage, testAll, testCondition } from './test-route.ts'
import type { EndpointState } from './worker.ts'

/** An endpoint and how it does. `deadLetters`: how many wait to be looked at. */
export type EndpointView = Endpoint & { readonly state: EndpointState; readonly deadLetters: number }

/** Which dead letters: after an id, oldest first; of one endpoint or of all. */
export type LetterQuery = { readonly endpoint?: string | undefined; readonly after: number; readonly limit: number }

/** Routes, endpoints and the delivery of events to them. Devices never wait for any of it: only durable records are read. */
export interface Egress extends AsyncDisposable {
  /** The set of routes in force. */
  routes(grant: Grant<'route.read'>): RouteSet
  /** See `RouteAdmin` for what changes refuse. */
  readonly admin: Pick<RouteAdmin, 'addRoute' | 'changeRoute' | 'removeRoute' | 'addEnrichment' | 'removeEnrichment' | 'setFallback'>
  endpoints(grant: Grant<'route.read'>): Promise<readonly EndpointView[]>
  /** Refuses `egress/endpoint-not-found`. */
  endpoint(grant: Grant<'route.read'>, name: string): Promise<Result<EndpointView>>
  /** For whoever has just made it: without the right to look at others. */
  endpointOf(name: string): Promise<EndpointView | undefined>
  /** See `EndpointAdmin.add`. */
  addEndpoint(grant: Grant<'route.write'>, spec: EndpointSpec): Promise<Result<Endpoint>>
  /** See `EndpointAdmin.change`. */
  changeEndpoint(grant: Grant<'route.write'>, name: string, patch: EndpointPatch): Promise<Result<Endpoint>>
  /** Refuses `egress/endpoint-not-found`, and `egress/endpoint-in-use` while a route or an enrichment names it. */
  removeEndpoint(grant: Grant<'route.write'>, name: string): Promise<Result<void>>
  deadLetters(grant: Grant<'route.read'>, query: LetterQuery): Promise<readonly DeadLetter[]>
  /** With its event. Refuses `egress/dead-letter-not-found`. */
  deadLetter(grant: Grant<'route.read'>, id: number): Promise<Result<OpenedLetter>>
  /** Tries letters again, each once: one, or all of an endpoint. Resolves with how many. Refuses `egress/dead-letter-not-found`. */
  replay(grant: Grant<'route.write'>, what: { readonly id: number } | { readonly endpoint: string }): Promise<Result<number>>
  /** Throws letters away: one, or all of an endpoint. Resolves with how many. Refuses `egress/dead-letter-not-found`. */
  drop(grant: Grant<'route.write'>, what: { readonly id: number } | { readonly endpoint: string }): Promise<Result<number>>
  /** Whether a condition matches a message, or where it is wrong. */
  testCondition(grant: Grant<'route.read'>, condition: string, message: TestMessage): Promise<Result<boolean | undefined, ConditionProblem>>
  /** Which routes in force match a message, and where it would go. */
  testAll(
    grant: Grant<'route.read'>,
    message: TestMessage,
  ): Promise<{ readonly routes: readonly string[]; readonly endpoints: readonly string[] }>
  /** What readers of the built-in endpoint see of a fact, by the routes of its time; undefined: nothing. */
  builtIn(offset: Offset, fact: Fact): RoutedEvent | undefined | Promise<RoutedEvent | undefined>
  /** A secret of the vault has a new version, or is gone: endpoints that refer to it are opened anew with the next delivery. */
  secretChanged(name: string): void
  /** Every endpoint and how it does, for metrics. */
  states(): readonly { readonly name: string; readonly kind: string; readonly state: EndpointState }[]
}

const saveMs = 5_000
/** Flushes of the journal may be thousands in a second; workers are woken a few hundred times. */
const wakeMs = 5

/** Opens routing on its rows (its tables come from `egressMigrations`) and begins to deliver. Throws the store's Faults, and `egress/routes-unreadable`. */
export async function openEgress(
  ports: EgressPorts & { isOwn(fact: Fact): boolean },
  kinds: readonly AnyKind[],
  signal: AbortSignal,
): Promise<Egress> {
  signal.throwIfAborted()
  const { journal, clock, store, commit, trouble, hubName } = ports
  const sets = await openRouteSets(ports)
  const feed = new Feed(ports, sets)
  const tell = (fact: EgressFact) => void journal.append(encodeFact(fact))
  const endpoints = new EndpointAdmin({ ...ports, feed, tell }, kinds)
  await endpoints.open()
  const admin = new RouteAdmin(sets, (name) => endpoints.has(name))
  const ending = new DisposableStack()
  let isWaking = false
  ending.defer(
    journal.onDurable(() => {
      if (isWaking) return
      isWaking = true
      clock.after(wakeMs, () => {
        isWaking = false
        endpoints.wake()
      })
    }),
  )
  ending.defer(clock.every(saveMs, () => void endpoints.save().catch((error: unknown) => trouble('cursors of endpoints', error))))

  const withTwin = async (message: TestMessage): Promise<TestMessage> => {
    const { device, module } = message
    const twin: TwinView | undefined = message.twin ?? (await ports.twin(module === undefined ? device : `${device}/${module}`))
    return { ...message, twin }
  }
  const viewOf = (endpoint: Endpoint, state: EndpointState, letters: ReadonlyMap<string, number>): EndpointView => ({
    ...endpoint,
    state,
    deadLetters: letters.get(endpoint.name) ?? 0,
  })
  const endpointOf = async (name: string): Promise<EndpointView | undefined> => {
    const letters = await countLetters(store)
    const found = endpoints.find(name)
    return found && viewOf(found.endpoint, found.worker.state, letters)
  }
  const lettersOf = (what: { readonly id: number } | { readonly endpoint: string }) =>
    'id' in what ? { where: 'id = ?', arg: what.id } : { where: 'endpoint = ?', arg: what.endpoint }
  const count = async (what: Parameters<Egress['replay']>[1]): Promise<number> => {
    const { where, arg } = lettersOf(what)
    const [row] = await store.query(`SELECT count(*) AS letters FROM egress_dead_letters WHERE ${where}`, arg)
    return Number(row?.['letters'] ?? 0)
  }
  const noLetter = refuse('egress/dead-letter-not-found', 'There is no such dead letter.')
  const change = async (grant: Grant, what: Parameters<Egress['replay']>[1], action: string, sql: string): Promise<Result<number>> => {
    const { where, arg } = lettersOf(what)
    const letters = await count(what)
    if (letters === 0) return noLetter
    const resource = 'id' in what ? `dead-letter:${what.id}` : `endpoint:${what.endpoint}`
    await commit(grant, { action, resource, detail: { letters } }, [{ sql: `${sql} WHERE ${where}`, args: [arg] }])
    return ok(letters)
  }

  return {
    routes: () => sets.current,
    secretChanged: (name) => endpoints.secretChanged(name),
    admin,
    async endpoints() {
      const letters = await countLetters(store)
      return endpoints.all.map(({ endpoint, worker }) => viewOf(endpoint, worker.state, letters))
    },
    async endpoint(_grant, name) {
      const found = await endpointOf(name)
      return found === undefined ? refuse('egress/endpoint-not-found', 'There is no such endpoint.') : ok(found)
    },
    endpointOf,
    addEndpoint: (grant, spec) => admin.alone(() => endpoints.add(grant, spec)),
    changeEndpoint: (grant, name, patch) => admin.alone(() => endpoints.change(grant, name, patch)),
    removeEndpoint: (grant, name) =>
      admin.alone(async () => {
        const { routes, enrichments } = sets.current
        const user = routes.find((route) => route.endpoint === name)?.name ?? enrichments.find((one) => one.endpoints.includes(name))?.key
        if (user !== undefined) return refuse('egress/endpoint-in-use', `${user} names this endpoint. Remove that first.`)
        return await endpoints.remove(grant, name)
      }),
    deadLetters: (_grant, query) => readLetters(store, query),
    async deadLetter(_grant, id) {
      const letter = await openLetter(store, id)
      return letter === undefined ? noLetter : ok(letter)
    },
    async replay(grant, what) {
      const changed = await change(grant, what, 'dead-letter.replay', 'UPDATE egress_dead_letters SET replays = 1')
      if (changed.ok) for (const { worker } of endpoints.all) worker.replay()
      return changed
    },
    drop: (grant, what) => change(grant, what, 'dead-letter.drop', 'DELETE FROM egress_dead_letters'),
    testCondition: async (_grant, condition, message) => testCondition(condition, await withTwin(message), clock.now()),
    testAll: async (_grant, message) => testAll(sets.current, await withTwin(message), clock.now()),
    builtIn(offset, fact) {
      const shown = (judgement: Judgement | undefined): RoutedEvent | undefined =>
        judgement?.endpoints.includes(builtInEndpoint) === true
          ? enrich(judgement.event, builtInEndpoint, judgement.set.enrichments, judgement.twin, hubName)
          : undefined
      const judgement = feed.judge(offset, fact)
      return judgement instanceof Promise ? judgement.then(shown) : shown(judgement)
    },
    states: () => endpoints.all.map(({ endpoint, worker }) => ({ name: endpoint.name, kind: endpoint.kind, state: worker.state })),
    async [Symbol.asyncDispose]() {
      ending.dispose()
      await endpoints[Symbol.asyncDispose]()
    },
  }
}
