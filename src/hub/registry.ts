import type { CloseReceipt } from '#bus'
import { type Clock, type DeviceId, type Grant, type Random, type Result, limits, ok, refuse } from '#base'
import type { Statement, Store } from '#store'
import { type Device, type DevicePatch, type DeviceSpec, deviceOf, maxStatusReasonLength, sealedKeysOf, thumbprintsOf } from './device.ts'
import { DeviceIndex, type DeviceQuery } from './device-index.ts'
import type { AuditedCommit, DeviceChange, DeviceChanged, Tell } from './ports.ts'
import { type SharedKeyPorts, type SharedKeys, makeSharedKeys, mayShareKeys, openSharedKeys } from './shared-keys.ts'

/*
 * Theory of operation.
 * The store is the truth and the index its copy for the hot path. Every change goes to the store first, guarded by the etag it was computed
 * on, and reaches the index when it is durable; sessions that it ends are ended after that, so that a reconnect already meets the new state.
 */

/** Begins the ids of the hub's own probes, which are not in the registry; nobody can register one. */
export const reservedPrefix = 'thingwall-'

/** Nor ids that begin so: identities of other authentication methods do, and must never be taken for a device's (edge.md 1.5). */
export const reservedPrefixes: readonly string[] = [reservedPrefix, 'sat:', 'x509:', 'custom:']

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

/** A changed device, and what became of its sessions when the change ended them. */
export type Updated = { readonly device: Device; readonly receipt: CloseReceipt | null }

/** The devices of this hub. Lookups are synchronous and see only what is durable. */
export interface Registry {
  readonly count: number
  find(id: string): Device | undefined
  withThumbprint(sha256Hex: string): readonly DeviceId[]
  /** The keys of a device that has shared ones, opened. */
  sharedKeys(id: DeviceId): SharedKeys | undefined
  /** All devices, in no order. */
  all(): Iterable<Device>
  /** A page of devices in the order of their ids. `next` is the `after` of the page that follows; `total` counts all that match. */
  list(
    grant: Grant<'device.read'>,
    query: DeviceQuery,
  ): { readonly devices: readonly Device[]; readonly next: string | null; readonly total: number }
  /** Adds devices, all or none. Refuses `hub/device-exists` (names the first), `hub/device-twice`, `hub/reserved-id`, `hub/too-many-devices`. */
  add(grant: Grant<'device.write'>, specs: readonly DeviceSpec[]): Promise<Result<readonly Device[]>>
  /** Changes a device. Refuses `hub/device-not-found`, `hub/etag-differs` (the etag given, or a change made meanwhile), `hub/reason-too-long`. */
  update(grant: Grant<'device.write'>, id: DeviceId, patch: DevicePatch, etag?: string): Promise<Result<Updated>>
  /** Deletes a device and ends its sessions. Refuses `hub/device-not-found`, `hub/etag-differs`. */
  remove(grant: Grant<'device.delete'>, id: DeviceId, etag?: string): Promise<Result<CloseReceipt>>
}

/** Loads the registry from its rows. Throws the store's Faults. */
export async function openRegistry(ports: RegistryPorts, signal: AbortSignal): Promise<Registry> {
  signal.throwIfAborted()
  const index = new DeviceIndex()
  const rows = await ports.store.query('SELECT * FROM devices')
  index.put(rows.map(deviceOf))
  for (const row of rows) {
    const sealed = sealedKeysOf(row)
    if (sealed !== undefined) index.keep(deviceOf(row).id, sealed)
  }
  return {
    get count() {
      return index.count
    },
    find: (id) => index.find(id),
    withThumbprint: (print) => index.withThumbprint(print),
    all: () => index.all(),
    sharedKeys(id) {
      const device = index.find(id)
      const sealed = index.sealedKeys(id)
      if (device === undefined || sealed === undefined || ports.sharedKeys === undefined) return undefined
      return openSharedKeys(id, device.generationId, ports.sharedKeys, sealed)
    },
    list: (_grant, query) => index.list({ ...query, limit: Math.min(Math.max(1, query.limit), limits.devicesPerRequest) }),
    add: (grant, specs) => addDevices(ports, index, grant, specs),
    update: (grant, id, patch, etag) => updateDevice(ports, index, grant, { id, patch, etag }),
    remove: (grant, id, etag) => removeDevice(ports, index, grant, id, etag),
  }
}

async function addDevices(
  ports: RegistryPorts,
  index: DeviceIndex,
  grant: Grant<'device.write'>,
  specs: readonly DeviceSpec[],
): Promise<Result<readonly Device[]>> {
  if (specs.length === 0) return ok([])
  if (specs.length > limits.devicesPerRequest)
    return refuse('hub/too-many-devices', `At most ${limits.devicesPerRequest} devices can be added at once.`)
  const seen = new Set<string>()
  for (const { id } of specs) {
    const reserved = reservedPrefixes.find((prefix) => id.startsWith(prefix))
    if (reserved !== undefined) return refuse('hub/reserved-id', `Device ids that begin with ${reserved} are not for devices.`)
    if (seen.has(id)) return refuse('hub/device-twice', `Device ${id} stands in this request twice.`)
    if (index.find(id) !== undefined) return exists(id)
    seen.add(id)
  }
  const shared = specs.some(({ authentication }) => authentication.type === 'sas')
    ? mayShareKeys(ports.sharedKeys, ports.clock)
    : ok(undefined)
  if (!shared.ok) return shared
  const now = ports.clock.now()
  const devices = specs.map(({ id, authentication }): Device => {
    const device = { id, generationId: generationId(ports), etag: etagOf(ports), status: 'enabled', statusReason: null } as const
    return Object.freeze({ ...device, authentication, createdAt: now, updatedAt: now })
  })
  const entries = devices.map((device) => ({
    action: 'device.add',
    resource: `device:${device.id}`,
    detail: { authentication: device.authentication.type, thumbprints: thumbprintsOf(device.authentication).join(' ') },
  }))
  const sealed = new Map<DeviceId, Buffer>()
  for (const { id, generationId: generation, authentication } of devices)
    if (authentication.type === 'sas' && shared.value !== undefined) {
      const made = makeSharedKeys(id, generation, shared.value, ports.random)
      for (const key of [made.keys.primary, made.keys.secondary]) key[Symbol.dispose]()
      sealed.set(id, made.sealed)
    }
  const statements = devices.map((device) => insertion(device, sealed.get(device.id) ?? null))
  const outcome = await ports.commit(grant, entries, statements)
  if (!outcome.ok) return exists(specs.find(({ id }) => index.find(id) !== undefined)?.id ?? specs[0]?.id ?? '')
  index.put(devices)
  for (const [id, keys] of sealed) index.keep(id, keys)
  for (const { id } of devices) ports.tell({ kind: 'device-created', time: now, device: id, actor: actorOf(grant) })
  return ok(devices)
}

type Change = { readonly id: DeviceId; readonly patch: DevicePatch; readonly etag: string | undefined }

async function updateDevice(
  ports: RegistryPorts,
  index: DeviceIndex,
  grant: Grant<'device.write'>,
  { id, patch, etag }: Change,
): Promise<Result<Updated>> {
  if ((patch.statusReason?.length ?? 0) > maxStatusReasonLength)
    return refuse('hub/reason-too-long', `A reason has at most ${maxStatusReasonLength} characters.`)
  const before = index.find(id)
  if (before === undefined) return notFound(id)
  if (etag !== undefined && etag !== before.etag) return etagDiffers(id)
  // Keys are shown once, when a device is made; the way of a migration leads from keys to a certificate.
  if (patch.authentication?.type === 'sas' && before.authentication.type !== 'sas')
    return refuse('hub/sas-at-creation', 'Only a new device can be given shared keys.')
  const device: Device = Object.freeze({
    ...before,
    status: patch.status ?? before.status,
    statusReason: patch.statusReason === undefined ? before.statusReason : patch.statusReason,
    authentication: patch.authentication ?? before.authentication,
    etag: etagOf(ports),
    updatedAt: ports.clock.now(),
  })
  const entry = { action: 'device.update', resource: `device:${id}`, detail: auditDetail(device) }
  const outcome = await ports.commit(grant, entry, [replacement(device, before.etag)])
  if (!outcome.ok) return index.find(id) === undefined ? notFound(id) : etagDiffers(id)
  index.put([device])
  if (device.authentication.type !== 'sas') index.forgetKeys(id)
  const change = sessionsEndFor(before, device)
  ports.tell({ kind: 'device-changed', time: device.updatedAt, device: id, actor: actorOf(grant), changes: changesOf(patch, device) })
  return ok({ device, receipt: change === undefined ? null : await ports.changed(id, change) })
}

async function removeDevice(
  ports: RegistryPorts,
  index: DeviceIndex,
  grant: Grant<'device.delete'>,
  id: DeviceId,
  etag: string | undefined,
): Promise<Result<CloseReceipt>> {
  const device = index.find(id)
  if (device === undefined) return notFound(id)
  if (etag !== undefined && etag !== device.etag) return etagDiffers(id)
  const deletion: Statement = { sql: 'DELETE FROM devices WHERE id = ? AND etag = ?', args: [id, device.etag], expect: 1 }
  const entry = { action: 'device.delete', resource: `device:${id}`, detail: { generationId: device.generationId } }
  const outcome = await ports.commit(grant, entry, [deletion])
  if (!outcome.ok) return index.find(id) === undefined ? notFound(id) : etagDiffers(id)
  index.remove(id)
  ports.tell({ kind: 'device-deleted', time: ports.clock.now(), device: id, actor: actorOf(grant) })
  return ok(await ports.changed(id, 'deleted'))
}

/** Which change ends the sessions of a device, if any. A new thumbprint counts: the session was opened with what is no longer good. */
function sessionsEndFor(before: Device, after: Device): DeviceChange | undefined {
  if (after.status === 'disabled') return before.status === 'disabled' ? undefined : 'disabled'
  const prints = new Set(thumbprintsOf(after.authentication))
  const lost = thumbprintsOf(before.authentication).some((print) => !prints.has(print))
  return lost || before.authentication.type !== after.authentication.type ? 'credential' : undefined
}

/** What was asked to change, in words: `disabled`, `statusReason`, `authentication`. */
function changesOf(patch: DevicePatch, device: Device): readonly string[] {
  const changes: string[] = []
  if (patch.status !== undefined) changes.push(device.status)
  if (patch.statusReason !== undefined) changes.push('statusReason')
  if (patch.authentication !== undefined) changes.push('authentication')
  return changes
}

function actorOf({ actor }: Grant): string {
  return `${actor.kind}:${actor.id}`
}

function auditDetail(device: Device): Readonly<Record<string, string | null>> {
  const { status, statusReason, authentication } = device
  return { status, statusReason, authentication: authentication.type, thumbprints: thumbprintsOf(authentication).join(' ') }
}

function insertion(device: Device, sealedKeys: Buffer | null): Statement {
  return {
    sql: `INSERT INTO devices
      (status, status_reason, auth_type, primary_thumbprint, secondary_thumbprint, etag, updated_at, id, generation_id, created_at,
       sealed_keys)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    args: [...changeable(device), device.id, device.generationId, device.createdAt, sealedKeys],
  }
}

function replacement(device: Device, etag: string): Statement {
  return {
    sql: `UPDATE devices SET status = ?, status_reason = ?, auth_type = ?, primary_thumbprint = ?, secondary_thumbprint = ?,
      etag = ?, updated_at = ?, sealed_keys = CASE WHEN ? THEN sealed_keys END WHERE id = ? AND etag = ?`,
    args: [...changeable(device), device.authentication.type === 'sas' ? 1 : 0, device.id, etag],
    expect: 1,
  }
}

function changeable({ status, statusReason, authentication, etag, updatedAt }: Device): Statement['args'] {
  const [primary, secondary] =
    authentication.type === 'selfSigned' ? [authentication.primaryThumbprint, authentication.secondaryThumbprint] : [null, null]
  // The table was made when there were two types; keys beside a self-signed device without thumbprints are the third.
  const type = authentication.type === 'sas' ? 'selfSigned' : authentication.type
  return [status, statusReason, type, primary, secondary, etag, updatedAt]
}

/** Decimal, as IoT Hub's clients expect, and not repeated when a name is used again: the time and 32 random bits. */
function generationId({ clock, random }: RegistryPorts): string {
  return `${clock.now()}${String(random.bytes(4).readUInt32BE()).padStart(10, '0')}`
}

function etagOf({ random }: RegistryPorts): string {
  return random.bytes(9).toString('base64url')
}

function exists(id: string): Result<never> {
  return refuse('hub/device-exists', `Device ${id} exists already.`)
}

function notFound(id: string): Result<never> {
  return refuse('hub/device-not-found', `No device ${id} is registered.`)
}

function etagDiffers(id: string): Result<never> {
  return refuse('hub/etag-differs', `Device ${id} was changed by somebody else meanwhile. Read it again.`)
}
