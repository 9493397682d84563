import { isIPv6 } from 'node:net'

/**
 * Where an address is, for counting: an IPv4 address itself, of an IPv6 address its /64, because whoever has one address of it has all
 * of them. An IPv4 address in IPv6 clothes is the IPv4 address. Text that is no address counts as one place, `unknown`.
 */
export function placeOf(address: string): string {
  const [bare = ''] = address.split('%', 1)
  if (!isIPv6(bare)) return bare === '' ? 'unknown' : bare
  const dotted = bare.slice(bare.lastIndexOf(':') + 1)
  if (dotted.includes('.') && /^(0*:)*:?ffff:/i.test(bare)) return dotted
  const [head = '', tail] = bare.split('::', 2)
  const before = head === '' ? [] : head.split(':')
  // Missing groups are zero; a dotted end stands for two groups, and only the first four count.
  const behind = tail === undefined || tail === '' ? [] : tail.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]))
  const missing = Math.max(0, 8 - before.length - behind.length)
  const groups = tail === undefined ? before : [...before, ...Array.from({ length: missing }, () => '0'), ...behind]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
