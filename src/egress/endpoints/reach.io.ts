import { type LookupAddress, lookup } from 'node:dns'
import { type LookupFunction, isIP } from 'node:net'
import { Fault } from '#base'
import type { EndpointPorts } from '../endpoint.ts'
import { isPublicAddress } from './host-scope.ts'

const refused = (host: string) =>
  new Fault('egress/address-not-allowed', `The address of ${host} is private or of this machine, which nobody allowed for endpoints.`)

/**
 * A way to find addresses that finds none for hosts that endpoints may not reach, for `net.connect`, `tls.connect` and what is built on them. What was judged is
 * what is connected to, so a name that changes its address between two looks gains nothing. A host that is an address is never looked up: see {@link assertReach}.
 */
export function guardedLookup(ports: Pick<EndpointPorts, 'mayReach'>): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
      const [first] = found ?? []
      if (error !== null || first === undefined) return callback(error ?? new Error(`no address for ${host}`), '', 0)
      if (!ports.mayReach(host) && !found.every(({ address }) => isPublicAddress(address))) return callback(refused(host), '', 0)
      return options.all === true ? callback(null, found) : callback(null, first.address, first.family)
    })
  }
}

/** Throws the Fault `egress/address-not-allowed` when a host is, or has, an address that endpoints may not reach. Failing to find it is left to whoever connects. */
export async function assertReach(host: string, ports: Pick<EndpointPorts, 'mayReach'>): Promise<void> {
  if (ports.mayReach(host)) return
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0) {
    if (!isPublicAddress(bare)) throw refused(host)
    return
  }
  await new Promise<void>((resolve, reject) => {
    lookup(bare, { all: true }, (_, found: LookupAddress[] | undefined) => {
      if (found?.every(({ address }) => isPublicAddress(address)) === false) reject(refused(host))
      else resolve()
    })
  })
}
