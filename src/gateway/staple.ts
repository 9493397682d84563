import type { Server } from 'node:tls'
import type { Desk } from './desk.ts'

/**
 * Sends the newest staple along with the certificate to clients that ask for it (RFC 6066 section 8). Without one the handshake goes on as if nobody
 * had asked: a client that insists says so itself.
 */
export function stapleOn(server: Pick<Server, 'on'>, { ports }: Pick<Desk, 'ports'>): void {
  server.on('OCSPRequest', (_certificate, _issuer, answer: (error: null, staple: Buffer | null) => void) =>
    answer(null, ports.staple?.current() ?? null),
  )
}
