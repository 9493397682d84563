import { type DeviceId, type Result, identityOf, ok, parseDeviceId, parseModuleId, refuse } from '#base'
import { modulePath } from './hub-schema.ts'
import type { ControlPorts } from './ports.ts'
import type { Route } from './route.ts'
import { devicePath } from './schema.ts'

/** Where a route stands that devices and modules both have: the path up to itself, its parameters, and what grants are for. */
export type Place = {
  readonly path: string
  readonly params: typeof devicePath | typeof modulePath
  readonly resource: (params: Named) => string
  /** `device` or `module`, for summaries. */
  readonly word: 'device' | 'module'
}

/** Who a path names. */
export type Named = { readonly id: string; readonly module?: string }

/** The same routes twice: for devices, and for modules. */
export function ofDevicesAndModules(routes: (place: Place) => readonly Route[]): readonly Route[] {
  const resource = ({ id, module }: Named) => (module === undefined ? `device:${id}` : `device:${id}/${module}`)
  return [
    ...routes({ path: '/api/v1/devices/{id}', params: devicePath, resource, word: 'device' }),
    ...routes({ path: '/api/v1/devices/{id}/modules/{module}', params: modulePath, resource, word: 'module' }),
  ]
}

/** The registered identity that a path names. Refuses names that nobody can have, `hub/device-not-found` and `hub/module-not-found`. */
export function registeredIdentity({ hub }: Pick<ControlPorts, 'hub'>, { id, module }: Named): Result<DeviceId> {
  const device = parseDeviceId(id)
  if (!device.ok) return device
  if (hub.devices.find(device.value) === undefined) return refuse('hub/device-not-found', `No device ${id} is registered.`)
  if (module === undefined) return device
  const name = parseModuleId(module)
  if (!name.ok) return name
  const identity = identityOf(device.value, name.value)
  return hub.modules.find(identity) === undefined ? refuse('hub/module-not-found', `Device ${id} has no module ${module}.`) : ok(identity)
}

/** The refusal for an identity that went while it was asked for. */
export function notThere(identity: DeviceId): Result<never> {
  return refuse('hub/device-not-found', `${identity} is not registered any more.`)
}

/** An If-Match header as an etag: quoted or bare; `*` and nothing match any. */
export function etagOf(header: string | undefined): string | undefined {
  if (header === undefined || header === '*' || header === '"*"') return undefined
  return /^"(.*)"$/.exec(header)?.[1] ?? header
}

/** Tells the etag of what is answered. */
export function showEtag(call: { setHeader(name: string, value: string): void }, etag: string): void {
  call.setHeader('etag', `"${etag}"`)
}
