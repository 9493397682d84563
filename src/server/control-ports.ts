import type { Clock, Random } from '#base'
import type { ControlPorts, ListenerState } from '#control'
import type { Guard } from '#guard'
import { factToJson } from '#hub'
import { encodeFact } from '#journal'
import { type Rooms, healthOf } from './rooms.io.ts'
import { proposeShrink } from './policy-usage.ts'
import { isOwnFact, systemDevice, systemDevices } from './system-devices.ts'

/** What the operator door needs besides the rooms and the guard. */
export type ControlSurroundings = {
  readonly clock: Clock
  readonly random: Random
  readonly listeners: () => readonly ListenerState[]
  readonly usage: ControlPorts['usage']
  readonly trouble: (what: string, error: unknown) => void
}

/** Joins the operator door to the rooms. */
export function controlPorts(rooms: Rooms, guard: Guard, around: ControlSurroundings): ControlPorts {
  const { operators, audit, hub, egress, pki, bus, journal, broker, gateway, policies, back } = rooms
  return {
    ...around,
    operators,
    audit,
    devices: hub.devices,
    hub,
    pki,
    enrollmentCodes: rooms.est.codes,
    acmeAccounts: rooms.est.acme.accounts,
    factory: rooms.provisioning.factory,
    attestation: rooms.provisioning.attestation.expected,
    provisioning: rooms.provisioning,
    campaigns: rooms.campaigns,
    bus,
    journal,
    door: {
      connections: () => gateway.connections().filter((connection) => systemDevice(connection.device) === undefined),
      open: () => gateway.open - systemDevices.reduce((sum, device) => sum + gateway.openOf(device), 0),
      counters: gateway.counters,
      level: () => gateway.load.level,
    },
    isOwn: isOwnFact,
    policies,
    services: back.directory,
    vault: rooms.secrets,
    rootKey: rooms.care,
    sync: rooms.secrets.sync,
    egress,
    shrink: (_grant, days, progress, signal) =>
      proposeShrink(policies.current, { journal, broker }, { days, now: around.clock.now() }, progress, signal),
    checks: { run: (grant, only) => guard.run(grant, only), last: () => guard.last() },
    factToJson,
    tell: (fact) => void journal.append(encodeFact(fact)),
    health: () => [...healthOf(journal, pki), ...gateway.load.reasons, ...policies.health()],
  }
}
