import { readFile, readdir, readlink } from 'node:fs/promises'
import { scopeOf } from '../address.ts'
import type { ListeningSocket, PlaintextProtocol, Sighting } from '../evidence.ts'
import type { Listener } from '../ports.ts'
import { probePlaintext } from './plaintext.io.ts'
import { plaintextProbes } from './plaintext.ts'
import { type TableRow, parseSocketTable } from './socket-table.ts'

/** Ports on which the protocols of the field are spoken in the clear. Other services of the host are not ours to judge. */
export const plaintextPorts: readonly { readonly port: number; readonly transport: 'tcp' | 'udp'; readonly protocol: PlaintextProtocol }[] =
  [
    { port: 1883, transport: 'tcp', protocol: 'mqtt' },
    { port: 5672, transport: 'tcp', protocol: 'amqp' },
    { port: 5683, transport: 'udp', protocol: 'coap' },
  ]

/** Reads the kernel's table of listening sockets and which of them this process holds (Linux only). */
export async function readSockets(): Promise<readonly ListeningSocket[]> {
  const mine = new Set<string>()
  for (const name of await readdir('/proc/self/fd')) {
    // A descriptor may be gone again by the time we look at it: the one of this very listing is.
    const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/self/fd/${name}`).catch(() => ''))?.[1]
    if (inode !== undefined) mine.add(inode)
  }
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'] as const
  const rows = await Promise.all(
    tables.map(async (table): Promise<readonly TableRow[]> => {
      // A kernel without IPv6 has no such files.
      const text = await readFile(`/proc/net/${table}`, 'utf8').catch((error: unknown) =>
        table.endsWith('6') ? '' : Promise.reject(error),
      )
      return parseSocketTable(table.startsWith('tcp') ? 'tcp' : 'udp', text)
    }),
  )
  return rows.flat().map(({ transport, address, port, inode }) => ({ transport, address, port, own: mine.has(inode) }))
}

/**
 * Compares the kernel's sockets with the declared ones, and asks what other processes have on the `known` plaintext ports, beyond
 * loopback, to show whether they answer.
 */
export async function collectSockets(listeners: readonly Listener[], signal: AbortSignal, known = plaintextPorts): Promise<Sighting[]> {
  const subject = { kind: 'hub', id: 'hub' } as const
  let sockets: readonly ListeningSocket[]
  try {
    sockets = await readSockets()
  } catch {
    return [{ method: 'socket-table', subject, problem: 'unreadable: this system does not show the socket table of the kernel' }]
  }
  const foreignPlaintext: (ListeningSocket & { protocol: PlaintextProtocol })[] = []
  for (const socket of sockets) {
    const service = known.find((entry) => entry.port === socket.port && entry.transport === socket.transport)
    const probe = plaintextProbes.find((one) => one.protocol === service?.protocol)
    const scope = scopeOf(socket.address)
    if (socket.own || probe === undefined || scope === 'loopback') continue
    const host = scope === 'unspecified' ? (socket.address.includes(':') ? '::1' : '127.0.0.1') : socket.address
    const said = await probePlaintext({ host, port: socket.port }, probe, signal)
    if ('answer' in said && said.answer === 'plaintext') foreignPlaintext.push({ ...socket, protocol: probe.protocol })
  }
  const declared = listeners.map(({ name, host, port }) => ({ name, host, port }))
  return [{ method: 'socket-table', subject, observed: { sockets: sockets.filter((socket) => socket.own), declared, foreignPlaintext } }]
}
