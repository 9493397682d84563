import { type Clock, type DeviceId, Fault, type Grant, type Result, ok, refuse } from '#base'
import { type Journal, type Offset, encodeFact } from '#journal'
import type { Store } from '#store'
import type { Json } from '#wire/json'
import type { Audited } from './ports.ts'
import { TwinCache, twinBytes } from './twin-cache.ts'
import { type Registered, type TwinFact, afterFact, newTwin } from './twin-change.ts'
import { TwinCopy } from './twin-copy.ts'
import { type Change, auditOf, checkChange, planChange } from './twin-plan.ts'
import { readTwinHistory } from './twin-history.ts'
import { replayTwins } from './twin-replay.ts'
import { loadTwin, loadTwinCursor } from './twin-rows.ts'
import { checkTwinPart, checkTwinWeight } from './twin-rules.ts'
import { TwinWaiting } from './twin-waiting.ts'
import type { DesiredChange, Twin, TwinCause, TwinHistory, TwinObject, TwinOrder, TwinPatch, Twins } from './twin.ts'

/*
 * Theory of operation.
 * The journal is the truth about twins. A change is a fact: made of the twin in memory, appended, and taken over by the memory in the same turn, so that
 * the next change of the same twin builds on it; whoever asked is told when the disk has the fact. The order of calls is the order of facts: a
 * call that finds its twin in memory acts at once, and calls that wait for the same row act in order when it is there.
 * What memory shows may not be on disk yet. Nobody outside sees it before: `get` waits for the newest change of its twin.
 * Changes of back ends go one after the other for each twin, because the audit log comes first and takes its time; etags are compared in that turn.
 */

/** What twins ask of others. */
export type TwinPorts = {
  readonly journal: Journal
  readonly store: Store
  readonly clock: Clock
  /** Looks a device or module up, without waiting: only what is durable. */
  registered(identity: DeviceId): Registered | undefined
  /** Writes an audit entry; durable when it resolves. */
  audit(grant: Grant, what: Audited): Promise<void>
  trouble(what: string, error: unknown): void
  /** Bytes of memory, estimated: for twins that were used lately, and for those that the rows are owed. */
  readonly cacheBytes?: number
  readonly owedBytes?: number
}

/** Twins that hold something open: disposing writes what is owed. Dispose of them before the journal and the store. */
export interface OpenTwins extends Twins, AsyncDisposable {}

const defaultCacheBytes = 48 * 1024 * 1024
const defaultOwedBytes = 48 * 1024 * 1024
const maxModelIdLength = 128

/** Opens the twins: reads what the rows lack from the journal. Their tables come from `hubMigrations` and `hubTwinMigrations`. */
export async function openTwins(ports: TwinPorts, signal: AbortSignal): Promise<OpenTwins> {
  signal.throwIfAborted()
  const cursor = await loadTwinCursor(ports.store)
  const copy = new TwinCopy(ports, ports.owedBytes ?? defaultOwedBytes, cursor)
  await replayTwins(ports, copy, cursor, signal)
  copy.start()
  return new TwinKeeper(ports, copy)
}

/** Called with the twin when memory has it; with none where nobody is registered; with an error when the row cannot be read. */
type Act = (twin: Twin | undefined, error?: unknown) => void

class TwinKeeper implements OpenTwins {
  readonly #ports: TwinPorts
  readonly #copy: TwinCopy
  readonly #cache: TwinCache
  readonly #waiting = new TwinWaiting()
  /** Acts that wait for a row, in the order of their calls. */
  readonly #loading = new Map<DeviceId, Act[]>()
  /** The last change of a back end for each identity that has one under way. */
  readonly #turns = new Map<DeviceId, Promise<unknown>>()
  readonly #listeners = new Set<(change: DesiredChange) => void>()
  readonly #unhear: () => void

  constructor(ports: TwinPorts, copy: TwinCopy) {
    this.#ports = ports
    this.#copy = copy
    this.#cache = new TwinCache(ports.cacheBytes ?? defaultCacheBytes)
    this.#unhear = ports.journal.onDurable((end) => this.#waiting.durable(end))
  }

  async get(identity: DeviceId): Promise<Twin | undefined> {
    const twin = await this.#twin(identity)
    const offset = this.#waiting.newestOf(identity)
    if (twin === undefined || offset === undefined) return twin
    return new Promise((resolve, reject) => {
      this.#waiting.add({ offset: this.#ports.journal.end - 1, identity, settle: () => resolve(twin), abandon: reject })
    })
  }

  patchReported(identity: DeviceId, patch: Json, ifVersion?: number): Promise<Result<{ readonly version: number }>> {
    const checked = checkTwinPart('reported', patch)
    if (!checked.ok) return Promise.resolve(checked)
    return new Promise((resolve, reject) => {
      this.#with(identity, (twin, error) => {
        if (error !== undefined) reject(error)
        else if (twin === undefined) resolve(notFound(identity))
        else {
          const outcome = this.#report(twin, checked.value, ifVersion)
          if (!outcome.ok) resolve(outcome)
          else {
            const { offset, version } = outcome.value
            this.#waiting.add({ offset, identity, settle: () => resolve(ok({ version })), abandon: reject })
          }
        }
      })
    })
  }

  patch(grant: Grant<'twin.write'>, identity: DeviceId, patch: TwinPatch, etag?: string, cause?: TwinCause): Promise<Result<Twin>> {
    return this.#change(identity, { replaces: false, ...patch, etag, cause, grant })
  }

  replace(grant: Grant<'twin.write'>, identity: DeviceId, whole: TwinPatch, etag?: string): Promise<Result<Twin>> {
    return this.#change(identity, { replaces: true, ...whole, etag, cause: undefined, grant })
  }

  configure(identity: DeviceId, { desired, configurations }: TwinOrder, id: string): Promise<Result<Twin>> {
    const cause = { kind: 'configuration', id } as const
    return this.#change(identity, { replaces: false, desired, configurations, etag: undefined, cause, grant: undefined })
  }

  onDesired(listener: (change: DesiredChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  announceModel(identity: DeviceId, modelId: string): void {
    if (modelId.length > maxModelIdLength || !/^[\u0021-\u007e]+$/.test(modelId)) return
    this.#with(identity, (twin) => {
      if (twin === undefined || twin.modelId === modelId) return
      const { clock } = this.#ports
      this.#take(twin, { kind: 'model-announced', time: clock.now(), device: identity, generation: twin.generationId, modelId })
    })
  }

  history(_grant: Grant<'twin.read'>, identity: DeviceId, limit: number, before?: Offset): Promise<TwinHistory> {
    const { journal } = this.#ports
    return readTwinHistory(journal, identity, this.#ports.registered(identity)?.generationId, limit, before)
  }

  async flushed(): Promise<void> {
    await this.#copy.save()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#copy[Symbol.asyncDispose]()
    this.#unhear()
    this.#waiting.abandon(new Fault('hub/closing', 'The hub is closing.'))
  }

  /** The twin as memory has it, which the disk may not have yet. */
  #twin(identity: DeviceId): Promise<Twin | undefined> {
    return new Promise((resolve, reject) => {
      this.#with(identity, (twin, error) => (error === undefined ? resolve(twin) : reject(error)))
    })
  }

  /** Acts on a twin at once when it is in memory, else in the order of calls when its row has been read. */
  #with(identity: DeviceId, act: Act): void {
    const registered = this.#ports.registered(identity)
    if (registered === undefined) return act(undefined)
    const waiting = this.#loading.get(identity)
    if (waiting !== undefined) return void waiting.push(act)
    const twin = this.#find(identity, registered)
    if (twin !== undefined) return act(twin)
    const acts = [act]
    this.#loading.set(identity, acts)
    this.#load(identity, registered).then(
      () => this.#loaded(identity, acts, undefined),
      (error: unknown) => this.#loaded(identity, acts, error),
    )
  }

  #loaded(identity: DeviceId, acts: readonly Act[], error: unknown): void {
    this.#loading.delete(identity)
    // Removed, or removed and made again, while the row was read: each act looks for itself.
    for (const act of acts) {
      const registered = this.#ports.registered(identity)
      const twin = registered === undefined ? undefined : this.#find(identity, registered)
      if (error !== undefined) act(undefined, error)
      else if (registered !== undefined && twin === undefined) this.#with(identity, act)
      else act(twin)
    }
  }

  async #load(identity: DeviceId, registered: Registered): Promise<void> {
    const twin = await loadTwin(this.#ports.store, identity, registered.generationId)
    this.#cache.put(twin ?? newTwin(identity, registered))
  }

  #find(identity: DeviceId, { generationId }: Registered): Twin | undefined {
    const cached = this.#cache.find(identity, generationId)
    if (cached !== undefined) return cached
    const owed = this.#copy.find(identity, generationId)
    if (owed !== undefined) this.#cache.put(owed)
    return owed
  }

  /** HOT PATH. */
  #report(twin: Twin, patch: TwinObject, ifVersion: number | undefined): Result<{ readonly offset: Offset; readonly version: number }> {
    if (ifVersion !== undefined && ifVersion !== twin.reported.version)
      return refuse('hub/twin-version-differs', `The reported properties are at version ${twin.reported.version}.`)
    const { journal, clock } = this.#ports
    if (journal.paused || this.#copy.isFull) return busy()
    const { identity: device, generationId: generation } = twin
    const version = twin.reported.version + 1
    const fact = { kind: 'twin-reported', time: clock.now(), device, generation, twinVersion: twin.version + 1, patch, version } as const
    const after = afterFact(twin, fact)
    const fits = checkTwinWeight('reported', after.reported.properties)
    if (!fits.ok) return fits
    const offset = this.#append(after, fact)
    return offset < 0 ? busy() : ok({ offset, version })
  }

  /** Appends a fact and takes over what it says; -1 when the journal takes none, and then nothing has changed. */
  #append(after: Twin, fact: TwinFact): Offset {
    const offset = this.#ports.journal.append(encodeFact(fact))
    if (offset < 0) return -1
    const bytes = twinBytes(after)
    this.#cache.put(after, bytes)
    this.#copy.owe(after, bytes)
    return offset
  }

  /** As {@link TwinKeeper.#append}, where nobody waits. */
  #take(twin: Twin, fact: TwinFact): void {
    if (this.#ports.journal.paused || this.#copy.isFull) return
    const offset = this.#append(afterFact(twin, fact), fact)
    if (offset >= 0) this.#waiting.add({ offset, identity: twin.identity, settle: () => undefined, abandon: () => undefined })
  }

  async #change(identity: DeviceId, change: Change): Promise<Result<Twin>> {
    const checked = checkChange(change)
    if (!checked.ok) return checked
    const before = this.#turns.get(identity)
    const turn = (async () => {
      await before?.catch(() => undefined)
      return await this.#changeInTurn(identity, change)
    })()
    this.#turns.set(identity, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(identity) === turn) this.#turns.delete(identity)
    }
  }

  async #changeInTurn(identity: DeviceId, change: Change): Promise<Result<Twin>> {
    const { tags, desired, configurations, etag, grant, cause } = change
    const first = await this.#twin(identity)
    if (first === undefined) return notFound(identity)
    if (etag !== undefined && etag !== '*' && etag !== first.etag)
      return refuse('hub/etag-differs', `The twin of ${identity} was changed by somebody else meanwhile. Read it again.`)
    if (tags === undefined && desired === undefined && configurations === undefined) return ok(first)
    const planned = planChange(first, change, this.#ports.clock)
    if (!planned.ok) return planned
    if (this.#ports.journal.paused || this.#copy.isFull) return busy()
    // A job or a configuration was audited as a whole, and each fact names it.
    if (grant !== undefined && cause === undefined) await this.#ports.audit(grant, auditOf(identity, change))
    return await new Promise((resolve, reject) => {
      this.#with(identity, (twin, error) => {
        // The device may have reported meanwhile, or have been removed and made again; tags and desired properties stand still in this turn.
        if (error !== undefined) reject(error)
        else if (twin === undefined || twin.generationId !== first.generationId) resolve(notFound(identity))
        else this.#changeNow(twin, change, resolve, reject)
      })
    })
  }

  #changeNow(twin: Twin, change: Change, resolve: (outcome: Result<Twin>) => void, reject: (error: Error) => void): void {
    const planned = planChange(twin, change, this.#ports.clock)
    if (!planned.ok) return resolve(planned)
    const { fact, after } = planned.value
    const offset = this.#ports.journal.paused || this.#copy.isFull ? -1 : this.#append(after, fact)
    if (offset < 0) return resolve(busy())
    const { identity } = twin
    this.#waiting.add({
      offset,
      identity,
      settle: () => {
        if (fact.desired !== undefined) this.#announce({ identity, version: fact.desiredVersion, body: fact.desired })
        resolve(ok(after))
      },
      abandon: reject,
    })
  }

  #announce(change: DesiredChange): void {
    for (const listener of this.#listeners)
      try {
        listener(change)
      } catch (error) {
        this.#ports.trouble('telling a device of its desired properties', error)
      }
  }
}

function notFound(identity: DeviceId): Result<never> {
  return identity.includes('/')
    ? refuse('hub/module-not-found', `No module ${identity} is registered.`)
    : refuse('hub/device-not-found', `No device ${identity} is registered.`)
}

function busy(): Result<never> {
  return refuse('hub/busy', 'The hub cannot take this now, because its disk is behind. Try again.')
}
