import type { TLSSocket } from 'node:tls'
import type { WebSocket } from 'ws'
import { presentedChain, tlsFacts } from './socket-transport.io.ts'
import type { TlsFacts, Transport } from './transport.ts'

const lingerMs = 2_000
const normalClosure = 1000

/** MQTT in binary WebSocket frames; frames and packets need not coincide. */
export class WebSocketTransport implements Transport {
  readonly kind = 'wss'
  readonly address: string
  readonly isProbe: boolean
  readonly gone: Promise<void>
  readonly #webSocket: WebSocket
  readonly #socket: TLSSocket
  readonly #admit: () => void

  constructor(webSocket: WebSocket, socket: TLSSocket, isProbe: boolean, admit: () => void) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#admit = admit
    this.isProbe = isProbe
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()))
    this.address = socket.remoteAddress ?? 'unknown'
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount + this.#socket.writableLength
  }

  write(bytes: Buffer): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.send(bytes)
  }

  end(): void {
    this.#webSocket.close(normalClosure)
    this.#socket.setTimeout(lingerMs, () => this.#socket.destroy())
  }

  cut(): void {
    this.#webSocket.close(normalClosure)
    this.#socket.destroySoon()
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
