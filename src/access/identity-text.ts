import { type DeviceId, type Result, identityOf, parseDeviceId, parseModuleId } from '#base'

/** Reads the identity of a registered device, or of a module as `{device}/{module}`. Refuses what neither could be called. */
export function parseIdentity(text: string): Result<DeviceId> {
  const slash = text.indexOf('/')
  const device = parseDeviceId(slash < 0 ? text : text.slice(0, slash))
  if (!device.ok || slash < 0) return device
  const module = parseModuleId(text.slice(slash + 1))
  return module.ok ? { ok: true, value: identityOf(device.value, module.value) } : module
}
