import { type Server, Socket, createServer } from 'node:net'
import { Fault } from '#base'
import { type Admission, type Ticket, freeTicket } from './admission.ts'
import type { Desk } from './desk.ts'
import { type Peer, isOwnProbe, refuseHandshake } from './handshake-refusal.ts'
import type { ListenerLimits } from './listener-limits.ts'

/** The plain TCP side of a listener: counts strangers before TLS has cost anything, and hands sockets on. */
export interface Front {
  /** What this listener allows its peers. */
  readonly limits: ListenerLimits
  /** What was decided and is counted about the peer on this socket, for its {@link Connection}. */
  ticket(socket: Peer): Ticket
  /** The peer on this socket has proven who it is; it no longer counts as a stranger. */
  proven(socket: Peer): void
  /** Whoever was handed this socket moves it to another thread, so it closes here while it lives on there. Returns what to call when it is gone. */
  adopt(socket: Socket): () => void
  /** Starts to hand sockets to `inner`, a TLS or HTTPS server that does not listen itself. Resolves to the port. */
  listen(inner: { emit(event: 'connection', socket: Socket): boolean }, host: string, port: number, option: string): Promise<number>
  /** Stops listening and resolves when every socket is gone. */
  close(): Promise<void>
}

/** Every socket needs a listener, or its error ends the process; what happened shows when it closes. */
export function ignoreError(): void {}

/** How a front is named in records, what it allows its peers, and whether it answers who asks for the hub's health. */
export type FrontConfig = { readonly name: string; readonly limits: ListenerLimits; readonly answersHealth: boolean }

/** The front of one listener. */
export function createFront({ name: listener, limits, answersHealth }: FrontConfig, desk: Desk, admission: Admission): Front {
  const tickets = new Map<string, Ticket>()
  const open = new Map<Socket, () => void>()
  let hand: (socket: Socket) => void = (socket) => socket.destroy()
  const server: Server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', ignoreError)
    // Asked for while it is open, so that it is remembered when it is not.
    const address = socket.remoteAddress
    // What the hub asks of itself must be answered under load too.
    const ticket = isOwnProbe(desk, socket) ? freeTicket : admission.enter(address ?? 'unknown', answersHealth)
    if (!('leave' in ticket)) {
      refuseHandshake(desk, listener, socket, ticket)
      socket.destroy()
      return
    }
    const key = peer(socket)
    tickets.set(key, ticket)
    const gone = () => {
      open.delete(socket)
      if (tickets.get(key) === ticket) tickets.delete(key)
      ticket.leave()
    }
    open.set(socket, gone)
    socket.once('close', gone)
    hand(socket)
  })
  return {
    limits,
    ticket: (socket) => tickets.get(peer(socket)) ?? freeTicket,
    proven(socket) {
      tickets.get(peer(socket))?.proven()
    },
    adopt(socket) {
      const gone = open.get(socket) ?? (() => {})
      socket.off('close', gone)
      open.delete(socket)
      return gone
    },
    listen(inner, host, port, option) {
      hand = (socket) => void inner.emit('connection', socket)
      return new Promise((resolve, reject) => {
        const refused = (error: NodeJS.ErrnoException) => reject(portFault(error, host, port, option))
        server.once('error', refused)
        server.listen({ host, port, backlog: 4096 }, () => {
          server.off('error', refused)
          server.on('error', ignoreError)
          const address = server.address()
          resolve(typeof address === 'object' && address !== null ? address.port : port)
        })
      })
    },
    close() {
      return new Promise((resolve) => {
        if (!server.listening) return resolve()
        server.close(() => resolve())
        for (const socket of open.keys()) socket.resume()
      })
    },
  }
}

// Unique among open sockets of one listener, and the same seen from the raw socket and from TLS above it.
function peer(socket: Peer): string {
  return `${socket.remoteAddress}|${socket.remotePort}`
}

/** Turns the system's word for a port that cannot be had into ours, with the way out. */
export function portFault(error: NodeJS.ErrnoException, host: string, port: number, option: string): Fault {
  if (error.code === 'EADDRINUSE')
    return new Fault(
      'gateway/port-taken',
      `Port ${port} on ${host} is in use by another program. Stop it (ss -ltnp 'sport = :${port}' names it) or choose another port with ${option}.`,
      error,
    )
  if (error.code === 'EACCES')
    return new Fault(
      'gateway/port-privileged',
      `Port ${port} needs the right to bind low ports. Choose one above 1023 with ${option}, or allow it: sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
      error,
    )
  if (error.code === 'EADDRNOTAVAIL')
    return new Fault('gateway/address-unknown', `${host} is not an address of this machine. Choose one that is with --host.`, error)
  return new Fault('gateway/listen-failed', `Port ${port} on ${host} could not be opened: ${error.message}`, error)
}
