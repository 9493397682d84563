import { type DeviceId, type Grant, type Result, limits, ok, parseModuleId, refuse } from '#base'
import type { Statement } from '#store'
import { type Device, type DeviceSpec, capabilitiesOf, edgeScope, thumbprintsOf } from './device.ts'
import { readScopes, reasonTooLong } from './device-rules.ts'
import type { Module } from './module.ts'
import { moduleCreated, newModule } from './module-new.ts'
import { deviceInsertion, moduleInsertion } from './registry-rows.ts'
import { firstKeys } from './registry-keys.ts'
import { type RegistryState, actorOf, newEtag, newGenerationId, roomFor } from './registry-state.ts'
import { type SharedKeyPorts, mayShareKeys } from './shared-keys.ts'

/** Begins the ids of the hub's own probes, which are not in the registry; nobody can register one. */
export const reservedPrefix = 'thingwall-'

/** Nor ids that begin so: identities of other authentication methods do, and must never be taken for a device's (edge.md 1.5). */
export const reservedPrefixes: readonly string[] = [reservedPrefix, 'sat:', 'x509:', 'custom:']

/** How devices are added. */
export type AddOptions = {
  /** Devices with shared keys are taken while there may be none, but disabled: what an import brings waits for who decides. */
  readonly sasArrivesDisabled?: boolean | undefined
}

/** Why a device is disabled that nobody disabled. */
const arrivedDisabled = 'Came with shared keys, which are off here.'

/** A device to be, with what is kept beside it. */
type New = { readonly device: Device; readonly sealed: Buffer | null; readonly modules: readonly NewModule[] }
type NewModule = { readonly module: Module; readonly sealed: Buffer | null }

/** Adds devices, all or none: see the registry's `add`. */
export async function addDevices(
  state: RegistryState,
  grant: Grant<'device.write'>,
  specs: readonly DeviceSpec[],
  options: AddOptions,
): Promise<Result<readonly Device[]>> {
  if (specs.length === 0) return ok([])
  const { ports, devices: index } = state
  const acceptable = accept(state, specs)
  if (!acceptable.ok) return acceptable
  const sharing = sharingFor(state, specs, options)
  if (!sharing.ok) return sharing
  const now = ports.clock.now()
  const made = specs.map((spec) => make(state, spec, sharing.value))
  const statements = made.flatMap(({ device, sealed, modules }): readonly Statement[] => [
    deviceInsertion(device, sealed),
    ...modules.map((one) => moduleInsertion(one.module, one.sealed)),
  ])
  const entries = made.map(({ device }) => ({
    action: 'device.add',
    resource: `device:${device.id}`,
    detail: { authentication: device.authentication.type, thumbprints: thumbprintsOf(device.authentication).join(' ') },
  }))
  const outcome = await ports.commit(grant, entries, statements)
  if (!outcome.ok) return exists(specs.find(({ id }) => index.find(id) !== undefined)?.id ?? specs[0]?.id ?? '')
  const devices = made.map((one) => one.device)
  index.put(devices)
  for (const { device, sealed, modules } of made) {
    if (sealed !== null) index.keep(device.id, sealed)
    const { id, generationId: generation, etag } = device
    ports.tell({ kind: 'device-created', time: now, device: id, actor: actorOf(grant), generation, etag })
    for (const one of modules) {
      state.modules.put(one.module, one.sealed)
      ports.tell(moduleCreated(one.module, grant))
    }
  }
  return ok(devices)
}

function accept(state: RegistryState, specs: readonly DeviceSpec[]): Result<void> {
  if (specs.length > limits.devicesPerRequest)
    return refuse('hub/too-many-devices', `At most ${limits.devicesPerRequest} devices can be added at once.`)
  const seen = new Set<string>()
  for (const spec of specs) {
    const { id } = spec
    const reserved = reservedPrefixes.find((prefix) => id.startsWith(prefix))
    if (reserved !== undefined) return refuse('hub/reserved-id', `Device ids that begin with ${reserved} are not for devices.`)
    if (seen.has(id)) return refuse('hub/device-twice', `Device ${id} stands in this request twice.`)
    if (state.devices.find(id) !== undefined) return exists(id)
    const tooLong = reasonTooLong(spec.statusReason)
    if (tooLong !== undefined) return tooLong
    const scopes = readScopes(spec)
    if (!scopes.ok) return scopes
    seen.add(id)
  }
  return roomFor(state, specs.length)
}

/** The seal for keys and whether who has some arrives disabled; undefined when nobody has keys. */
type Sharing = { readonly ports: SharedKeyPorts; readonly isOff: boolean }

function sharingFor({ ports }: RegistryState, specs: readonly DeviceSpec[], options: AddOptions): Result<Sharing | undefined> {
  if (!specs.some(({ authentication }) => authentication.type === 'sas')) return ok(undefined)
  const allowed = mayShareKeys(ports.sharedKeys, ports.clock)
  if (allowed.ok) return ok({ ports: allowed.value, isOff: false })
  if (options.sasArrivesDisabled === true && ports.sharedKeys !== undefined) return ok({ ports: ports.sharedKeys, isOff: true })
  return allowed
}

function make(state: RegistryState, spec: DeviceSpec, sharing: Sharing | undefined): New {
  const { ports } = state
  const { id, authentication } = spec
  const generationId = newGenerationId(ports)
  const now = ports.clock.now()
  const isShut = authentication.type === 'sas' && sharing?.isOff === true
  const scopes = readScopes(spec)
  if (!scopes.ok) throw new Error('bug: scopes that nobody has looked at')
  const isEdge = spec.capabilities?.iotEdge === true
  const device: Device = Object.freeze({
    id,
    generationId,
    etag: newEtag(ports),
    status: isShut ? 'disabled' : (spec.status ?? 'enabled'),
    statusReason: spec.statusReason ?? (isShut ? arrivedDisabled : null),
    statusUpdatedAt: null,
    authentication,
    capabilities: capabilitiesOf(isEdge),
    deviceScope: isEdge ? edgeScope(id, generationId) : scopes.value.deviceScope,
    parentScopes: scopes.value.parentScopes,
    createdAt: now,
    updatedAt: now,
  })
  const sealed =
    authentication.type === 'sas' && sharing !== undefined
      ? firstKeys({ identity: id, generationId }, spec.keys, sharing.ports, ports)
      : null
  return { device, sealed, modules: isEdge ? systemModules(state, device, sharing?.ports) : [] }
}

/**
 * The modules that every IoT Edge device has. They prove themselves as their device does where that is by keys; else not at all, until somebody
 * says how.
 */
export function systemModules({ ports }: RegistryState, device: Device, sharing: SharedKeyPorts | undefined): readonly NewModule[] {
  return ['$edgeAgent', '$edgeHub'].map((name) => {
    const id = parseModuleId(name)
    if (!id.ok) throw new Error('bug: the name of a system module')
    const isKeyed = device.authentication.type === 'sas' && sharing !== undefined
    const authentication = isKeyed ? ({ type: 'sas' } as const) : ({ type: 'none' } as const)
    const module = newModule(ports, { device: device.id, id: id.value, authentication, managedBy: 'IotEdge' })
    return { module, sealed: isKeyed ? firstKeys(module, undefined, sharing, ports) : null }
  })
}

function exists(id: DeviceId | ''): Result<never> {
  return refuse('hub/device-exists', `Device ${id} exists already.`)
}
