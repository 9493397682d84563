import { systemGrant } from '#access'
import { type DeviceId, type Result, ok, refuse } from '#base'
import type { Authentication, Device, GivenKeys, Hub } from '#hub'
import type { HubIdentity, LinkedHub, MovedTwin, Placement } from '#provisioning'

/** What the hub itself is asked for when a registering device is sent to it. `trusts` verifies a chain (DER, leaf first) as at a connect. */
export type OwnHub = {
  readonly hub: Pick<Hub, 'devices' | 'twins'>
  readonly hostName: () => string
  readonly region: string | undefined
  readonly trusts: (chain: readonly Buffer[]) => boolean
}

/** This hub, as one that devices can be sent to. */
export function ownHub({ hub, hostName, region, trusts }: OwnHub): LinkedHub {
  const write = systemGrant('device.write', 'provisioning')
  const twins = systemGrant('twin.write', 'provisioning')
  return {
    get hostName() {
      return hostName()
    },
    region,
    trusts,
    place: (placement) => place(hub, write, placement),
    async readTwin(device) {
      const twin = await hub.twins.get(device)
      if (twin === undefined) return ok(undefined)
      return ok({ tags: twin.tags, desired: twin.desired.properties, reported: twin.reported.properties })
    },
    async writeTwin(device, twin) {
      const written = await hub.twins.replace(twins, device, { tags: twin.tags, desired: twin.desired })
      return written.ok ? await replaceReported(hub, device, twin) : written
    },
    async remove(device) {
      const gone = await hub.devices.remove(systemGrant('device.delete', 'provisioning'), device)
      return gone.ok || gone.error.code === 'hub/device-not-found' ? ok(undefined) : gone
    },
  }
}

async function place(
  hub: OwnHub['hub'],
  write: ReturnType<typeof systemGrant<'device.write'>>,
  { deviceId, identity, isEdge, mayChange }: Placement,
): Promise<Result<'created' | 'kept'>> {
  const wanted = authenticationOf(identity)
  const keys: GivenKeys | undefined = identity.type === 'sas' ? { primary: identity.primary, secondary: identity.secondary } : undefined
  const before = hub.devices.find(deviceId)
  if (before === undefined) {
    const added = await hub.devices.add(write, [{ id: deviceId, authentication: wanted, keys, capabilities: { iotEdge: isEdge } }])
    return added.ok ? ok('created') : added
  }
  if (isKnownBy(hub, before, identity)) return ok('kept')
  // Whoever may register must not take over what an operator, or another registration, has made.
  if (!mayChange)
    return refuse('provisioning/device-taken', `There is a device ${deviceId} already, which proves itself by something else.`)
  const updated = await hub.devices.update(write, deviceId, { authentication: wanted, keys })
  return updated.ok ? ok('kept') : updated
}

function isKnownBy(hub: OwnHub['hub'], { id, authentication }: Device, identity: HubIdentity): boolean {
  if (authentication.type === 'selfSigned' && identity.type === 'selfSigned')
    return authentication.primaryThumbprint === identity.primary && (authentication.secondaryThumbprint ?? null) === identity.secondary
  if (authentication.type !== identity.type) return false
  if (identity.type !== 'sas') return true
  const kept = hub.devices.sharedKeys(id)
  return kept !== undefined && identity.primary.use((bytes) => kept.primary.equals(bytes))
}

function authenticationOf(identity: HubIdentity): Authentication {
  if (identity.type !== 'selfSigned') return { type: identity.type }
  return { type: 'selfSigned', primaryThumbprint: identity.primary, secondaryThumbprint: identity.secondary }
}

/** What is reported now and is not in the new twin goes: a patch is all there is for that section. */
async function replaceReported(hub: OwnHub['hub'], device: DeviceId, { reported }: MovedTwin): Promise<Result<void>> {
  const now = await hub.twins.get(device)
  const gone = Object.keys(now?.reported.properties ?? {}).filter((name) => !Object.hasOwn(reported, name))
  if (gone.length === 0 && Object.keys(reported).length === 0) return ok(undefined)
  const patched = await hub.twins.patchReported(device, { ...reported, ...Object.fromEntries(gone.map((name) => [name, null])) })
  return patched.ok ? ok(undefined) : patched
}
