import { createHash } from 'node:crypto'
import { type Result, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import type { Enrollment, EnrollmentSpec } from './enrollment.ts'
import type { LinkedHub } from './ports.ts'
import type { IdKey } from './registration-id.ts'

/** Where a device goes, and what the webhook said besides. */
export type Allocation = {
  readonly hub: LinkedHub
  readonly initialTwin?: EnrollmentSpec['initialTwin']
  readonly payload?: Json | undefined
}

/** The hubs that an enrollment allows, in the order of their names: all that are linked, or those that it lists. */
export function hubsOf({ hubs: wanted }: Pick<Enrollment, 'hubs'>, linked: readonly LinkedHub[]): readonly LinkedHub[] {
  const names = new Set(wanted.map((name) => name.toLowerCase()))
  const allowed = names.size === 0 ? linked : linked.filter((hub) => names.has(hub.hostName.toLowerCase()))
  return [...allowed].sort((a, b) => (a.hostName.toLowerCase() < b.hostName.toLowerCase() ? -1 : 1))
}

/**
 * Chooses a hub by the policies that need nobody else (azure-wire 7.5): `hashed`, `geoLatency` (hubs of the operator's region, else all, hashed), and `static`.
 * Refuses `provisioning/no-hub`.
 */
export function allocate(enrollment: Enrollment, key: IdKey, linked: readonly LinkedHub[], region: string | undefined): Result<LinkedHub> {
  const allowed = hubsOf(enrollment, linked)
  if (enrollment.allocation === 'static') {
    const name = (enrollment.hubHostName ?? enrollment.hubs[0])?.toLowerCase()
    const hub = name === undefined ? allowed[0] : linked.find((one) => one.hostName.toLowerCase() === name)
    return hub === undefined ? noHub(`The enrollment names ${name ?? 'no hub'}, which is not linked.`) : ok(hub)
  }
  const near = region === undefined || enrollment.allocation !== 'geoLatency' ? [] : allowed.filter((hub) => hub.region === region)
  const hub = hashed(key, near.length > 0 ? near : allowed)
  return hub === undefined ? noHub('None of the hubs that the enrollment allows is linked.') : ok(hub)
}

/**
 * Rendezvous hashing: each hub draws a number for the device, and the highest has it. When a hub is added or taken away, only the devices that it wins or had
 * are sent elsewhere.
 */
function hashed(key: IdKey, hubs: readonly LinkedHub[]): LinkedHub | undefined {
  const [only, another] = hubs
  if (another === undefined) return only
  let best: { readonly hub: LinkedHub; readonly draw: Buffer } | undefined
  for (const hub of hubs) {
    const draw = createHash('sha256').update(`${hub.hostName.toLowerCase()}\n${key}`).digest()
    if (best === undefined || draw.compare(best.draw) > 0) best = { hub, draw }
  }
  return best?.hub
}

/** Nowhere to send a device to. */
export function noHub(message: string): Result<never> {
  return refuse('provisioning/no-hub', message)
}
