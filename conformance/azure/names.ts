import dns from 'node:dns'

/**
 * Names that this process finds at addresses of its own choice, as a hosts file would have them, until it is disposed of. SDKs speak TLS to names
 * alone, for AMQP, and each needs the ports that it takes when nothing else is said.
 */
export function knowNames(addresses: Readonly<Record<string, string>>): Disposable {
  const { lookup } = dns
  const own = (name: string, ...rest: unknown[]): unknown => Reflect.apply(lookup, dns, [addresses[name] ?? name, ...rest])
  Reflect.set(dns, 'lookup', own)
  return { [Symbol.dispose]: () => void Reflect.set(dns, 'lookup', lookup) }
}
