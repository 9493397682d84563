import type { CloseReceipt } from '#bus'
import { type DeviceId, type Grant, type Result, limits } from '#base'
import type { Statement } from '#store'
import { type Device, type DevicePatch, type DeviceSpec, deviceOf, sealedKeysOf } from './device.ts'
import { DeviceIndex, type DeviceQuery, type DeviceStatistics } from './device-index.ts'
import { moduleOf } from './module.ts'
import { ModuleIndex } from './module-index.ts'
import { type ModuleRegistry, moduleRegistryOf } from './module-registry.ts'
import { type AddOptions, addDevices } from './registry-add.ts'
import { removeDevice } from './registry-remove.ts'
import { Removals } from './registry-removals.ts'
import type { RegistryPorts, RegistryState } from './registry-state.ts'
import { type Updated, updateDevice } from './registry-update.ts'
import { type SharedKeys, openSharedKeys } from './shared-keys.ts'

/*
 * Theory of operation.
 * The store is the truth and the index its copy for the hot path. Every change goes to the store first, guarded by the etag it was computed
 * on, and reaches the index when it is durable; sessions that it ends are ended after that, so that a reconnect already meets the new state.
 */

/** The devices of this hub. Lookups are synchronous and see only what is durable. */
export interface Registry {
  readonly count: number
  readonly statistics: DeviceStatistics
  find(id: string): Device | undefined
  withThumbprint(sha256Hex: string): readonly DeviceId[]
  /** The keys of a device that has shared ones, opened. */
  sharedKeys(id: DeviceId): SharedKeys | undefined
  /** All devices, in no order. */
  all(): Iterable<Device>
  /** A page of devices in the order of their ids. `next` is the `after` of the page that follows; `total` counts all that match. */
  list(
    grant: Grant<'device.read'>,
    query: DeviceQuery,
  ): { readonly devices: readonly Device[]; readonly next: string | null; readonly total: number }
  /**
   * Adds devices, all or none; one of IoT Edge comes with its two modules. Refuses `hub/device-exists` (names the first), `hub/device-twice`,
   * `hub/reserved-id`, `hub/too-many-devices`, `hub/registry-full`, `hub/reason-too-long`, `hub/device-scope`, and `hub/sas-off`.
   */
  add(grant: Grant<'device.write'>, specs: readonly DeviceSpec[], options?: AddOptions): Promise<Result<readonly Device[]>>
  /**
   * Changes a device. Refuses `hub/device-not-found`, `hub/etag-differs` (the etag given, or a change made meanwhile), `hub/reason-too-long`,
   * `hub/device-scope`, `hub/sas-off`, and `hub/sas-at-creation` for a device that is to prove itself by keys while none are named.
   */
  update(grant: Grant<'device.write'>, id: DeviceId, patch: DevicePatch, etag?: string): Promise<Result<Updated>>
  /** Deletes a device with its modules and ends their sessions. Refuses `hub/device-not-found`, `hub/etag-differs`. */
  remove(grant: Grant<'device.delete'>, id: DeviceId, etag?: string): Promise<Result<CloseReceipt>>
  /** Rows of others that go in the same commit as a device or module. Returns how to take it back. */
  onRemoving(statementsFor: (identity: DeviceId) => readonly Statement[]): () => void
  /** Told when a device or module is gone for good, before its sessions end. Returns how to stop listening. */
  onRemoved(listener: (identity: DeviceId) => void): () => void
}

/** Loads devices and modules from their rows. Throws the store's Faults. */
export async function openRegistry(
  ports: RegistryPorts,
  signal: AbortSignal,
): Promise<{ readonly devices: Registry; readonly modules: ModuleRegistry }> {
  signal.throwIfAborted()
  const state: RegistryState = { ports, devices: new DeviceIndex(), modules: new ModuleIndex(), removals: new Removals() }
  const rows = await ports.store.query('SELECT * FROM devices')
  for (const row of rows) {
    const device = deviceOf(row)
    state.devices.put([device])
    state.devices.keep(device.id, sealedKeysOf(row) ?? null)
  }
  for (const row of await ports.store.query('SELECT * FROM modules')) {
    const module = moduleOf(row)
    // A device that an older release deleted has left its modules behind.
    if (state.devices.find(module.device) !== undefined) state.modules.put(module, sealedKeysOf(row) ?? null)
  }
  return { devices: registryOf(state), modules: moduleRegistryOf(state) }
}

function registryOf(state: RegistryState): Registry {
  const { ports, devices: index, removals } = state
  return {
    get count() {
      return index.statistics.total
    },
    get statistics() {
      return index.statistics
    },
    find: (id) => index.find(id),
    withThumbprint: (print) => index.withThumbprint(print),
    all: () => index.all(),
    sharedKeys(id) {
      const device = index.find(id)
      const sealed = index.sealedKeys(id)
      if (device === undefined || sealed === undefined || ports.sharedKeys === undefined) return undefined
      return openSharedKeys({ identity: id, generationId: device.generationId }, ports.sharedKeys, sealed)
    },
    list: (_grant, query) => index.list({ ...query, limit: Math.min(Math.max(1, query.limit), limits.devicesPerRequest) }),
    add: (grant, specs, options = {}) => addDevices(state, grant, specs, options),
    update: (grant, id, patch, etag) => updateDevice(state, grant, { id, patch, etag }),
    remove: (grant, id, etag) => removeDevice(state, grant, id, etag),
    onRemoving: (statementsFor) => removals.onRemoving(statementsFor),
    onRemoved: (listener) => removals.onRemoved(listener),
  }
}
