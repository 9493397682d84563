import { type DeviceId, type Grant, type Refusal, type Result, identityOf, ok, refuse } from '#base'
import type { BulkItem, BulkList, BulkProblem, BulkTwin } from './bulk-item.ts'
import { deviceSpecOf, moduleSpecOf } from './device-json.ts'
import type { ModuleRegistry } from './module-registry.ts'
import type { Registry } from './registry.ts'
import type { Twins } from './twin.ts'

/** What a bulk request may do. Without `twins`, twin parts are refused; a device that is made keeps its empty twin, with a warning. */
export type BulkGrants = {
  readonly write: Grant<'device.write'>
  readonly erase: Grant<'device.delete'>
  readonly twins?: Grant<'twin.write'> | undefined
}

/** How a bulk request is taken. */
export type BulkOptions = {
  /** As of adding devices: for imports. */
  readonly sasArrivesDisabled?: boolean | undefined
  /** Whether reported properties are taken over: for imports. A back end has no say in them otherwise. */
  readonly withReported?: boolean | undefined
}

/** What became of a bulk request: what failed, and which devices are there without the twin that was to be theirs. */
export type BulkResult = { readonly problems: readonly BulkProblem[]; readonly withoutTwin: readonly BulkProblem[] }

/**
 * Does what each item asks for, each by itself. Refuses `hub/device-twice` when an identity stands in it twice: then nothing is done. Of any length;
 * items share disk flushes.
 */
export type Bulk = (grants: BulkGrants, list: BulkList, options?: BulkOptions) => Promise<Result<BulkResult>>

/** What a bulk request works on. */
export type BulkPorts = { readonly devices: Registry; readonly modules: ModuleRegistry; readonly twins: Twins }

/** Items that are under way at a time: enough to fill a disk flush, few enough not to be in everybody's way. */
const together = 200

/** Opens {@link Bulk} on the registries. */
export function openBulk(ports: BulkPorts): Bulk {
  return async (grants, list, options = {}) => {
    const twice = firstTwice(list.items)
    if (twice !== undefined) return refuse('hub/device-twice', `${twice} stands in this request twice.`)
    const run: Run = { ports, grants, options, problems: [...list.problems], withoutTwin: [] }
    // Modules need their device: they go before it, and come after it.
    const leaving = list.items.filter((item) => item.target.kind === 'module' && isDeletion(item))
    const devices = list.items.filter((item) => item.target.kind === 'device')
    const modules = list.items.filter((item) => item.target.kind === 'module' && !isDeletion(item))
    for (const stage of [leaving, devices, modules])
      for (let at = 0; at < stage.length; at += together)
        await Promise.all(stage.slice(at, at + together).map((item) => perform(run, item)))
    return ok({ problems: run.problems, withoutTwin: run.withoutTwin })
  }
}

type Run = {
  readonly ports: BulkPorts
  readonly grants: BulkGrants
  readonly options: BulkOptions
  readonly problems: BulkProblem[]
  readonly withoutTwin: BulkProblem[]
}

async function perform(run: Run, item: BulkItem): Promise<void> {
  const { target, mode, twin } = item
  const problem = ({ code, message }: Refusal): BulkProblem => ({
    device: target.kind === 'device' ? target.said.id : target.said.device,
    module: target.kind === 'device' ? undefined : target.said.id,
    code,
    message,
  })
  const isTwinOnly = mode === 'updateTwin' || mode === 'updateTwinIfMatchETag'
  if (!isTwinOnly) {
    const outcome = await register(run, item)
    if (!outcome.ok) return void run.problems.push(problem(outcome.error))
    if (isDeletion(item)) return
  }
  if (twin === undefined) return
  const written = await writeTwin(run, item, twin, isTwinOnly)
  if (!written.ok) (isTwinOnly ? run.problems : run.withoutTwin).push(problem(written.error))
}

/** Whether the identity of an item exists is asked once; who comes between is met by the registry, which refuses. */
async function register(run: Run, item: BulkItem): Promise<Result<unknown>> {
  const { devices, modules } = run.ports
  const { target, mode } = item
  const insists = mode.endsWith('IfMatchETag')
  const exists = target.kind === 'device' ? devices.find(target.said.id) !== undefined : modules.find(identityOfItem(item)) !== undefined
  const isNew = mode === 'create' || (mode.startsWith('createOrUpdate') && !exists)
  if (insists && item.etag === undefined && !isNew) return refuse('hub/etag-missing', 'This asks for the etag, and names none.')
  const etag = insists ? item.etag : undefined
  const { write, erase } = run.grants
  if (target.kind === 'device') {
    const { id, ...patch } = target.said
    if (isDeletion(item)) return await devices.remove(erase, id, etag)
    return isNew ? await devices.add(write, [deviceSpecOf(target.said)], run.options) : await devices.update(write, id, patch, etag)
  }
  const { device: _device, id: _id, ...patch } = target.said
  const identity = identityOfItem(item)
  if (isDeletion(item)) return await modules.remove(erase, identity, etag)
  return isNew ? await modules.add(write, moduleSpecOf(target.said), run.options) : await modules.update(write, identity, patch, etag)
}

async function writeTwin(
  { ports: { devices, modules, twins }, grants, options }: Run,
  item: BulkItem,
  { tags, desired, reported, etag }: BulkTwin,
  isTwinOnly: boolean,
): Promise<Result<unknown>> {
  const identity = identityOfItem(item)
  const { target } = item
  if (target.kind === 'device' ? devices.find(identity) === undefined : modules.find(identity) === undefined)
    return target.kind === 'device'
      ? refuse('hub/device-not-found', `No device ${identity} is registered.`)
      : refuse('hub/module-not-found', `No module ${identity} is registered.`)
  if (grants.twins === undefined) return refuse('hub/twin-not-allowed', 'You may not write twins.')
  const insists = item.mode === 'updateTwinIfMatchETag'
  if (insists && etag === undefined) return refuse('hub/etag-missing', 'This asks for the etag, and names none.')
  if (tags !== undefined || desired !== undefined) {
    const part = { tags, desired }
    const written = isTwinOnly
      ? await twins.patch(grants.twins, identity, part, insists ? etag : undefined)
      : await twins.replace(grants.twins, identity, part)
    if (!written.ok) return written
  }
  return reported === undefined || options.withReported !== true ? ok(undefined) : await twins.patchReported(identity, reported)
}

function isDeletion({ mode }: BulkItem): boolean {
  return mode === 'delete' || mode === 'deleteIfMatchETag'
}

function identityOfItem({ target }: BulkItem): DeviceId {
  return target.kind === 'device' ? target.said.id : identityOf(target.said.device, target.said.id)
}

function firstTwice(items: readonly BulkItem[]): string | undefined {
  const seen = new Set<string>()
  for (const item of items) {
    const identity = identityOfItem(item)
    if (seen.has(identity)) return identity
    seen.add(identity)
  }
  return undefined
}
