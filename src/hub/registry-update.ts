import type { CloseReceipt } from '#bus'
import { type DeviceId, type Grant, type Result, ok, refuse } from '#base'
import type { Statement } from '#store'
import { type Device, type DevicePatch, capabilitiesOf, edgeScope, thumbprintsOf } from './device.ts'
import { readScopes, reasonTooLong } from './device-rules.ts'
import type { DeviceChange } from './ports.ts'
import { moduleCreated, moduleDeleted } from './module-new.ts'
import { systemModules } from './registry-add.ts'
import { firstKeys, keysAfter } from './registry-keys.ts'
import { deviceReplacement, moduleInsertion } from './registry-rows.ts'
import { type RegistryState, actorOf, endSessions, newEtag } from './registry-state.ts'
import { mayShareKeys } from './shared-keys.ts'

/** A changed device, and what became of its sessions when the change ended them. */
export type Updated = { readonly device: Device; readonly receipt: CloseReceipt | null }

/** What is asked to change. */
export type Change = { readonly id: DeviceId; readonly patch: DevicePatch; readonly etag: string | undefined }

/** Changes a device: see the registry's `update`. */
export async function updateDevice(
  state: RegistryState,
  grant: Grant<'device.write'>,
  { id, patch, etag }: Change,
): Promise<Result<Updated>> {
  const { ports, devices: index } = state
  const tooLong = reasonTooLong(patch.statusReason)
  if (tooLong !== undefined) return tooLong
  const before = index.find(id)
  if (before === undefined) return deviceNotFound(id)
  if (etag !== undefined && etag !== before.etag) return deviceEtagDiffers(id)
  const device = changed(state, before, patch)
  if (!device.ok) return device
  const keys = keysFor(state, before, device.value, patch)
  if (!keys.ok) return keys
  const edge = edgeModules(state, before, device.value)
  const entry = { action: 'device.update', resource: `device:${id}`, detail: auditDetail(device.value) }
  const replacement = deviceReplacement(device.value, keys.value.sealed, before.etag)
  const outcome = await ports.commit(grant, entry, [replacement, ...edge.statements])
  if (!outcome.ok) return index.find(id) === undefined ? deviceNotFound(id) : deviceEtagDiffers(id)
  index.put([device.value])
  index.keep(id, keys.value.sealed)
  const after = device.value
  ports.tell({ kind: 'device-changed', time: after.updatedAt, device: id, actor: actorOf(grant), changes: changesOf(patch, after) })
  const gone = edge.settle(grant)
  const change = sessionsEndFor(before, after, keys.value.isLost)
  const ended = change === undefined ? [] : change === 'disabled' ? [id, ...state.modules.of(id).map((one) => one.identity)] : [id]
  const receipts = change === undefined ? null : await endSessions(ports, ended, change)
  if (gone.length > 0) await endSessions(ports, gone, 'deleted')
  return ok({ device: after, receipt: receipts })
}

function changed({ ports }: RegistryState, before: Device, patch: DevicePatch): Result<Device> {
  const now = ports.clock.now()
  const isEdge = patch.capabilities?.iotEdge ?? before.capabilities.iotEdge
  const wasEdge = before.capabilities.iotEdge
  const scopes = readScopes({
    capabilities: capabilitiesOf(isEdge),
    deviceScope: patch.deviceScope !== undefined ? patch.deviceScope : wasEdge ? null : before.deviceScope,
    parentScopes: patch.parentScopes ?? (patch.deviceScope === undefined || isEdge ? before.parentScopes : []),
  })
  if (!scopes.ok) return scopes
  const status = patch.status ?? before.status
  return ok(
    Object.freeze({
      ...before,
      status,
      statusReason: patch.statusReason === undefined ? before.statusReason : patch.statusReason,
      statusUpdatedAt: status === before.status ? before.statusUpdatedAt : now,
      authentication: patch.authentication ?? before.authentication,
      capabilities: capabilitiesOf(isEdge),
      deviceScope: isEdge ? edgeScope(before.id, before.generationId) : scopes.value.deviceScope,
      parentScopes: scopes.value.parentScopes,
      etag: newEtag(ports),
      updatedAt: now,
    }),
  )
}

function keysFor(
  { ports, devices }: RegistryState,
  before: Device,
  after: Device,
  { keys }: DevicePatch,
): Result<{ readonly sealed: Buffer | null; readonly isLost: boolean }> {
  const sealed = devices.sealedKeys(before.id)
  if (after.authentication.type !== 'sas') return ok({ sealed: null, isLost: sealed !== undefined })
  const owner = { identity: after.id, generationId: after.generationId }
  if (sealed !== undefined) return keys === undefined ? ok({ sealed, isLost: false }) : keysAfter(owner, sealed, keys, ports)
  // An operator's way leads from keys to a certificate; only who names keys goes back, as back ends may.
  if (keys === undefined) return refuse('hub/sas-at-creation', 'Only a new device can be given shared keys.')
  const sharing = mayShareKeys(ports.sharedKeys, ports.clock)
  return sharing.ok ? ok({ sealed: firstKeys(owner, keys, sharing.value, ports), isLost: false }) : sharing
}

/** What becomes of the system modules when a device turns into one of IoT Edge, or back. `settle` is for when it is durable; who lost what it had is in its answer. */
function edgeModules(
  state: RegistryState,
  before: Device,
  after: Device,
): { readonly statements: readonly Statement[]; readonly settle: (grant: Grant) => readonly DeviceId[] } {
  const { ports, modules } = state
  if (before.capabilities.iotEdge === after.capabilities.iotEdge) return { statements: [], settle: () => [] }
  const there = modules.of(before.id).filter((module) => module.id.startsWith('$'))
  if (!after.capabilities.iotEdge) {
    const identities = there.map((module) => module.identity)
    return {
      statements: [
        { sql: `DELETE FROM modules WHERE device_id = ? AND id IN ('$edgeAgent', '$edgeHub')`, args: [before.id] },
        ...state.removals.statements(identities),
      ],
      settle(grant) {
        for (const module of there) {
          modules.remove(module.identity)
          ports.tell(moduleDeleted(module, grant, ports.clock.now()))
        }
        state.removals.tell(identities)
        return identities
      },
    }
  }
  const sharing = mayShareKeys(ports.sharedKeys, ports.clock)
  const made = systemModules(state, after, sharing.ok ? sharing.value : undefined)
  return {
    statements: made.map((one) => moduleInsertion(one.module, one.sealed)),
    settle(grant) {
      for (const { module, sealed } of made) {
        modules.put(module, sealed)
        ports.tell(moduleCreated(module, grant))
      }
      return []
    },
  }
}

/** Which change ends the sessions of a device, if any. A lost thumbprint or key counts: the session may have been opened with what is no longer good. */
function sessionsEndFor(before: Device, after: Device, keyIsLost: boolean): DeviceChange | undefined {
  if (after.status === 'disabled') return before.status === 'disabled' ? undefined : 'disabled'
  const prints = new Set(thumbprintsOf(after.authentication))
  const lost = thumbprintsOf(before.authentication).some((print) => !prints.has(print))
  return lost || keyIsLost || before.authentication.type !== after.authentication.type ? 'credential' : undefined
}

/** What was asked to change, in words: `disabled`, `statusReason`, `authentication`. */
function changesOf(patch: DevicePatch, device: Device): readonly string[] {
  const changes: string[] = []
  if (patch.status !== undefined) changes.push(device.status)
  if (patch.statusReason !== undefined) changes.push('statusReason')
  if (patch.authentication !== undefined) changes.push('authentication')
  if (patch.capabilities !== undefined) changes.push('capabilities')
  if (patch.deviceScope !== undefined || patch.parentScopes !== undefined) changes.push('scope')
  return changes
}

function auditDetail(device: Device): Readonly<Record<string, string | null>> {
  const { status, statusReason, authentication } = device
  return { status, statusReason, authentication: authentication.type, thumbprints: thumbprintsOf(authentication).join(' ') }
}

/** The refusal for a device that is not there. */
export function deviceNotFound(id: string): Result<never> {
  return refuse('hub/device-not-found', `No device ${id} is registered.`)
}

/** The refusal for a device that is another than the one that was read. */
export function deviceEtagDiffers(id: string): Result<never> {
  return refuse('hub/etag-differs', `Device ${id} was changed by somebody else meanwhile. Read it again.`)
}
