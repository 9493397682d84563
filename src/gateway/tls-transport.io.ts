import type { TLSSocket } from 'node:tls'
import type { TlsFacts, Transport } from './transport.ts'

// What a peer that does not close its side may cost us after we have said goodbye.
const lingerMs = 2_000
// Far beyond any honest chain; the bound is against a loop.
const maxChain = 8

/** What both ways to a client have in common: the TLS socket below, its certificates, and how it ends. */
export abstract class TlsTransport implements Transport {
  abstract readonly kind: Transport['kind']
  readonly address: string
  readonly isProbe: boolean
  readonly gone: Promise<void>
  protected readonly socket: TLSSocket
  readonly #admit: () => void

  /** `admit` is called once, when the peer has proven who it is. */
  constructor(socket: TLSSocket, isProbe: boolean, admit: () => void) {
    this.socket = socket
    this.isProbe = isProbe
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
    this.socket.setTimeout(lingerMs, () => this.socket.destroy())
  }

  cut(): void {
    this.goodbye()
    this.socket.destroySoon()
  }

  /** Node links each certificate to its issuer; a root is its own. */
  certificates(): readonly Buffer[] {
    const chain: Buffer[] = []
    let certificate = this.socket.getPeerX509Certificate()
    while (certificate !== undefined && chain.length < maxChain) {
      const raw = certificate.raw
      if (chain.some((known) => known.equals(raw))) break
      chain.push(raw)
      certificate = certificate.issuerCertificate
    }
    return chain
  }

  tls(): TlsFacts {
    const { socket } = this
    return {
      version: socket.getProtocol() ?? 'unknown',
      cipher: socket.getCipher()?.standardName ?? 'unknown',
      resumed: socket.isSessionReused(),
    }
  }

  authenticated(): void {
    this.#admit()
  }
}
