import type { TLSSocket } from 'node:tls'
import type { WebSocket } from 'ws'
import { TlsTransport } from './tls-transport.io.ts'

const normalClosure = 1000

/** MQTT or AMQP in binary WebSocket frames; frames and packets need not coincide. */
export class WebSocketTransport<K extends 'wss' | 'amqp-ws'> extends TlsTransport {
  readonly kind: K
  readonly #webSocket: WebSocket

  constructor(kind: K, webSocket: WebSocket, socket: TLSSocket, isProbe: boolean, admit: () => void, isTrustProbe = false) {
    super(socket, isProbe, admit, isTrustProbe)
    this.kind = kind
    this.#webSocket = webSocket
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount + this.socket.writableLength
  }

  write(bytes: Buffer): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.send(bytes)
  }

  destroy(): void {
    this.#webSocket.terminate()
  }

  pause(): void {
    this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }

  protected goodbye(): void {
    this.#webSocket.close(normalClosure)
  }
}
