import { type DeviceId, type Instant, type ModuleId, identityOf, parseModuleId } from '#base'
import type { Row } from '#store'
import { type Authentication, authenticationOf } from './device.ts'
import { idOfRow, instantOf, optionalTextOf, textOf } from './registry-columns.ts'
import type { GivenKeys } from './shared-keys.ts'

/** How a module proves itself. `none`: not at all, its device connects for it. */
export type ModuleAuthentication = Authentication | { readonly type: 'none' }

/** A module of a device, as it is now. It may connect while its device may; {@link Module.identity} is `{device}/{module}`. */
export type Module = {
  readonly identity: DeviceId
  readonly device: DeviceId
  readonly id: ModuleId
  readonly generationId: string
  readonly etag: string
  /** Who looks after it, in words of the back end; IoT Edge writes `IotEdge`. */
  readonly managedBy: string | null
  readonly authentication: ModuleAuthentication
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** A module to be. */
export type ModuleSpec = {
  readonly device: DeviceId
  readonly id: ModuleId
  readonly authentication: ModuleAuthentication
  readonly keys?: GivenKeys | undefined
  readonly managedBy?: string | null | undefined
}

/** What may be changed of a module; what is left out stays. */
export type ModulePatch = {
  readonly authentication?: ModuleAuthentication | undefined
  readonly keys?: GivenKeys | undefined
  readonly managedBy?: string | null | undefined
}

/** Modules that one device may have (azure-wire 10). */
export const maxModulesPerDevice = 50

/** Longest `managedBy`, in characters. Ours: IoT Hub does not say. */
export const maxManagedByLength = 128

/** Reads a module back from its row. Throws on a row that this room cannot have written. */
export function moduleOf(row: Row): Module {
  const device = idOfRow(row, 'device_id')
  const id = parseModuleId(textOf(row, 'id'))
  if (!id.ok) throw new Error(`bug: the registry holds a module id that is none: ${id.error.message}`)
  const module: Module = {
    identity: identityOf(device, id.value),
    device,
    id: id.value,
    generationId: textOf(row, 'generation_id'),
    etag: textOf(row, 'etag'),
    managedBy: optionalTextOf(row, 'managed_by'),
    authentication: textOf(row, 'auth_type') === 'none' ? { type: 'none' } : authenticationOf(row),
    createdAt: instantOf(row, 'created_at'),
    updatedAt: instantOf(row, 'updated_at'),
  }
  return Object.freeze(module)
}
