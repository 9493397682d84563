import { TlsTransport } from './tls-transport.io.ts'

/** MQTT directly on TLS. */
export class SocketTransport extends TlsTransport {
  readonly kind = 'mqtts'

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
