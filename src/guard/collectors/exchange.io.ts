import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { markProbe } from './probe-ports.io.ts'

/** What came back from a peer after we spoke first. */
export type Reply =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'closed' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'unreachable'; readonly why: string }

const mostBytes = 16 * 1024

/** How long a probe waits for the first word of a peer on this host or its network. */
export const replyTimeoutMs = 1_500

/**
 * Connects, sends `request` and gives what came back as soon as `enough` says so, or the peer closes, or the time is over.
 * Never throws: a peer that is not there is `unreachable`.
 */
export function exchangeTcp(
  target: { readonly host: string; readonly port: number },
  request: Buffer,
  enough: (bytes: Buffer) => boolean,
  signal: AbortSignal,
  timeoutMs: number = replyTimeoutMs,
): Promise<Reply> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0)
    let connected = false
    const socket = connect({ host: target.host, port: target.port })
    markProbe(socket)
    const end = (otherwise: Reply) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      resolve(bytes.length > 0 ? { kind: 'bytes', bytes } : otherwise)
    }
    const abort = () => end({ kind: 'silent' })
    signal.addEventListener('abort', abort, { once: true })
    socket.setTimeout(timeoutMs, () => end(connected ? { kind: 'silent' } : { kind: 'unreachable', why: 'timed out' }))
    socket.on('connect', () => {
      connected = true
      socket.write(request)
    })
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk.subarray(0, mostBytes - bytes.length)])
      if (enough(bytes) || bytes.length >= mostBytes) end({ kind: 'closed' })
    })
    // A reset after the connection stood is a refusal; before it, nobody was there.
    socket.on('error', (error) => end(connected ? { kind: 'closed' } : { kind: 'unreachable', why: error.message }))
    socket.on('close', () => end(connected ? { kind: 'closed' } : { kind: 'unreachable', why: 'closed at once' }))
    if (signal.aborted) abort()
  })
}

/** Sends one datagram and gives the first that comes back. `closed`: the host says that nobody listens there. */
export function exchangeUdp(
  target: { readonly host: string; readonly port: number },
  request: Buffer,
  signal: AbortSignal,
  timeoutMs = 200,
): Promise<Reply> {
  return new Promise((resolve) => {
    const socket = createSocket(target.host.includes(':') ? 'udp6' : 'udp4')
    const timer = setTimeout(() => end({ kind: 'silent' }), timeoutMs)
    let over = false
    const end = (reply: Reply) => {
      if (over) return
      over = true
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.close()
      resolve(reply)
    }
    const abort = () => end({ kind: 'silent' })
    signal.addEventListener('abort', abort, { once: true })
    socket.on('error', () => end({ kind: 'closed' }))
    socket.on('message', (bytes) => end({ kind: 'bytes', bytes }))
    // A connected socket hears the "port unreachable" of the host.
    socket.connect(target.port, target.host, () => socket.send(request))
    if (signal.aborted) abort()
  })
}
