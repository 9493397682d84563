import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Peer } from './handshake-refusal.ts'
import type { TlsFacts, Transport } from './transport.ts'

/** What a peer that does not close its side may cost us after we have said goodbye. */
const lingerMs = 2_000
// Far beyond any honest chain; the bound is against a loop.
const maxChain = 8

/** What both ways to a client have in common: the TLS socket below, its certificates, and how it ends. */
export abstract class TlsTransport implements Transport {
  abstract readonly kind: Transport['kind']
  readonly address: string
  readonly isProbe: boolean
  readonly isTrustProbe: boolean
  readonly gone: Promise<void>
  protected readonly socket: TLSSocket
  readonly #admit: () => void

  /** `admit` is called once, when the peer has proven who it is. */
  constructor(socket: TLSSocket, isProbe: boolean, admit: () => void, isTrustProbe = false) {
    this.socket = socket
    this.isProbe = isProbe
    this.isTrustProbe = isTrustProbe
    this.#admit = admit
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()))
    this.address = socket.remoteAddress ?? 'unknown'
  }

  abstract get bufferedBytes(): number
  abstract write(bytes: Buffer): void
  abstract destroy(): void
  abstract pause(): void
  abstract resume(): void
  /** Says goodbye in the way of the transport. */
  protected abstract goodbye(): void

  end(): void {
    this.goodbye()
    destroyLater(this.socket)
  }

  cut(): void {
    this.goodbye()
    this.socket.destroySoon()
    destroyLater(this.socket)
  }

  certificates(): readonly Buffer[] {
    return certificateChain(this.socket)
  }

  tls(): TlsFacts {
    return tlsFacts(this.socket)
  }

  authenticated(): void {
    this.#admit()
  }
}

/**
 * Destroys a socket on which goodbye was said and whose peer does not close its side. By the clock and not after silence: a peer that goes
 * on sending, or reads a byte now and then, would keep it for ever, and nobody counts it any more.
 */
export function destroyLater(socket: TLSSocket): void {
  if (socket.destroyed) return
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(timer))
}

/** The chain that the peer sent, DER, leaf first. Node links each certificate to its issuer; a root is its own. */
export function certificateChain(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = []
  let certificate = socket.getPeerX509Certificate()
  while (certificate !== undefined && chain.length < maxChain) {
    const raw = certificate.raw
    if (chain.some((known) => known.equals(raw))) break
    chain.push(raw)
    certificate = certificate.issuerCertificate
  }
  return chain
}

/** What TLS agreed on, in the words of the records. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher()?.standardName ?? 'unknown',
    resumed: socket.isSessionReused(),
  }
}

/** The far end of a TLS socket, also after it was destroyed: then only the TCP socket below it still knows, and Node has no public way down. */
export function peerOf(socket: TLSSocket): Peer {
  const below: unknown = socket.remoteAddress === undefined ? Reflect.get(socket, '_parent') : undefined
  return below instanceof Socket ? below : socket
}
