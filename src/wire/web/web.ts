/*
 * A whole HTTP request and its answer as values. Protocols that ride on HTTP (EST, ACME, OCSP, provisioning, secrets) are functions from one to
 * the other, and need no server to be tested.
 */

/** The far end of the request. */
export type WebPeer = {
  readonly address: string
  /** The chain that the client sent in TLS, DER, leaf first; nothing of it is verified. Empty: none. */
  readonly certificates: readonly Buffer[]
}

/** One request, its body read. */
export type WebRequest = {
  /** Upper case. */
  readonly method: string
  /** The path as it came, percent-encoded, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** By lower-case name; the first value of each. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly peer: WebPeer
}

/** An answer. Headers by lower-case name; `content-length` and security headers are added by whoever sends it. */
export type WebAnswer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
  /** It invites somebody to prove who they are who has shown nothing yet: a 401 that is no denial. */
  readonly asks?: boolean
}

/** A part of the HTTPS listener that somebody serves. */
export type WebSite = {
  /** Its name, for the log. */
  readonly name: string
  /** Whether requests to this path are for it. Asked before anything is read. */
  serves(path: string): boolean
  /** The longest body that it takes there, in bytes; 0 for none. */
  maxBodyBytes(method: string, path: string): number
  /** Answers. Rejects for a bug or a broken world only, which the peer sees as 500. */
  answer(request: WebRequest): Promise<WebAnswer>
}

/** A JSON answer that nobody keeps. */
export function jsonAnswer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): WebAnswer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: JSON.stringify(body) }
}

/** A plain text answer. */
export function textAnswer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): WebAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body }
}
