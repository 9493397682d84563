import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import type { ProbeTls } from '../ports.ts'
import type { TlsFacts } from '../transport.ts'
import type { ChannelMemory, Wake } from './channel.ts'

/** What a frame from a worker says. The numbers are only spoken inside one process. */
export const fromWorker = {
  /** One certificate of the chain that the peer sent, DER, leaf first; `opened` follows. */
  certificate: 1,
  /** The handshake is done: {@link Opened} as JSON. */
  opened: 2,
  /** Bytes from the peer. */
  data: 3,
  /** The handshake failed: {@link Failed} as JSON; `closed` follows. */
  failed: 4,
  /** The socket is gone. The last frame of a connection. */
  closed: 5,
} as const

/** What a frame to a worker says. */
export const toWorker = {
  data: 1,
  /** Send what waits, say goodbye, give the peer a moment. */
  end: 2,
  /** Send what the socket takes at once, then close. */
  cut: 3,
  destroy: 4,
  pause: 5,
  resume: 6,
} as const

/** What a worker is started with. The settings hold the server's key: they stay inside the process. */
export type WorkerStart = {
  readonly task: 'thingwall-tls'
  readonly memory: ChannelMemory
  readonly settings: TlsOptions
  readonly probe: ProbeTls | undefined
}

/** What the engine's thread posts to a worker. A socket travels in the transfer list as well. */
export type ToWorker =
  | { readonly say: Wake }
  | { readonly say: 'settings'; readonly settings: TlsOptions }
  | { readonly say: 'probe'; readonly probe: ProbeTls | undefined }
  | { readonly say: 'staple'; readonly staple: Uint8Array | undefined }
  | { readonly say: 'ticket-keys'; readonly ticketKeys: Uint8Array }
  | { readonly say: 'socket'; readonly slot: number; readonly generation: number; readonly socket: Socket }

/** What a worker posts: that there is something in the ring, or room in it. */
export type FromWorker = { readonly say: Wake }

/** A handshake that came to nothing, in the words of `handshakeRefusal`. */
export type Failed = { readonly code: string; readonly message: string; readonly isTrustProbe: boolean }

/** A finished handshake, and whether it was for the new root alone. */
export type Opened = { readonly tls: TlsFacts; readonly isTrustProbe: boolean }

/** What a finished handshake came to, from its frame. */
export function parseOpened(bytes: Buffer): Opened {
  const opened: Opened = JSON.parse(bytes.toString('utf8'))
  return opened
}

/** Why a handshake failed, from its frame. */
export function parseFailed(bytes: Buffer): Failed {
  const failed: Failed = JSON.parse(bytes.toString('utf8'))
  return failed
}
