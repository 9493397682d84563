import { type Clock, type DeviceId, type Result, ok } from '#base'
import type { Store } from '#store'
import { type ConfigurationKind, kindOf } from './configuration-content.ts'
import { type IdentitySource, mergeIdentities } from './configuration-merge.ts'
import { type Ground, type Targeting, byPriority, orderWithout, planTwin } from './configuration-plan.ts'
import type { Configuration } from './configuration.ts'
import type { Queries } from './query.ts'
import type { Twin, Twins } from './twin.ts'

/** What an evaluation asks of others. */
export type EvaluationPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly queries: Pick<Queries, 'matching' | 'count'>
  readonly twins: Pick<Twins, 'get' | 'configure' | 'flushed'>
  /** Whether a device is an IoT Edge device. */
  isEdge(device: DeviceId): boolean
}

/** What an evaluation has counted, by configuration, and how many twins it changed. */
export type Counted = { readonly targeted: Map<string, number>; readonly applied: Map<string, number>; changed: number }

const pageSize = 500
/** Twins that are changed at a time: enough to share a flush, few enough to leave room for devices. */
const batch = 200
const busyMs = 250
const maxBusy = 240

/**
 * Looks at every twin that a configuration targets or has touched, in order and page by page, and changes those that are not what they should be. What is cut
 * short is simply done again: a twin that is right is not touched. Throws `SourceRefused` when a condition cannot be read, before anything is taken from
 * twins on its account, and the store's Faults.
 */
export async function evaluateKind(ports: EvaluationPorts, ground: Ground, counted: Counted, signal: AbortSignal): Promise<void> {
  if (ground.live.length === 0 && ground.gone.length === 0) return
  await ports.twins.flushed()
  let waiting: Promise<void>[] = []
  for await (const { identity, tags } of mergeIdentities(sourcesOf(ports, ground))) {
    signal.throwIfAborted()
    const target = identity as DeviceId // the store's own key
    const isMeant = ground.kind !== 'edge' || ports.isEdge(target)
    const ranked = isMeant ? tags.filter((tag) => tag !== touched).toSorted(byPriority) : []
    waiting.push(evaluateTarget(ports, ground, target, ranked, counted, signal))
    if (waiting.length < batch) continue
    await Promise.all(waiting)
    waiting = []
    // Twins that are in memory and right take no time of the disk: devices get their turn all the same.
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(waiting)
}

/** Marks identities that have a status of some configuration. */
const touched = null

function sourcesOf(ports: EvaluationPorts, { kind, live }: Ground): readonly IdentitySource<Configuration | null>[] {
  const from = kind === 'module' ? 'modules' : 'devices'
  const conditions = live
    .filter(({ targetCondition }) => targetCondition.trim() !== '')
    .map((tag) => ({ tag, pages: (after: string | undefined) => ports.queries.matching(from, tag.targetCondition, pageSize, after) }))
  return [...conditions, { tag: touched, pages: touchedPages(ports.store, kind) }]
}

/** Identities, of devices for IoT Edge, whose twins have statuses. */
function touchedPages(store: Store, kind: ConfigurationKind): IdentitySource<null>['pages'] {
  const wanted = `configurations <> '{}' AND module_id IS ${kind === 'device' ? '' : 'NOT '}NULL`
  return async (after) => {
    const slash = after?.indexOf('/') ?? -1
    const [device, module] = after === undefined ? ['', ''] : slash < 0 ? [after, ''] : [after.slice(0, slash), after.slice(slash + 1)]
    const rows =
      kind === 'module'
        ? await store.query(
            `SELECT identity FROM twins WHERE ${wanted} AND (device_id, module_id) > (?, ?) ORDER BY device_id, module_id LIMIT ?`,
            device,
            module,
            pageSize,
          )
        : await store.query(
            `SELECT DISTINCT device_id AS identity FROM twins WHERE ${wanted} AND device_id > ? ORDER BY device_id LIMIT ?`,
            device,
            pageSize,
          )
    const identities = rows.map(({ identity }) => String(identity))
    return ok({ identities, next: identities.length < pageSize ? undefined : identities.at(-1) })
  }
}

async function evaluateTarget(
  ports: EvaluationPorts,
  ground: Ground,
  target: DeviceId,
  ranked: readonly Configuration[],
  counted: Counted,
  signal: AbortSignal,
): Promise<void> {
  for (const { id } of ranked) count(counted.targeted, id)
  const [winner] = ranked
  if (ground.kind !== 'edge') {
    const applied = await evaluateTwin(ports, ground, target, { target, all: ranked, winner }, counted, signal)
    if (applied !== undefined) count(counted.applied, applied)
    return
  }
  for (const identity of await modulesOf(ports.store, target)) {
    // One deployment has the whole device: a module that it does not name gets nothing from the next one.
    const all = ranked.filter((configuration) => names(configuration, identity))
    const mine = winner !== undefined && all.includes(winner) ? winner : undefined
    const applied = await evaluateTwin(ports, ground, identity, { target, all, winner: mine }, counted, signal)
    if (applied !== undefined && identity.endsWith('/$edgeAgent')) count(counted.applied, applied)
  }
}

/** Whether a deployment says something of a module. Its agent always has a status: that is where a deployment is looked for. */
function names({ content }: Configuration, identity: DeviceId): boolean {
  const module = identity.slice(identity.indexOf('/') + 1)
  return module === '$edgeAgent' || ('modulesContent' in content && Object.hasOwn(content.modulesContent, module))
}

async function modulesOf(store: Store, device: DeviceId): Promise<readonly DeviceId[]> {
  const rows = await store.query('SELECT identity FROM twins WHERE device_id = ? AND module_id IS NOT NULL', device)
  return rows.map(({ identity }) => String(identity) as DeviceId) // the store's own key
}

/** Makes one twin what it should be. Gives the configuration whose content it has then. */
async function evaluateTwin(
  ports: EvaluationPorts,
  ground: Ground,
  identity: DeviceId,
  targeting: Targeting,
  counted: Counted,
  signal: AbortSignal,
): Promise<string | undefined> {
  const twin = await ports.twins.get(identity)
  if (twin === undefined) return undefined
  const { order, applied, by } = planTwin(twin, targeting, ground)
  if (order === undefined) return applied
  const outcome = await patiently(ports, () => ports.twins.configure(identity, order, by), signal)
  if (outcome.ok) counted.changed++
  if (outcome.ok || applied === undefined) return applied
  // It does not fit beside what is there. That is said once, as a status, and tried again next time.
  const waiting = orderWithout(order, applied)
  if (!isSame(twin, waiting))
    await patiently(ports, () => ports.twins.configure(identity, { configurations: waiting.configurations }, by), signal)
  return undefined
}

function isSame(twin: Twin, { configurations }: ReturnType<typeof orderWithout>): boolean {
  return Object.entries(configurations).every(([id, status]) => (twin.configurations[id]?.status ?? null) === status)
}

/** Tries again while the hub is busy, for a minute. */
async function patiently<T>({ clock }: EvaluationPorts, work: () => Promise<Result<T>>, signal: AbortSignal): Promise<Result<T>> {
  for (let tries = 0; ; tries++) {
    const outcome = await work()
    if (outcome.ok || outcome.error.code !== 'hub/busy' || tries === maxBusy) return outcome
    signal.throwIfAborted()
    await new Promise<void>((resolve) => void clock.after(busyMs, resolve))
  }
}

function count(counts: Map<string, number>, id: string): void {
  counts.set(id, (counts.get(id) ?? 0) + 1)
}

/** The grounds of an evaluation, one for each kind of twin. */
export function groundsOf(live: readonly Configuration[], gone: readonly Configuration[]): readonly Ground[] {
  return (['device', 'module', 'edge'] as const).map((kind) => {
    const isOfKind = ({ content }: Configuration) => kindOf(content) === kind
    return { kind, live: live.filter(isOfKind), gone: gone.filter(isOfKind) }
  })
}
