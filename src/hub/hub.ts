import { type Registry, type RegistryPorts, openRegistry } from './registry.ts'

/** The hub's domain: for now its registry of devices. */
export type Hub = { readonly devices: Registry }

/** Opens the hub on its rows (its tables come from `hubMigrations`). */
export async function openHub(ports: RegistryPorts, signal: AbortSignal): Promise<Hub> {
  return { devices: await openRegistry(ports, signal) }
}
