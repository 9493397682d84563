import { networkInterfaces } from 'node:os'
import { scopeOf } from '../address.ts'
import type { Sighting } from '../evidence.ts'
import { exposureOf } from './exposure.ts'
import type { Listener } from '../ports.ts'

/** Compares where the listeners are bound with the addresses that this host has. */
export function collectExposure(listeners: readonly Listener[], portMappings: readonly string[] | null): Sighting {
  const subject = { kind: 'hub', id: 'hub' } as const
  let addresses
  try {
    addresses = Object.entries(networkInterfaces()).flatMap(([name, entries]) =>
      (entries ?? []).map((entry) => ({ interface: name, address: entry.address, scope: scopeOf(entry.address) })),
    )
  } catch (error) {
    return { method: 'exposure', subject, problem: `unreadable: ${error instanceof Error ? error.message : 'the addresses of this host'}` }
  }
  return { method: 'exposure', subject, observed: exposureOf(listeners, addresses, portMappings) }
}
