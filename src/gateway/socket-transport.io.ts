import type { TLSSocket } from 'node:tls'
import { TlsTransport } from './tls-transport.io.ts'

/** MQTT or AMQP directly on TLS. */
export class SocketTransport<K extends 'mqtts' | 'amqps'> extends TlsTransport {
  readonly kind: K

  constructor(kind: K, socket: TLSSocket, isProbe: boolean, admit: () => void, isTrustProbe = false) {
    super(socket, isProbe, admit, isTrustProbe)
    this.kind = kind
  }

  get bufferedBytes(): number {
    return this.socket.writableLength
  }

  write(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes)
  }

  destroy(): void {
    this.socket.destroy()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  protected goodbye(): void {
    this.socket.end()
  }
}
