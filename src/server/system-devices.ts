import type { RegisteredDevice } from '#access'
import { type DeviceId, parseDeviceId } from '#base'
import { reservedPrefix } from '#hub'
import type { Fact } from '#journal'

function id(text: string): DeviceId {
  const parsed = parseDeviceId(text)
  if (!parsed.ok) throw new Error('bug: the name of a system device')
  return parsed.value
}

/** Publishes every minute, so that somebody notices when the road is blocked (TW-OBS-03). */
export const probeDevice: DeviceId = id(`${reservedPrefix}probe`)

/** Gets a certificate and has it revoked, to prove that revocation bites (TW-PKI-01). */
export const drillDevice: DeviceId = id(`${reservedPrefix}drill`)

/** All of them. */
export const systemDevices: readonly DeviceId[] = [probeDevice, drillDevice]

const devices: ReadonlyMap<string, RegisteredDevice> = new Map(
  systemDevices.map((device) => [
    device,
    { id: device, generationId: '0', status: 'enabled', authentication: { type: 'certificateAuthority' } } as const,
  ]),
)

/** A device that the hub runs itself. They are not in the registry: operators neither see nor manage them. */
export function systemDevice(wanted: string): RegisteredDevice | undefined {
  return devices.get(wanted)
}

/** Whether a fact is about one of them: by its device, or by the name in the certificate that was refused, as the revocation drill expects. */
export function isOwnFact(fact: Fact): boolean {
  if ('device' in fact && fact.device !== undefined) return devices.has(fact.device)
  return (
    fact.kind === 'refused' &&
    fact.certificate !== undefined &&
    systemDevices.some((device) => fact.certificate?.subject === `CN=${device}`)
  )
}
