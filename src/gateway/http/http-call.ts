import type { IncomingHttpHeaders } from 'node:http'

/** One request, with as much of its connection as answering it takes. */
export type HttpCall = {
  readonly method: string
  /** Path and query as they came. */
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly body: AsyncIterable<Uint8Array>
  readonly peer: HttpPeer
  /** Ends the connection: the peer does not go on. */
  readonly cut: () => void
}

/** The far end of an HTTPS connection. */
export interface HttpPeer {
  readonly address: string
  /** True for a probe of the hub itself: what it provokes is expected, and not recorded. */
  readonly isProbe: boolean
  readonly kind: 'https'
  /** The chain that the client sent, DER, leaf first. */
  certificates(): readonly Buffer[]
  /** It has shown who it is: it is no stranger any more. */
  proven(): void
  /** It was denied. Milliseconds that it has to wait for the answer. */
  denied(): number
}

/** An answer. */
export type HttpReply = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

/** Done, and nothing to say (azure-wire 3). */
export const done: HttpReply = { status: 204 }

/** The first value of a header. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}
