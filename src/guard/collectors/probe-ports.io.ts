import type { Socket } from 'node:net'

// Longer than a listener takes to notice that a probe has gone.
const rememberMs = 2_000

const ports = new Set<number>()

/** Remembers the local port of a probe's socket while it lives and shortly after, so that the door can tell our probes from strangers. */
export function markProbe(socket: Socket): void {
  socket.once('connect', () => {
    const port = socket.localPort
    if (port === undefined) return
    ports.add(port)
    socket.once('close', () => setTimeout(() => ports.delete(port), rememberMs).unref())
  })
}

/**
 * Whether a peer of this machine on this port is a probe of this process. What our own probes provoke is expected and must not look
 * like an attack; nobody else can hold the port while we do.
 */
export function isProbePort(port: number | undefined): boolean {
  return port !== undefined && ports.has(port)
}
