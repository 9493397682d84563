import { type CloseReceipt, joinReceipts } from '#bus'
import { type Clock, type DeviceId, type Grant, type Random, type Result, ok, refuse } from '#base'
import type { Store } from '#store'
import type { DeviceIndex } from './device-index.ts'
import type { ModuleIndex } from './module-index.ts'
import type { AuditedCommit, DeviceChange, DeviceChanged, Tell } from './ports.ts'
import type { Removals } from './registry-removals.ts'
import type { SharedKeyPorts } from './shared-keys.ts'

/** What the registry asks of others. `tell` writes to the journal, `changed` ends live sessions. */
export type RegistryPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly commit: AuditedCommit
  readonly tell: Tell
  readonly changed: DeviceChanged
  /** Undefined: no device is given shared keys, and those that have some do not connect. */
  readonly sharedKeys?: SharedKeyPorts | undefined
}

/** What devices and modules are kept in: the store is the truth, the two indexes its copy for the hot path. */
export type RegistryState = {
  readonly ports: RegistryPorts
  readonly devices: DeviceIndex
  readonly modules: ModuleIndex
  readonly removals: Removals
}

/** Devices and modules that a hub may have together (azure-wire 10): they are kept in memory. */
export const maxIdentities = 1_000_000

/** Refuses `hub/registry-full` when `more` identities would be too many. */
export function roomFor({ devices, modules }: RegistryState, more: number): Result<void> {
  return devices.statistics.total + modules.count + more <= maxIdentities
    ? ok(undefined)
    : refuse('hub/registry-full', `A hub has at most ${maxIdentities} devices and modules.`)
}

/** Decimal, as IoT Hub's clients expect, and not repeated when a name is used again: the time and 32 random bits. */
export function newGenerationId({ clock, random }: RegistryPorts): string {
  return `${clock.now()}${String(random.bytes(4).readUInt32BE()).padStart(10, '0')}`
}

/** Another etag. */
export function newEtag({ random }: RegistryPorts): string {
  return random.bytes(9).toString('base64url')
}

/** Who acts, as facts name them. */
export function actorOf({ actor }: Grant): string {
  return `${actor.kind}:${actor.id}`
}

/** Ends the sessions of all these identities, and adds up what came of it. */
export async function endSessions(ports: RegistryPorts, identities: readonly DeviceId[], change: DeviceChange): Promise<CloseReceipt> {
  return joinReceipts(await Promise.all(identities.map((identity) => ports.changed(identity, change))))
}
