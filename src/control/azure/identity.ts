import { type DeviceId, type ModuleId, type Result, identityOf, ok, parseDeviceId, parseModuleId, refuse } from '#base'
import type { Hub } from '#hub'

/** Who a path is about: a device, or one of its modules. */
export type Target = { readonly device: DeviceId; readonly module: ModuleId | undefined; readonly identity: DeviceId }

type Ids = { id(name: string): string }

/** The device that a path names, registered or not. Refuses ids that no device can have. */
export function deviceOfPath(call: Ids): Result<Target> {
  const device = parseDeviceId(call.id('id'))
  if (!device.ok) return device
  return ok({ device: device.value, module: undefined, identity: device.value })
}

/** The module that a path names, registered or not. Refuses ids that none can have. */
export function moduleOfPath(call: Ids): Result<Target & { readonly module: ModuleId }> {
  const device = parseDeviceId(call.id('id'))
  if (!device.ok) return device
  const module = parseModuleId(call.id('module'))
  if (!module.ok) return module
  return ok({ device: device.value, module: module.value, identity: identityOf(device.value, module.value) })
}

/** The same, and it must be registered. Refuses `hub/device-not-found` and `hub/module-not-found`. */
export function registered<T extends Target>(hub: Hub, target: Result<T>): Result<T> {
  if (!target.ok) return target
  const { device, module, identity } = target.value
  if (hub.devices.find(device) === undefined) return refuse('hub/device-not-found', `No device ${device} is registered.`)
  if (module !== undefined && hub.modules.find(identity) === undefined)
    return refuse('hub/module-not-found', `Device ${device} has no module ${module}.`)
  return target
}
