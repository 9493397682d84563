import type { CloseReceipt } from '#bus'
import { type DeviceId, type Grant, type Result, ok, refuse } from '#base'
import type { Device } from './device.ts'
import { type Module, type ModulePatch, type ModuleSpec, maxManagedByLength, maxModulesPerDevice } from './module.ts'
import { modulePrints } from './module-index.ts'
import { moduleCreated, moduleDeleted, newModule } from './module-new.ts'
import type { AddOptions } from './registry-add.ts'
import { firstKeys, keysAfter } from './registry-keys.ts'
import { moduleDeletion, moduleInsertion, moduleReplacement } from './registry-rows.ts'
import { type RegistryState, actorOf, endSessions, newEtag, roomFor } from './registry-state.ts'
import { deviceNotFound } from './registry-update.ts'
import { type SharedKeyPorts, type SharedKeys, mayShareKeys, openSharedKeys } from './shared-keys.ts'

/** A changed module, and what became of its sessions when the change ended them. */
export type UpdatedModule = { readonly module: Module; readonly receipt: CloseReceipt | null }

/** The modules of this hub's devices. Lookups are synchronous and see only what is durable; an identity is `{device}/{module}`. */
export interface ModuleRegistry {
  readonly count: number
  find(identity: string): Module | undefined
  /** The modules of a device, in the order of their ids. */
  of(device: string): readonly Module[]
  withThumbprint(sha256Hex: string): readonly DeviceId[]
  /** The keys of a module that has shared ones, opened. */
  sharedKeys(identity: DeviceId): SharedKeys | undefined
  /** All modules, in no order. */
  all(): Iterable<Module>
  /**
   * Adds a module to a device. Refuses `hub/device-not-found`, `hub/module-exists`, `hub/too-many-modules` (50 a device), `hub/registry-full`,
   * `hub/managed-by-too-long`, and `hub/sas-off`. One with shared keys that arrives with a disabled device may keep them (`sasArrivesDisabled`).
   */
  add(grant: Grant<'device.write'>, spec: ModuleSpec, options?: AddOptions): Promise<Result<Module>>
  /** Changes a module. Refuses `hub/module-not-found`, `hub/etag-differs`, `hub/managed-by-too-long`, and `hub/sas-off`. */
  update(grant: Grant<'device.write'>, identity: DeviceId, patch: ModulePatch, etag?: string): Promise<Result<UpdatedModule>>
  /** Deletes a module and ends its sessions. Refuses `hub/module-not-found`, `hub/etag-differs`, and `hub/system-module`. */
  remove(grant: Grant<'device.delete'>, identity: DeviceId, etag?: string): Promise<Result<CloseReceipt>>
}

/** The modules of a registry. */
export function moduleRegistryOf(state: RegistryState): ModuleRegistry {
  const { ports, modules } = state
  return {
    get count() {
      return modules.count
    },
    find: (identity) => modules.find(identity),
    of: (device) => modules.of(device),
    withThumbprint: (print) => modules.withThumbprint(print),
    all: () => modules.all(),
    sharedKeys(identity) {
      const module = modules.find(identity)
      const sealed = modules.sealedKeys(identity)
      if (module === undefined || sealed === undefined || ports.sharedKeys === undefined) return undefined
      return openSharedKeys(module, ports.sharedKeys, sealed)
    },
    add: (grant, spec, options = {}) => addModule(state, grant, spec, options),
    update: (grant, identity, patch, etag) => updateModule(state, grant, { identity, patch, etag }),
    remove: (grant, identity, etag) => removeModule(state, grant, identity, etag),
  }
}

async function addModule(
  state: RegistryState,
  grant: Grant<'device.write'>,
  spec: ModuleSpec,
  options: AddOptions,
): Promise<Result<Module>> {
  const { ports, devices, modules } = state
  const device = devices.find(spec.device)
  if (device === undefined) return deviceNotFound(spec.device)
  if (modules.of(spec.device).some((one) => one.id === spec.id)) return exists(spec)
  if (modules.of(spec.device).length >= maxModulesPerDevice) return tooMany()
  const acceptable = acceptManagedBy(spec.managedBy)
  if (!acceptable.ok) return acceptable
  const room = roomFor(state, 1)
  if (!room.ok) return room
  const module = newModule(ports, spec)
  const sharing = spec.authentication.type === 'sas' ? sharingFor(state, device, options) : undefined
  if (sharing !== undefined && !sharing.ok) return sharing
  const sealed = sharing === undefined ? null : firstKeys(module, spec.keys, sharing.value, ports)
  const entry = { action: 'module.add', resource: `device:${module.identity}`, detail: auditDetail(module) }
  const outcome = await ports.commit(grant, entry, [moduleInsertion(module, sealed)])
  const now = devices.find(spec.device)
  if (!outcome.ok) {
    if (now === undefined) return deviceNotFound(spec.device)
    return modules.find(module.identity) === undefined ? tooMany() : exists(spec)
  }
  // Deleted meanwhile: the module went with its device, and is nobody's of a new device of that name.
  if (now?.generationId !== device.generationId) return deviceNotFound(spec.device)
  modules.put(module, sealed)
  ports.tell(moduleCreated(module, grant))
  return ok(module)
}

/** A module has no status of its own: its keys may come while there may be none only to a device that is shut. */
function sharingFor({ ports }: RegistryState, device: Device, { sasArrivesDisabled }: AddOptions): Result<SharedKeyPorts> {
  if (sasArrivesDisabled === true && device.status === 'disabled' && ports.sharedKeys !== undefined) return ok(ports.sharedKeys)
  return mayShareKeys(ports.sharedKeys, ports.clock)
}

type Change = { readonly identity: DeviceId; readonly patch: ModulePatch; readonly etag: string | undefined }

async function updateModule(
  state: RegistryState,
  grant: Grant<'device.write'>,
  { identity, patch, etag }: Change,
): Promise<Result<UpdatedModule>> {
  const { ports, modules } = state
  const before = modules.find(identity)
  if (before === undefined) return notFound(identity)
  if (etag !== undefined && etag !== before.etag) return etagDiffers(identity)
  const acceptable = acceptManagedBy(patch.managedBy)
  if (!acceptable.ok) return acceptable
  const module: Module = Object.freeze({
    ...before,
    managedBy: patch.managedBy === undefined ? before.managedBy : patch.managedBy,
    authentication: patch.authentication ?? before.authentication,
    etag: newEtag(ports),
    updatedAt: ports.clock.now(),
  })
  const keys = keysFor(state, module, patch)
  if (!keys.ok) return keys
  const entry = { action: 'module.update', resource: `device:${identity}`, detail: auditDetail(module) }
  const outcome = await ports.commit(grant, entry, [moduleReplacement(module, keys.value.sealed, before.etag)])
  if (!outcome.ok) return modules.find(identity) === undefined ? notFound(identity) : etagDiffers(identity)
  modules.put(module, keys.value.sealed)
  const changes = [
    ...(patch.authentication === undefined ? [] : ['authentication']),
    ...(patch.managedBy === undefined ? [] : ['managedBy']),
  ]
  ports.tell({ kind: 'module-changed', time: module.updatedAt, device: identity, actor: actorOf(grant), changes })
  const prints = new Set(modulePrints(module.authentication))
  const isLost =
    keys.value.isLost ||
    before.authentication.type !== module.authentication.type ||
    modulePrints(before.authentication).some((print) => !prints.has(print))
  return ok({ module, receipt: isLost ? await endSessions(ports, [identity], 'credential') : null })
}

function keysFor(
  { ports, modules }: RegistryState,
  module: Module,
  { keys }: ModulePatch,
): Result<{ readonly sealed: Buffer | null; readonly isLost: boolean }> {
  const sealed = modules.sealedKeys(module.identity)
  if (module.authentication.type !== 'sas') return ok({ sealed: null, isLost: sealed !== undefined })
  if (sealed !== undefined) return keys === undefined ? ok({ sealed, isLost: false }) : keysAfter(module, sealed, keys, ports)
  const sharing = mayShareKeys(ports.sharedKeys, ports.clock)
  return sharing.ok ? ok({ sealed: firstKeys(module, keys, sharing.value, ports), isLost: false }) : sharing
}

async function removeModule(
  { ports, modules, removals }: RegistryState,
  grant: Grant<'device.delete'>,
  identity: DeviceId,
  etag: string | undefined,
): Promise<Result<CloseReceipt>> {
  const module = modules.find(identity)
  if (module === undefined) return notFound(identity)
  if (module.id.startsWith('$')) return refuse('hub/system-module', 'This module goes with its IoT Edge device, and not before.')
  if (etag !== undefined && etag !== module.etag) return etagDiffers(identity)
  const entry = { action: 'module.delete', resource: `device:${identity}`, detail: { generationId: module.generationId } }
  const outcome = await ports.commit(grant, entry, [moduleDeletion(module), ...removals.statements([identity])])
  if (!outcome.ok) return modules.find(identity) === undefined ? notFound(identity) : etagDiffers(identity)
  modules.remove(identity)
  ports.tell(moduleDeleted(module, grant, ports.clock.now()))
  removals.tell([identity])
  return ok(await endSessions(ports, [identity], 'deleted'))
}

function acceptManagedBy(managedBy: string | null | undefined): Result<void> {
  return (managedBy?.length ?? 0) > maxManagedByLength
    ? refuse('hub/managed-by-too-long', `Who manages a module is said in at most ${maxManagedByLength} characters.`)
    : ok(undefined)
}

function auditDetail({ authentication, managedBy }: Module): Readonly<Record<string, string | null>> {
  return { managedBy, authentication: authentication.type, thumbprints: modulePrints(authentication).join(' ') }
}

function exists({ device, id }: ModuleSpec): Result<never> {
  return refuse('hub/module-exists', `Device ${device} has a module ${id} already.`)
}

function tooMany(): Result<never> {
  return refuse('hub/too-many-modules', `A device has at most ${maxModulesPerDevice} modules.`)
}

function notFound(identity: string): Result<never> {
  return refuse('hub/module-not-found', `No module ${identity} is registered.`)
}

function etagDiffers(identity: string): Result<never> {
  return refuse('hub/etag-differs', `Module ${identity} was changed by somebody else meanwhile. Read it again.`)
}
