/** One socket that waits for peers, as /proc/net shows it. */
export type TableRow = { readonly transport: 'tcp' | 'udp'; readonly address: string; readonly port: number; readonly inode: string }

const tcpListen = '0A'
const udpUnconnected = '07'

/**
 * Reads the text of /proc/net/tcp, tcp6, udp or udp6 (proc(5)): listening TCP sockets and unconnected UDP ones. Addresses are
 * written there as words of host order, which is little-endian on every platform that we run on. Lines that make no sense are left out.
 */
export function parseSocketTable(transport: 'tcp' | 'udp', text: string): readonly TableRow[] {
  const rows: TableRow[] = []
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    const [local = '', remote = '', state, inode] = [fields[1], fields[2], fields[3], fields[9]]
    if (inode === undefined || state !== (transport === 'tcp' ? tcpListen : udpUnconnected)) continue
    const found = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local)
    if (found === null || (transport === 'udp' && !/^0+:0000$/.test(remote))) continue
    const [, hex = '', port = ''] = found
    rows.push({ transport, address: hex.length === 8 ? address4(hex) : address6(hex), port: Number.parseInt(port, 16), inode })
  }
  return rows
}

function address4(hex: string): string {
  return [...Buffer.from(hex, 'hex')].toReversed().join('.')
}

function address6(hex: string): string {
  const bytes: number[] = []
  for (let i = 0; i < 32; i += 8) bytes.push(...[...Buffer.from(hex.slice(i, i + 8), 'hex')].toReversed())
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff)
    return `::ffff:${bytes.slice(12).join('.')}`
  if (bytes.every((byte) => byte === 0)) return '::'
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '::1'
  const words = Array.from({ length: 8 }, (_, i) => (((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0)).toString(16))
  return words.join(':')
}
