import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** The process that listens on a TCP port, as far as this user may see (Linux only); undefined when it cannot be told. */
export function listenerOwner(port: number): number | undefined {
  const inodes = new Set([...listeningInodes('/proc/net/tcp', port), ...listeningInodes('/proc/net/tcp6', port)])
  if (inodes.size === 0) return undefined
  for (const entry of namesIn('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue
    for (const handle of namesIn(`/proc/${entry}/fd`)) {
      const inode = /^socket:\[([0-9]+)\]$/.exec(linkOf(`/proc/${entry}/fd/${handle}`))?.[1]
      if (inode !== undefined && inodes.has(inode)) return Number(entry)
    }
  }
  return undefined
}

// Columns of proc(5): 1 is address:port in hexadecimal, 3 the state (0A = listening), 9 the inode.
function listeningInodes(file: string, port: number): readonly string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readOr(file)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(wanted) && columns[3] === '0A')
    .flatMap((columns) => (columns[9] === undefined ? [] : [columns[9]]))
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
