import type { CloseReceipt } from '#bus'
import { type DeviceId, type Grant, type Result, ok } from '#base'
import { moduleDeleted } from './module-new.ts'
import { deviceDeletion } from './registry-rows.ts'
import { type RegistryState, actorOf, endSessions } from './registry-state.ts'
import { deviceEtagDiffers, deviceNotFound } from './registry-update.ts'

/** Deletes a device with its modules: see the registry's `remove`. */
export async function removeDevice(
  state: RegistryState,
  grant: Grant<'device.delete'>,
  id: DeviceId,
  etag: string | undefined,
): Promise<Result<CloseReceipt>> {
  const { ports, devices, modules, removals } = state
  const device = devices.find(id)
  if (device === undefined) return deviceNotFound(id)
  if (etag !== undefined && etag !== device.etag) return deviceEtagDiffers(id)
  const known = [id, ...modules.of(id).map((module) => module.identity)]
  const entry = { action: 'device.delete', resource: `device:${id}`, detail: { generationId: device.generationId } }
  const outcome = await ports.commit(grant, entry, [...deviceDeletion(device), ...removals.statements(known)])
  if (!outcome.ok) return devices.find(id) === undefined ? deviceNotFound(id) : deviceEtagDiffers(id)
  const now = ports.clock.now()
  // Modules may have come since the commit was asked for; they went with it.
  const gone = modules.of(id)
  for (const module of gone) {
    modules.remove(module.identity)
    ports.tell(moduleDeleted(module, grant, now))
  }
  devices.remove(id)
  ports.tell({ kind: 'device-deleted', time: now, device: id, actor: actorOf(grant), generation: device.generationId, etag: device.etag })
  const identities = [id, ...gone.map((module) => module.identity)]
  removals.tell(identities)
  return ok(await endSessions(ports, identities, 'deleted'))
}
