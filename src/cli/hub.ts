import type { Result } from '#base'
import type { Problem } from './exit.ts'
import type { SseEvent } from './sse.ts'

/** One request to the hub's API. `failure` opens the message when it does not succeed: "Device pump-1 was not added." */
export type Request = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly ifMatch?: string | undefined
  readonly failure: string
  /** How long the hub may take to begin its answer, where it waits for a device; a minute unless said. */
  readonly answerMs?: number | undefined
}

/** An answer: parsed JSON, or text for other types, or undefined for an empty one. */
export type Answer = {
  readonly status: number
  readonly body: unknown
  readonly date: string | undefined
  readonly etag: string | undefined
}

/** The hub as this command sees it: a plain client of its API. Problems are ready to be shown. */
export type Hub = {
  readonly url: string
  readonly rootPem: string
  ask(request: Request): Promise<Result<Answer, Problem>>
  /** The answer line by line as it arrives (newline-delimited JSON), each parsed. */
  lines(request: Request): Promise<Result<AsyncIterable<unknown>, Problem>>
  /** The answer as it arrives, byte for byte. */
  bytes(request: Request): Promise<Result<AsyncIterable<Uint8Array>, Problem>>
  /** Server-sent events until the hub closes the stream. */
  events(path: string, failure: string): Promise<Result<AsyncIterable<SseEvent>, Problem>>
  /** Lets go of sockets that wait for another request. */
  close(): void
}

/** A path with its query; members that are undefined are left out. */
export function withQuery(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  )
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`
}

/** The path of one device, or of something of its. */
export function devicePath(id: string, rest = ''): string {
  return `/api/v1/devices/${encodeURIComponent(id)}${rest}`
}

/** The path of a device or, for `device/module`, of a module; or of something of theirs. */
export function identityPath(identity: string, rest = ''): string {
  const slash = identity.indexOf('/')
  if (slash < 0) return devicePath(identity, rest)
  return devicePath(identity.slice(0, slash), `/modules/${encodeURIComponent(identity.slice(slash + 1))}${rest}`)
}
