import type { AddressScope } from './evidence.ts'

/**
 * From where an address can be reached (RFC 6890, RFC 4193, RFC 6598): `unspecified` is a bind to all addresses of the host.
 * Text that is no address counts as global: what we cannot place is treated as the worst.
 */
export function scopeOf(text: string): AddressScope {
  const address = (text.split('%')[0] ?? text).toLowerCase()
  if (address === 'localhost') return 'loopback'
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return scopeOf4(address)
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (mapped !== undefined) return scopeOf4(mapped)
  if (!/^[0-9a-f:]{2,39}$/.test(address) || !address.includes(':')) return 'global'
  const words = expand(address)
  if (words.length !== 8) return 'global'
  if (words.every((word) => word === 0)) return 'unspecified'
  if (words.slice(0, 7).every((word) => word === 0) && words[7] === 1) return 'loopback'
  const first = words[0] ?? 0
  if ((first & 0xffc0) === 0xfe80) return 'link'
  if ((first & 0xfe00) === 0xfc00) return 'private'
  return 'global'
}

function scopeOf4(address: string): AddressScope {
  const [a = 0, b = 0] = address.split('.').map(Number)
  if (address === '0.0.0.0') return 'unspecified'
  if (a === 127) return 'loopback'
  if (a === 169 && b === 254) return 'link'
  if (a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168)) return 'private'
  // 100.64.0.0/10 is shared by a carrier's customers: not the public internet.
  if (a === 100 && b >= 64 && b <= 127) return 'private'
  return 'global'
}

/** The words of an IPv6 address; not eight of them when the text is malformed. */
function expand(address: string): readonly number[] {
  const [head = '', tail] = address.split('::')
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)))
  const left = words(head)
  if (tail === undefined) return left
  const right = words(tail)
  return [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => 0), ...right]
}

/** The address to connect to in order to reach a listener that is bound to `host`, from this host. */
export function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
