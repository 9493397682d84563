/** What TLS agreed on for a connection. */
export type TlsFacts = { readonly version: string; readonly cipher: string; readonly resumed: boolean }

/** One byte stream to a client: TLS on a socket, or binary WebSocket frames inside HTTPS. What speaks over it knows no more of it. */
export interface Transport {
  readonly kind: 'mqtts' | 'wss' | 'amqps' | 'amqp-ws'
  /** The peer's IP address. */
  readonly address: string
  /** True for a probe of the hub itself: what it provokes is expected, and neither counted nor recorded as a refusal. */
  readonly isProbe: boolean
  /** Whether the peer asked for a name that the new root alone vouches for (`trust-probe.ts`). */
  readonly isTrustProbe?: boolean
  write(bytes: Buffer): void
  /** Sends what waits, says goodbye and gives the peer a moment to do the same. */
  end(): void
  /** Sends what the socket takes at once, then closes without waiting for the peer. */
  cut(): void
  /** Closes now. */
  destroy(): void
  /** Resolves when the socket is gone. */
  readonly gone: Promise<void>
  /** Stops and restarts reading; TCP then slows the peer down. */
  pause(): void
  resume(): void
  /** Bytes written that the peer has not taken. */
  readonly bufferedBytes: number
  /** The chain that the client sent, DER, leaf first. A resumed session has the leaf alone. */
  certificates(): readonly Buffer[]
  tls(): TlsFacts
  /** The peer has proven who it is: limits for strangers no longer apply. */
  authenticated(): void
}
