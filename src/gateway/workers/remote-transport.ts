import type { TlsFacts, Transport } from '../transport.ts'
import type { ChannelEnd } from './channel.ts'
import { toWorker } from './frames.ts'

/** A connection whose TLS is spoken by a worker, as the engine's thread sees it. */
export type Remote = {
  readonly slot: number
  readonly generation: number
  readonly address: string
  readonly isProbe: boolean
  readonly isTrustProbe: boolean
  readonly tls: TlsFacts
  readonly certificates: readonly Buffer[]
  readonly channel: ChannelEnd
  /** Shared with the worker: bytes that the socket in each slot has given to its peer. */
  readonly taken: Uint32Array
  readonly admit: () => void
  readonly gone: Promise<void>
}

/** MQTT on a socket of a worker: every call becomes a frame, in order with all others. */
export class RemoteTransport implements Transport {
  readonly kind = 'mqtts'
  readonly gone: Promise<void>
  readonly #remote: Remote
  #written = 0
  #isOver = false

  constructor(remote: Remote) {
    this.#remote = remote
    this.gone = remote.gone
  }

  get address(): string {
    return this.#remote.address
  }

  get isProbe(): boolean {
    return this.#remote.isProbe
  }

  get isTrustProbe(): boolean {
    return this.#remote.isTrustProbe
  }

  /** As exact as the worker's last finished write: what waits in the ring, in the worker and in its socket counts alike. */
  get bufferedBytes(): number {
    if (this.#isOver) return 0
    return (this.#written - Atomics.load(this.#remote.taken, this.#remote.slot)) >>> 0
  }

  write(bytes: Buffer): void {
    if (this.#isOver || bytes.length === 0) return
    this.#written = (this.#written + bytes.length) >>> 0
    this.#send(toWorker.data, bytes)
  }

  end(): void {
    this.#send(toWorker.end)
  }

  cut(): void {
    this.#send(toWorker.cut)
  }

  destroy(): void {
    this.#send(toWorker.destroy)
  }

  pause(): void {
    this.#send(toWorker.pause)
  }

  resume(): void {
    this.#send(toWorker.resume)
  }

  certificates(): readonly Buffer[] {
    return this.#remote.certificates
  }

  tls(): TlsFacts {
    return this.#remote.tls
  }

  authenticated(): void {
    this.#remote.admit()
  }

  /** The worker has said that the socket is gone, or is gone itself: nothing is sent any more. */
  over(): void {
    this.#isOver = true
  }

  #send(kind: number, bytes?: Buffer): void {
    if (this.#isOver) return
    this.#remote.channel.send(kind, this.#remote.slot, this.#remote.generation, bytes)
  }
}
