import type { TLSSocket } from 'node:tls'
import type { TlsFacts, Transport } from './transport.ts'

// What a peer that does not close its side may cost us after we have said goodbye.
const lingerMs = 2_000

/** What TLS agreed on; asked lazily, for most connections once. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher()?.standardName ?? 'unknown',
    resumed: socket.isSessionReused(),
  }
}

/** The presented chain, DER, leaf first. Node links each certificate to its issuer; a root is its own. */
export function presentedChain(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = []
  let certificate = socket.getPeerX509Certificate()
  // Eight is far beyond any honest chain; the bound is against a loop.
  while (certificate !== undefined && chain.length < 8) {
    const raw = certificate.raw
    if (chain.some((known) => known.equals(raw))) break
    chain.push(raw)
    certificate = certificate.issuerCertificate
  }
  return chain
}

/** MQTT directly on TLS. */
export class SocketTransport implements Transport {
  readonly kind = 'mqtts'
  readonly address: string
  readonly isProbe: boolean
  readonly gone: Promise<void>
  readonly #socket: TLSSocket
  readonly #admit: () => void

  /** `admit` is called once, when the peer has proven who it is. */
  constructor(socket: TLSSocket, isProbe: boolean, admit: () => void) {
    this.#socket = socket
    this.#admit = admit
    this.isProbe = isProbe
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()))
    this.address = socket.remoteAddress ?? 'unknown'
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  write(bytes: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes)
  }

  end(): void {
    this.#socket.end()
    this.#socket.setTimeout(lingerMs, () => this.#socket.destroy())
  }

  cut(): void {
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  certificates(): readonly Buffer[] {
    return presentedChain(this.#socket)
  }

  tls(): TlsFacts {
    return tlsFacts(this.#socket)
  }

  authenticated(): void {
    this.#admit()
  }
}
