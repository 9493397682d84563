import { type Brand, type Result, ok, refuse } from './result.ts'

/** The name of a device: unique in a hub, case-sensitive. */
export type DeviceId = Brand<string, 'DeviceId'>

/** Longest device id, in characters (Azure IoT Hub). */
export const maxDeviceIdLength = 128

// IoT Hub also allows `# + $ / ?`-like characters; `#` and `+` cannot stand in a topic filter and `$` opens reserved topics.
const pattern = /^[A-Za-z0-9\-.%_*?!(),:=@'][A-Za-z0-9\-.%_*?!(),:=@$']*$/

/**
 * The only place where a string becomes a {@link DeviceId}: 1..128 ASCII letters, digits and `- . % _ * ? ! ( ) , : = @ $ '`,
 * not beginning with `$`. Refuses `#` and `+`, which IoT Hub allows but no MQTT filter can hold (docs/divergences.md).
 */
export function parseDeviceId(text: string): Result<DeviceId> {
  if (text.length > maxDeviceIdLength) return refuse('base/device-id-too-long', `A device id has at most ${maxDeviceIdLength} characters.`)
  if (text === '.' || text === '..' || !pattern.test(text))
    return refuse(
      'base/device-id-malformed',
      "A device id is made of ASCII letters, digits and - . % _ * ? ! ( ) , : = @ $ ' and does not begin with $.",
    )
  return ok(text as DeviceId)
}

/** The name of a module: unique in its device. */
export type ModuleId = Brand<string, 'ModuleId'>

// A module of IoT Edge is named `$edgeAgent` or `$edgeHub`; nothing else that begins with `$` is a name.
const systemModules = new Set(['$edgeAgent', '$edgeHub'])

/** The only place where a string becomes a {@link ModuleId}: as a device id, or one of the two system modules of IoT Edge. */
export function parseModuleId(text: string): Result<ModuleId> {
  if (systemModules.has(text)) return ok(text as ModuleId)
  if (text.length > maxDeviceIdLength) return refuse('base/module-id-too-long', `A module id has at most ${maxDeviceIdLength} characters.`)
  if (text === '.' || text === '..' || !pattern.test(text))
    return refuse(
      'base/module-id-malformed',
      "A module id is made of ASCII letters, digits and - . % _ * ? ! ( ) , : = @ $ ' and does not begin with $.",
    )
  return ok(text as ModuleId)
}

/**
 * The identity of a device or of one of its modules, as sessions, records, twins and queues name their owner: the device's id, or
 * `{device}/{module}`. A device id has no slash, so the two cannot be taken for each other.
 */
export function identityOf(device: DeviceId, module: ModuleId | undefined): DeviceId {
  return module === undefined ? device : (`${device}/${module}` as DeviceId)
}

/** Takes the identity of a registered device or module apart. Not for identities of other methods (`sat:...`), whose names may hold a slash. */
export function identityParts(identity: DeviceId): { readonly device: DeviceId; readonly module: ModuleId | undefined } {
  const slash = identity.indexOf('/')
  if (slash < 0) return { device: identity, module: undefined }
  return { device: identity.slice(0, slash) as DeviceId, module: identity.slice(slash + 1) as ModuleId }
}
