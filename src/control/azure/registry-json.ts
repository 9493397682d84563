import { type DeviceId, type ModuleId, type Result, ok } from '#base'
import {
  type AzureDevice,
  type AzureModule,
  type Device,
  type Hub,
  type Module,
  type SharedKeys,
  deviceMembersFromAzureJson,
  deviceToAzureJson,
  moduleMembersFromAzureJson,
  moduleToAzureJson,
} from '#hub'
import { type JsonObject, malformed, optionalText } from './read.ts'

/** A device as clients read it; its keys only for who may set them (azure-wire 1.11). */
export function deviceJson(hub: Hub, device: Device, withKeys: boolean): JsonObject {
  const { id } = device
  return shownWith(withKeys ? hub.devices.sharedKeys(id) : undefined, (keys) =>
    deviceToAzureJson(device, hub.presence.of(id), hub.messages.count(id), keys),
  )
}

/** A module as clients read it; its keys only for who may set them. */
export function moduleJson(hub: Hub, module: Module, withKeys: boolean): JsonObject {
  const { identity } = module
  return shownWith(withKeys ? hub.modules.sharedKeys(identity) : undefined, (keys) =>
    moduleToAzureJson(module, hub.presence.of(identity), hub.messages.count(identity), keys),
  )
}

function shownWith(keys: SharedKeys | undefined, show: (keys: SharedKeys | undefined) => JsonObject): JsonObject {
  try {
    return show(keys)
  } finally {
    keys?.primary[Symbol.dispose]()
    keys?.secondary[Symbol.dispose]()
  }
}

/** Reads the body of a request about a device. An id in it must be that of the path (azure-wire 5.1). */
export function deviceFromJson(id: DeviceId, body: JsonObject): Result<AzureDevice> {
  const agrees = sameId(body, 'deviceId', id)
  return agrees.ok ? deviceMembersFromAzureJson(id, body) : agrees
}

/** Reads the body of a request about a module. Ids in it must be those of the path. */
export function moduleFromJson(device: DeviceId, id: ModuleId, body: JsonObject): Result<AzureModule> {
  const ofDevice = sameId(body, 'deviceId', device)
  if (!ofDevice.ok) return ofDevice
  const module = sameId(body, 'moduleId', id)
  return module.ok ? moduleMembersFromAzureJson({ device, id }, body) : module
}

function sameId(body: JsonObject, name: string, id: string): Result<void> {
  const said = optionalText(body, name)
  if (!said.ok) return said
  return said.value === undefined || said.value === id ? ok(undefined) : malformed(`${name} is not the id of the path.`)
}
