import { scopeOf } from '../address.ts'
import type { Observations } from '../evidence.ts'
import type { Listener } from '../ports.ts'

/** Which listeners can be reached from a global-scope address of this host: those bound to one, or to all while there is one. */
export function exposureOf(
  listeners: readonly Listener[],
  addresses: Observations['exposure']['addresses'],
  portMappings: readonly string[] | null,
): Observations['exposure'] {
  const binds = listeners.map(({ name, host }) => ({ listener: name, host, scope: scopeOf(host === '' ? '::' : host) }))
  const global = addresses.filter((address) => address.scope === 'global')
  const publicBinds = binds
    // A socket on :: takes IPv4 too; one on 0.0.0.0 takes IPv4 only.
    .filter(
      ({ host, scope }) =>
        scope === 'global' || (scope === 'unspecified' && global.some((one) => host !== '0.0.0.0' || !one.address.includes(':'))),
    )
    .map(({ listener }) => listener)
  return { addresses, binds, publicBinds, portMappings }
}
